using System.Buffers;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Format;

/// <summary>
/// Lets pinned, zeroed bytes be handed out as <see cref="Memory{T}"/>, which lives longer than a span; once the buffer is
/// disposed of, what was handed out throws instead of reading freed bytes.
/// </summary>
internal sealed class SecretMemory(int length) : MemoryManager<byte>
{
    private readonly SecretBuffer _buffer = new(length);

    public int Length => _buffer.Length;

    public override Span<byte> GetSpan() => _buffer.Span;

    public override unsafe MemoryHandle Pin(int elementIndex = 0)
    {
        // The buffer is pinned for its whole life; the handle has nothing to release.
        fixed (byte* start = _buffer.Span[elementIndex..]) return new MemoryHandle(start);
    }

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _buffer.Dispose();
    }
}
