using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace HsmBackup.Engine.Protection;

/// <summary>
/// Bech32m (BIP-350) for a payload of bytes: a prefix, the separator <c>1</c>, the bytes in groups of five bits, and a
/// checksum of six characters that finds every typing error in up to four characters.
/// </summary>
/// <remarks>Works on spans only, so that a secret never becomes a string that nobody can wipe.</remarks>
public static class Bech32m
{
    /// <summary>The greatest length of a text in characters; the checksum's guarantee ends here.</summary>
    public const int MaxLength = 90;

    private const string Alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    private const int ChecksumLength = 6;
    private const int BitsPerCharacter = 5;
    // What tells Bech32m from its predecessor Bech32, where this constant is 1.
    private const uint ChecksumConstant = 0x2bc830a3;

    /// <summary>Length of the text for a prefix and a number of bytes.</summary>
    /// <param name="hrp">The prefix ("human-readable part").</param>
    /// <param name="byteCount">Number of payload bytes.</param>
    /// <returns>Characters, prefix and checksum included.</returns>
    public static int EncodedLength(string hrp, int byteCount)
    {
        ArgumentNullException.ThrowIfNull(hrp);
        ArgumentOutOfRangeException.ThrowIfNegative(byteCount);
        return hrp.Length + 1 + DivideUp(byteCount * 8, BitsPerCharacter) + ChecksumLength;
    }

    /// <summary>Writes bytes as lower-case Bech32m.</summary>
    /// <param name="hrp">The prefix: 1 to 83 characters of US-ASCII 33 to 126, without upper-case letters.</param>
    /// <param name="data">The bytes.</param>
    /// <param name="destination">Receives the text; at least <see cref="EncodedLength"/> characters.</param>
    /// <param name="written">Number of characters written.</param>
    /// <exception cref="ArgumentException">
    /// The prefix is not allowed, the text would be longer than <see cref="MaxLength"/>, or the destination is too small.
    /// </exception>
    public static void Encode(string hrp, ReadOnlySpan<byte> data, Span<char> destination, out int written)
    {
        CheckPrefix(hrp);
        // Bounded before the length is computed, so that the sum cannot overflow.
        if (data.Length > MaxLength || EncodedLength(hrp, data.Length) > MaxLength)
        {
            throw new ArgumentException("The text would be longer than 90 characters.", nameof(data));
        }
        int length = EncodedLength(hrp, data.Length);
        if (destination.Length < length)
        {
            throw new ArgumentException("The destination is too small.", nameof(destination));
        }

        Span<byte> values = stackalloc byte[length - hrp.Length - 1];
        try
        {
            Split(data, values[..^ChecksumLength]);
            WriteChecksum(hrp, values);
            hrp.CopyTo(destination);
            destination[hrp.Length] = '1';
            for (int i = 0; i < values.Length; i++)
            {
                destination[hrp.Length + 1 + i] = Alphabet[values[i]];
            }
            written = length;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(values);
        }
    }

    /// <summary>Reads a Bech32m text, all lower case or all upper case.</summary>
    /// <param name="hrp">The expected prefix, in lower case.</param>
    /// <param name="text">The text, without white space.</param>
    /// <param name="destination">
    /// Receives the bytes; (characters between separator and checksum) * 5 / 8 are needed. Zeroed where the text is refused.
    /// </param>
    /// <param name="written">Number of bytes written; 0 where the text is refused.</param>
    /// <param name="error">What is wrong with the text, and where.</param>
    /// <returns>Whether the text is right.</returns>
    /// <exception cref="ArgumentException">The prefix is not allowed, or the destination is too small.</exception>
    public static bool TryDecode(
        string hrp, ReadOnlySpan<char> text, Span<byte> destination, out int written, out Bech32mError error)
    {
        CheckPrefix(hrp);
        written = 0;
        if (!HasRightShape(hrp, text, out error))
        {
            return false;
        }
        int dataStart = hrp.Length + 1;
        Span<byte> values = stackalloc byte[text.Length - dataStart];
        try
        {
            if (FindValues(text[dataStart..], values) is int position and >= 0)
            {
                error = new(Bech32mErrorKind.InvalidCharacter, dataStart + position);
                return false;
            }
            if (Checksum(hrp, values) != ChecksumConstant)
            {
                error = new(Bech32mErrorKind.Checksum);
                return false;
            }
            ReadOnlySpan<byte> payload = values[..^ChecksumLength];
            int byteCount = payload.Length * BitsPerCharacter / 8;
            if (destination.Length < byteCount)
            {
                throw new ArgumentException("The destination is too small.", nameof(destination));
            }
            if (!TryJoin(payload, destination[..byteCount]))
            {
                CryptographicOperations.ZeroMemory(destination[..byteCount]);
                error = new(Bech32mErrorKind.Padding);
                return false;
            }
            written = byteCount;
            return true;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(values);
        }
    }

