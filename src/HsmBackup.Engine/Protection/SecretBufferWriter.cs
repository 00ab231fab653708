using System.Buffers;
using System.Security.Cryptography;

namespace HsmBackup.Engine.Protection;

/// <summary>A growing buffer for a serializer that may write secrets: pinned, and zeroed when it is outgrown, reused or disposed.</summary>
internal sealed class SecretBufferWriter : IBufferWriter<byte>, IDisposable
{
    private byte[] _bytes;
    private int _written;

    public SecretBufferWriter(int capacity) => _bytes = GC.AllocateArray<byte>(capacity, pinned: true);

    /// <summary>What was written since the last <see cref="Reset"/>.</summary>
    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _written);

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _bytes.Length - _written);
        _written += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsMemory(_written);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsSpan(_written);
    }

    /// <summary>Forgets what was written.</summary>
    public void Reset()
    {
        CryptographicOperations.ZeroMemory(_bytes.AsSpan(0, _written));
        _written = 0;
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_bytes);

    private void Reserve(int sizeHint)
    {
        int needed = Math.Max(sizeHint, 256);
        if (_bytes.Length - _written >= needed)
        {
            return;
        }
        byte[] larger = GC.AllocateArray<byte>(Math.Max(_bytes.Length * 2, _written + needed), pinned: true);
        Written.CopyTo(larger);
        Dispose();
        _bytes = larger;
    }
}
