using HsmBackup.Engine.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection;

public sealed class SecretBufferTests
{
    [Fact]
    public void A_new_buffer_is_zero_filled()
    {
        using SecretBuffer buffer = new(48);
        Assert.Equal(48, buffer.Length);
        Assert.True(buffer.Span.SequenceEqual(new byte[48]));
    }

    [Fact]
    public void A_copy_is_independent_of_its_source()
    {
        byte[] source = [1, 2, 3];
        using SecretBuffer buffer = SecretBuffer.CopyOf(source);
        source[0] = 9;
        Assert.Equal(new byte[] { 1, 2, 3 }, buffer.Span.ToArray());
    }

    [Fact]
    public void Two_random_buffers_differ()
    {
        using SecretBuffer one = SecretBuffer.Random(32);
        using SecretBuffer other = SecretBuffer.Random(32);
        Assert.False(one.Span.SequenceEqual(other.Span));
        Assert.False(one.Span.SequenceEqual(new byte[32]));
    }

    [Fact]
    public void Dispose_overwrites_the_bytes()
    {
        SecretBuffer buffer = SecretBuffer.Random(32);
        Span<byte> kept = buffer.Span;
        buffer.Dispose();
        Assert.True(kept.SequenceEqual(new byte[32]));
    }

    [Fact]
    public void A_disposed_buffer_gives_nothing_more()
    {
        SecretBuffer buffer = new(8);
        buffer.Dispose();
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => buffer.Span.Length);
        Assert.Equal(8, buffer.Length);
    }

    [Fact]
    public void The_bytes_stay_where_they_are_when_the_heap_is_compacted()
    {
        // Dropped neighbours give the collector a reason to move whatever it may move.
        List<byte[]> neighbours = [.. Enumerable.Range(0, 1000).Select(_ => new byte[100])];
        using SecretBuffer buffer = SecretBuffer.Random(32);
        neighbours.Clear();
        nint before = Address(buffer);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);
        Assert.Equal(before, Address(buffer));
    }

    [Fact]
    public void A_negative_length_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => new SecretBuffer(-1));

    [Fact]
    public void An_empty_buffer_is_allowed()
    {
        using SecretBuffer buffer = new(0);
        Assert.True(buffer.Span.IsEmpty);
    }

    [Fact]
    public void The_text_of_a_buffer_tells_nothing()
    {
        using SecretBuffer buffer = SecretBuffer.CopyOf("abc"u8);
        Assert.Equal("(secret)", buffer.ToString());
    }

    private static unsafe nint Address(SecretBuffer buffer)
    {
        fixed (byte* start = buffer.Span)
        {
            return (nint)start;
        }
    }
}