    /// <summary>
    /// Length of the prefix of a text that is right under its own prefix, whatever that is; 0 where it is not. So a
    /// message can name a foreign prefix, knowing from the checksum that it is one and not a piece of some other secret.
    /// </summary>
    internal static int PrefixLength(ReadOnlySpan<char> text)
    {
        int separator = text.LastIndexOf('1');
        if (separator < 1 || text.Length > MaxLength || text.Length < separator + 1 + ChecksumLength
            || FirstOfOtherCase(text) >= 0 || text[..separator].ContainsAnyExceptInRange('!', '~'))
        {
            return 0;
        }
        Span<char> prefix = stackalloc char[separator];
        Span<byte> values = stackalloc byte[text.Length - separator - 1];
        try
        {
            text[..separator].ToLowerInvariant(prefix);
            bool valid = FindValues(text[(separator + 1)..], values) < 0 && Checksum(prefix, values) == ChecksumConstant;
            return valid ? separator : 0;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(values);
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(prefix));
        }
    }

    private static void CheckPrefix(string hrp)
    {
        ArgumentException.ThrowIfNullOrEmpty(hrp);
        if (hrp.Length > MaxLength - 1 - ChecksumLength || hrp.AsSpan().ContainsAnyExceptInRange('!', '~')
            || hrp.AsSpan().ContainsAnyInRange('A', 'Z'))
        {
            throw new ArgumentException("Not a Bech32m prefix in lower case.", nameof(hrp));
        }
    }

    // Everything that can be said before a character is looked up. The prefix is compared in either case and comes first,
    // so that "Hsmkey1..." is called mixed case and a password is not.
    private static bool HasRightShape(string hrp, ReadOnlySpan<char> text, out Bech32mError error)
    {
        error = Bech32mError.None;
        if (text.Length > MaxLength)
        {
            error = new(Bech32mErrorKind.TooLong);
        }
        else if (!StartsWithPrefix(hrp, text))
        {
            error = new(Bech32mErrorKind.WrongPrefix);
        }
        else if (FirstOfOtherCase(text) is int position and >= 0)
        {
            error = new(Bech32mErrorKind.MixedCase, position);
        }
        else if (text.Length < hrp.Length + 1 + ChecksumLength)
        {
            error = new(Bech32mErrorKind.TooShort);
        }
        return error.Kind == Bech32mErrorKind.None;
    }

    // Looks the characters up in the alphabet; gives the index of the first that is not in it, or -1.
    private static int FindValues(ReadOnlySpan<char> characters, Span<byte> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            char c = characters[i];
            // Asked first because the Kelvin sign, for one, has an ASCII letter as its lower case.
            int value = char.IsAscii(c) ? Alphabet.IndexOf(char.ToLowerInvariant(c), StringComparison.Ordinal) : -1;
            if (value < 0)
            {
                return i;
            }
            values[i] = (byte)value;
        }
        return -1;
    }

    private static int FirstOfOtherCase(ReadOnlySpan<char> text)
    {
        int lower = text.IndexOfAnyInRange('a', 'z');
        int upper = text.IndexOfAnyInRange('A', 'Z');
        return lower < 0 || upper < 0 ? -1 : Math.Max(lower, upper);
    }

    private static bool StartsWithPrefix(string hrp, ReadOnlySpan<char> text) =>
        text.Length > hrp.Length
        && text[hrp.Length] == '1'
        && Ascii.EqualsIgnoreCase(text[..hrp.Length], hrp);

    // Eight-bit bytes into five-bit values, most significant bits first, the last value filled up with zero bits.
    private static void Split(ReadOnlySpan<byte> data, Span<byte> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            int bit = i * BitsPerCharacter;
            int pair = data[bit / 8] << 8;
            pair |= bit / 8 + 1 < data.Length ? data[bit / 8 + 1] : 0;
            values[i] = (byte)((pair >> (11 - bit % 8)) & 31);
        }
    }

    // The reverse; false where the bits left over are five or more, or not zero (BIP-173 forbids both).
    private static bool TryJoin(ReadOnlySpan<byte> values, Span<byte> data)
    {
        uint pending = 0;
        int pendingBits = 0;
        int next = 0;
        foreach (byte value in values)
        {
            pending = (pending << BitsPerCharacter) | value;
            pendingBits += BitsPerCharacter;
            if (pendingBits >= 8)
            {
                pendingBits -= 8;
                data[next++] = (byte)(pending >> pendingBits);
                pending &= (1u << pendingBits) - 1;
            }
        }
        return pendingBits < BitsPerCharacter && pending == 0;
    }

    private static void WriteChecksum(string hrp, Span<byte> values)
    {
        Span<byte> checksum = values[^ChecksumLength..];
        checksum.Clear();
        uint remainder = Checksum(hrp, values) ^ ChecksumConstant;
        for (int i = 0; i < ChecksumLength; i++)
        {
            checksum[i] = (byte)((remainder >> (BitsPerCharacter * (ChecksumLength - 1 - i))) & 31);
        }
    }

    // The BCH code of BIP-173 over the prefix (high bits, zero, low bits of each character) and the values.
    private static uint Checksum(ReadOnlySpan<char> hrp, ReadOnlySpan<byte> values)
    {
        uint state = 1;
        foreach (char c in hrp)
        {
            state = Step(state, (byte)(c >> BitsPerCharacter));
        }
        state = Step(state, 0);
        foreach (char c in hrp)
        {
            state = Step(state, (byte)(c & 31));
        }
        foreach (byte value in values)
        {
            state = Step(state, value);
        }
        return state;
    }

    private static uint Step(uint state, byte value)
    {
        ReadOnlySpan<uint> generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
        uint top = state >> 25;
        uint next = ((state & 0x1ffffff) << BitsPerCharacter) ^ value;
        for (int i = 0; i < generator.Length; i++)
        {
            next ^= ((top >> i) & 1) * generator[i];
        }
        return next;
    }

    private static int DivideUp(int value, int divisor) => (value + divisor - 1) / divisor;
}
