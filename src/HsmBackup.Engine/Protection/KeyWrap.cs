using System.Buffers.Binary;
using System.Security.Cryptography;

namespace HsmBackup.Engine.Protection;

/// <summary>
/// AES key wrap as RFC 3394 and RFC 5649 define it (CKM_AES_KEY_WRAP and CKM_AES_KEY_WRAP_KWP of PKCS#11). Both are
/// deterministic: the same key under the same KEK gives the same bytes. KEKs may have 16, 24 or 32 bytes.
/// </summary>
public static class KeyWrap
{
    internal const int BlockLength = 8;

    private static ReadOnlySpan<byte> InitialValue3394 => [0xA6, 0xA6, 0xA6, 0xA6, 0xA6, 0xA6, 0xA6, 0xA6];

    private const uint InitialValue5649 = 0xA65959A6;

    /// <summary>Length of a key of <paramref name="n"/> bytes wrapped by RFC 3394.</summary>
    /// <param name="n">Length of the key: a multiple of 8, at least 16.</param>
    /// <exception cref="ArgumentOutOfRangeException">RFC 3394 cannot wrap a key of this length.</exception>
    public static int WrappedLength3394(int n)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 2 * BlockLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(n, int.MaxValue - BlockLength);
        ArgumentOutOfRangeException.ThrowIfNotEqual(n % BlockLength, 0, nameof(n));
        return n + BlockLength;
    }

    /// <summary>Wraps a key by RFC 3394 with its default initial value.</summary>
    /// <param name="kek">The key-encryption key.</param>
    /// <param name="plaintext">The key: a multiple of 8 bytes, at least 16.</param>
    /// <param name="destination">Receives <see cref="WrappedLength3394"/> bytes; may overlap the plaintext.</param>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static void Wrap3394(ReadOnlySpan<byte> kek, ReadOnlySpan<byte> plaintext, Span<byte> destination)
    {
        CheckKek(kek);
        Span<byte> blocks = Take(destination, WrappedLength3394(plaintext.Length));
        using WrapCipher cipher = WrapCipher.ForEncryption(kek);
        plaintext.CopyTo(blocks[BlockLength..]);
        InitialValue3394.CopyTo(blocks);
        cipher.Wrap(blocks);
    }

    /// <summary>Unwraps a key by RFC 3394 and checks its initial value in constant time.</summary>
    /// <param name="kek">The key-encryption key.</param>
    /// <param name="wrapped">The wrapped key. A length that RFC 3394 never gives is refused like a wrong key.</param>
    /// <param name="destination">
    /// Receives the key; at least 8 bytes shorter than <paramref name="wrapped"/>, which it may overlap. All of it is
    /// zeroed on failure.
    /// </param>
    /// <param name="written">Length of the key; 0 on failure.</param>
    /// <returns>Whether the wrapped bytes are intact and were made with this KEK.</returns>
    /// <exception cref="ArgumentException">The KEK has a wrong length or the destination is too small.</exception>
    public static bool TryUnwrap3394(
        ReadOnlySpan<byte> kek, ReadOnlySpan<byte> wrapped, Span<byte> destination, out int written)
    {
        CheckKek(kek);
        if (wrapped.Length < 3 * BlockLength || wrapped.Length % BlockLength != 0)
        {
            return Refuse(destination, out written);
        }
        Span<byte> key = Take(destination, wrapped.Length - BlockLength);
        using SecretBuffer blocks = SecretBuffer.CopyOf(wrapped);
        Unwrap(kek, blocks.Span);
        if (!CryptographicOperations.FixedTimeEquals(blocks.Span[..BlockLength], InitialValue3394))
        {
            return Refuse(destination, out written);
        }
        blocks.Span[BlockLength..].CopyTo(key);
        written = key.Length;
        return true;
    }

    /// <summary>Length of a key of <paramref name="n"/> bytes wrapped by RFC 5649.</summary>
    /// <param name="n">Length of the key, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length is zero, negative, or too great for a buffer.</exception>
    public static int WrappedLength5649(int n)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(n, int.MaxValue - 2 * BlockLength);
        return (n + BlockLength - 1) / BlockLength * BlockLength + BlockLength;
    }

    /// <summary>Wraps a key of any length by RFC 5649.</summary>
    /// <param name="kek">The key-encryption key.</param>
    /// <param name="plaintext">The key, at least one byte.</param>
    /// <param name="destination">Receives <see cref="WrappedLength5649"/> bytes; may overlap the plaintext.</param>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static void Wrap5649(ReadOnlySpan<byte> kek, ReadOnlySpan<byte> plaintext, Span<byte> destination)
    {
        CheckKek(kek);
        Span<byte> blocks = Take(destination, WrappedLength5649(plaintext.Length));
        using WrapCipher cipher = WrapCipher.ForEncryption(kek);
        plaintext.CopyTo(blocks[BlockLength..]);
        blocks[(BlockLength + plaintext.Length)..].Clear();
        BinaryPrimitives.WriteUInt32BigEndian(blocks, InitialValue5649);
        BinaryPrimitives.WriteUInt32BigEndian(blocks[4..], (uint)plaintext.Length);
        if (blocks.Length == 2 * BlockLength)
        {
            cipher.TransformPair(blocks);
        }
        else
        {
            cipher.Wrap(blocks);
        }
    }

    /// <summary>Unwraps a key by RFC 5649; initial value, length and padding are checked together in constant time.</summary>
    /// <param name="kek">The key-encryption key.</param>
    /// <param name="wrapped">The wrapped key. A length that RFC 5649 never gives is refused like a wrong key.</param>
    /// <param name="destination">
    /// Receives the key; at least 8 bytes shorter than <paramref name="wrapped"/>, which it may overlap: the true length
    /// is known only afterwards. Behind the key there are zeros up to that length. All of it is zeroed on failure.
    /// </param>
    /// <param name="written">Length of the key; 0 on failure.</param>
    /// <returns>Whether the wrapped bytes are intact and were made with this KEK.</returns>
    /// <exception cref="ArgumentException">The KEK has a wrong length or the destination is too small.</exception>
    public static bool TryUnwrap5649(
        ReadOnlySpan<byte> kek, ReadOnlySpan<byte> wrapped, Span<byte> destination, out int written)
    {
        CheckKek(kek);
        if (wrapped.Length < 2 * BlockLength || wrapped.Length % BlockLength != 0)
        {
            return Refuse(destination, out written);
        }
        Span<byte> key = Take(destination, wrapped.Length - BlockLength);
        using SecretBuffer blocks = SecretBuffer.CopyOf(wrapped);
        Unwrap(kek, blocks.Span);
        ReadOnlySpan<byte> padded = blocks.Span[BlockLength..];
        if (!IsPadded(blocks.Span[..BlockLength], padded, out int length))
        {
            return Refuse(destination, out written);
        }
        padded.CopyTo(key);
        written = length;
        return true;
    }

    private static void Unwrap(ReadOnlySpan<byte> kek, Span<byte> blocks)
    {
        using WrapCipher cipher = WrapCipher.ForDecryption(kek);
        if (blocks.Length == 2 * BlockLength)
        {
            cipher.TransformPair(blocks);
        }
        else
        {
            cipher.Unwrap(blocks);
        }
    }

    // RFC 5649, section 3: the constant, a length that needs exactly these blocks, and zeros behind it. All three are
    // always looked at, so that the time says nothing about which of them failed.
    private static bool IsPadded(ReadOnlySpan<byte> initial, ReadOnlySpan<byte> padded, out int length)
    {
        uint claimed = BinaryPrimitives.ReadUInt32BigEndian(initial[4..]);
        long padding = padded.Length - (long)claimed;
        bool lengthFits = padding is >= 0 and < BlockLength & claimed > 0;
        uint wrong = BinaryPrimitives.ReadUInt32BigEndian(initial) ^ InitialValue5649;
        ReadOnlySpan<byte> last = padded[^BlockLength..];
        for (int i = 0; i < BlockLength; i++)
        {
            int behind = i >= BlockLength - padding ? 0xFF : 0;
            wrong |= (uint)(last[i] & behind);
        }
        length = lengthFits ? (int)claimed : 0;
        return wrong == 0 & lengthFits;
    }

    private static bool Refuse(Span<byte> destination, out int written)
    {
        CryptographicOperations.ZeroMemory(destination);
        written = 0;
        return false;
    }

    private static void CheckKek(ReadOnlySpan<byte> kek)
    {
        if (kek.Length is not (16 or 24 or 32))
        {
            throw new ArgumentException("An AES key has 16, 24 or 32 bytes.", nameof(kek));
        }
    }

    private static Span<byte> Take(Span<byte> destination, int length) => destination.Length >= length
        ? destination[..length]
        : throw new ArgumentException("The destination is too small.", nameof(destination));
}
