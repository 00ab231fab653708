using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace HsmBackup.Engine.Protection;

/// <summary>
/// Reads the text form of a one-time key as people give it, and says what is wrong with it in words that help to mend it
/// without repeating any of it.
/// </summary>
internal static class OneTimeKeyText
{
    /// <summary>Reads the text form.</summary>
    /// <param name="text">The text.</param>
    /// <param name="path">The file that it comes from, for the message; null where it was typed.</param>
    public static SecretBuffer Read(ReadOnlySpan<char> text, string? path)
    {
        // One character more than any Bech32m text: what is longer is refused by its length and need not be kept.
        Span<char> compact = stackalloc char[Bech32m.MaxLength + 1];
        SecretBuffer bytes = new(Bech32m.MaxLength);
        try
        {
            int count = Compact(text, compact);
            return Decode(compact[..Math.Min(count, compact.Length)], count, bytes.Span, path);
        }
        finally
        {
            bytes.Dispose();
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(compact));
        }
    }

    private static SecretBuffer Decode(ReadOnlySpan<char> compact, int count, Span<byte> scratch, string? path)
    {
        bool valid = Bech32m.TryDecode(OneTimeKey.Prefix, compact, scratch, out int written, out Bech32mError error);
        if (!valid || written != OneTimeKey.ByteLength)
        {
            throw Refusal(compact, count, error, path);
        }
        return SecretBuffer.CopyOf(scratch[..written]);
    }

    // Copies what is not a separator, as far as there is room; gives the number of such characters all the same.
    private static int Compact(ReadOnlySpan<char> text, Span<char> compact)
    {
        int count = 0;
        foreach (char c in text)
        {
            if (char.IsWhiteSpace(c) || c == '-')
            {
                continue;
            }
            if (count < compact.Length)
            {
                compact[count] = c;
            }
            count++;
        }
        return count;
    }

    private static HsmBackupException Refusal(ReadOnlySpan<char> compact, int count, Bech32mError error, string? path)
    {
        string subject = path is null ? "The text" : $"The content of '{path}'";
        string message = $"{subject} is not a one-time key: {Reason(compact, count, error)}";
        return new HsmBackupException(ErrorCode.KeyTextInvalid, message, Advice) { Target = path };
    }

    private const string Advice =
        "Give the whole key as it was shown, beginning with hsmkey1. Its letters may be all lower case or all upper case; "
        + "blanks, hyphens and line breaks do not matter.";

    private static string Reason(ReadOnlySpan<char> compact, int count, Bech32mError error)
    {
        if (count == 0)
        {
            return "the text is empty.";
        }
        // A key that lost a group on the way also fails its checksum; the missing characters are the better hint. But a
        // foreign prefix says more than a length.
        bool wrongLength = count != OneTimeKey.TextLength;
        return error.Kind switch
        {
            Bech32mErrorKind.MixedCase =>
                $"upper-case and lower-case letters are mixed, first at character {Place(error)}.",
            Bech32mErrorKind.WrongPrefix => WrongPrefix(compact),
            _ when wrongLength => string.Create(
                CultureInfo.InvariantCulture, $"it has {count} characters and must have {OneTimeKey.TextLength}."),
            Bech32mErrorKind.InvalidCharacter =>
                $"character {Place(error)} is not one that a key can have; after hsmkey1 there is never a 1, b, i or o.",
            Bech32mErrorKind.Checksum => "the checksum does not fit, so at least one character is wrong.",
            _ => "the last character before the checksum is one that no key can have.",
        };
    }

    private static string WrongPrefix(ReadOnlySpan<char> compact)
    {
        int length = Bech32m.PrefixLength(compact);
        return length == 0
            ? "it does not begin with hsmkey1."
            : $"it begins with {compact[..length]}1, so it is another kind of secret, and not with hsmkey1.";
    }

    private static string Place(Bech32mError error) => (error.Position + 1).ToString(CultureInfo.InvariantCulture);
}
