using System.Security.Cryptography;

namespace HsmBackup.Engine.Protection;

/// <summary>
/// Secret bytes in one place: the array is pinned, so the garbage collector never leaves a copy of it behind when it
/// compacts the heap, and it is overwritten with zeros on <see cref="Dispose"/>.
/// </summary>
/// <remarks>
/// There is no finalizer on purpose. A caller may hold <see cref="Span"/> while the buffer itself is already
/// unreachable, and a finalizer would then wipe a key in the middle of its use. Whoever makes a buffer disposes it.
/// </remarks>
public sealed class SecretBuffer : IDisposable
{
    private readonly byte[] _bytes;
    private bool _disposed;

    /// <summary>Makes a buffer of zeros.</summary>
    /// <param name="length">Length in bytes; zero is allowed.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative.</exception>
    public SecretBuffer(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        _bytes = GC.AllocateArray<byte>(length, pinned: true);
    }

    /// <summary>Length in bytes. It stays readable after <see cref="Dispose"/>.</summary>
    public int Length => _bytes.Length;

    /// <summary>The secret itself, for reading and writing. Do not keep it longer than the buffer.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public Span<byte> Span
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _bytes;
        }
    }

    /// <summary>Makes a buffer of random bytes from the system's cryptographic generator.</summary>
    /// <param name="length">Length in bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative.</exception>
    public static SecretBuffer Random(int length)
    {
        SecretBuffer buffer = new(length);
        RandomNumberGenerator.Fill(buffer._bytes);
        return buffer;
    }

    /// <summary>Makes a buffer that holds a copy of the given bytes. The source stays the caller's to wipe.</summary>
    /// <param name="source">The bytes to copy.</param>
    public static SecretBuffer CopyOf(ReadOnlySpan<byte> source)
    {
        SecretBuffer buffer = new(source.Length);
        source.CopyTo(buffer._bytes);
        return buffer;
    }

    /// <summary>Overwrites the bytes with zeros. May be called more than once.</summary>
    public void Dispose()
    {
        _disposed = true;
        CryptographicOperations.ZeroMemory(_bytes);
    }

    /// <summary>Says only that there is a secret, so that no log and no formatted object can carry it.</summary>
    public override string ToString() => "(secret)";
}
