using System.Buffers.Binary;
using System.Security.Cryptography;

namespace HsmBackup.Engine.Protection.Sealing;

/// <summary>
/// Takes RSA-OAEP padding off (RFC 8017, 7.1.2, SHA-256 in both places, empty label), for tokens whose own OAEP knows SHA-1 only and that
/// do the bare RSA operation instead.
/// </summary>
/// <remarks>
/// It knows the length of what it looks for, and therefore where everything must stand: there is one comparison over all of it, and one
/// answer for all that can be wrong. Manger's attack lives on being told which it was.
/// </remarks>
internal static class OaepPadding
{
    private const int HashLength = SHA256.HashSizeInBytes;

    /// <summary>Takes the padding off.</summary>
    /// <param name="encoded">The result of the RSA operation, as long as the modulus. It is overwritten.</param>
    /// <param name="messageLength">The length of the message.</param>
    /// <exception cref="CryptographicException">It is not padded so, or the message is of another length.</exception>
    public static SecretBuffer Remove(Span<byte> encoded, int messageLength)
    {
        int dataLength = encoded.Length - HashLength - 1;
        int zeros = dataLength - HashLength - 1 - messageLength;
        if (zeros < 0)
        {
            throw Damaged();
        }
        Span<byte> seed = encoded.Slice(1, HashLength);
        Span<byte> data = encoded[(1 + HashLength)..];
        Mask(seed, data);
        Mask(data, seed);
        Span<byte> expected = new byte[HashLength + zeros + 1];
        SHA256.HashData([], expected);
        expected[^1] = 1;
        bool right = CryptographicOperations.FixedTimeEquals(data[..expected.Length], expected) & encoded[0] == 0;
        return right ? SecretBuffer.CopyOf(data[expected.Length..]) : throw Damaged();
    }

    // MGF1 of RFC 8017, B.2.1.
    private static void Mask(Span<byte> target, ReadOnlySpan<byte> seed)
    {
        using SecretBuffer input = new(seed.Length + 4);
        seed.CopyTo(input.Span);
        using SecretBuffer mask = new(HashLength);
        for (int i = 0; i * HashLength < target.Length; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(input.Span[seed.Length..], i);
            SHA256.HashData(input.Span, mask.Span);
            Span<byte> part = target[(i * HashLength)..Math.Min((i + 1) * HashLength, target.Length)];
            for (int j = 0; j < part.Length; j++)
            {
                part[j] ^= mask.Span[j];
            }
        }
    }

    private static CryptographicException Damaged() => new("The sealed content key is damaged, or sealed for another key.");
}
