using System.Buffers.Binary;
using System.Security.Cryptography;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// What is digested of an object. Collected first and digested in one call: a call of the platform's library for each of dozens of small
/// attributes costs more than the digest. It may hold the value of a readable key, so it is zeroed once it was digested, and when it grows.
/// </summary>
internal sealed class DigestInput
{
    private byte[] _bytes = new byte[1024];
    private int _length;

    /// <summary>Appends a number in eight bytes, little-endian.</summary>
    public void Append(ulong number)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, number);
        Append(bytes);
    }

    /// <summary>Appends bytes.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > _bytes.Length - _length)
        {
            var larger = new byte[Math.Max(checked(_length + bytes.Length), 2 * _bytes.Length)];
            _bytes.AsSpan(0, _length).CopyTo(larger);
            CryptographicOperations.ZeroMemory(_bytes);
            _bytes = larger;
        }
        bytes.CopyTo(_bytes.AsSpan(_length));
        _length += bytes.Length;
    }

    /// <summary>SHA-256 of it all in lower-case hex; it is empty again afterwards.</summary>
    public string Digest()
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(_bytes.AsSpan(0, _length), digest);
        CryptographicOperations.ZeroMemory(_bytes.AsSpan(0, _length));
        _length = 0;
        return Convert.ToHexStringLower(digest);
    }
}
