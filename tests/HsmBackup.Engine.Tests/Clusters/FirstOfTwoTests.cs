using HsmBackup.Engine.Clusters;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters;

/// <summary>Of those who want to be first, one is.</summary>
public sealed class FirstOfTwoTests
{
    [Fact]
    public void Whoever_comes_second_is_told()
    {
        var race = new FirstOfTwo();
        Assert.True(race.TryBeFirst());
        Assert.False(race.TryBeFirst());
    }

    [Fact]
    public void However_many_come_at_once_one_is_first()
    {
        for (int round = 0; round < 200; round++)
        {
            var race = new FirstOfTwo();
            int first = 0;
            Parallel.For(0, 8, _ => Interlocked.Add(ref first, race.TryBeFirst() ? 1 : 0));
            Assert.Equal(1, first);
        }
    }
}
