using FsCheck;
using FsCheck.Fluent;
using HsmBackup.Engine.Protection.Shares;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection.Shares;

public sealed class ShareHeaderTests
{
    [Fact]
    public void Every_field_has_its_bits()
    {
        // 15 bits, 1, 4, 4, 4, 4, 4, 4; thresholds and the count one less.
        ShareHeader header = new(0b100_0000_0000_0001, true, 0b1001, 0b0110, 0b1010 + 1, 0b1100 + 1, 0b0011, 0b0101 + 1);
        ushort[] words = new ushort[ShareHeader.WordCount];
        header.Write(words);
        Assert.Equal([0b1000000000, 0b0000111001, 0b0110101011, 0b0000110101], words);
        Assert.Equal(header, ShareHeader.Read(words));
    }

    [Fact]
    public void Any_forty_bits_are_a_header_and_come_back() =>
        Prop.ForAll(Gen.Choose(0, WordList.Count - 1).ArrayOf(ShareHeader.WordCount).ToArbitrary(), numbers =>
        {
            ushort[] words = [.. numbers.Select(number => (ushort)number)];
            ushort[] again = new ushort[ShareHeader.WordCount];
            ShareHeader header = ShareHeader.Read(words);
            header.Write(again);
            Assert.Equal(words, again);
            Assert.Equal($"{WordList.At(words[0])} {WordList.At(words[1])}", header.SetName);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));

    [Fact]
    public void Only_what_a_whole_set_has_in_common_makes_it_the_same_set()
    {
        ShareHeader header = new(1, true, 2, 3, 4, 5, 6, 7);
        Assert.True(header.IsOfSameSet(header with { GroupIndex = 0, Index = 0, Threshold = 1 }));
        Assert.False(header.IsOfSameSet(header with { SetId = 0 }));
        Assert.False(header.IsOfSameSet(header with { Extendable = false }));
        Assert.False(header.IsOfSameSet(header with { IterationExponent = 0 }));
        Assert.False(header.IsOfSameSet(header with { GroupThreshold = 1 }));
        Assert.False(header.IsOfSameSet(header with { GroupCount = 4 }));
    }
}
