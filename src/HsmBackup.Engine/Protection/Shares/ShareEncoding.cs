namespace HsmBackup.Engine.Protection.Shares;

/// <summary>
/// The words of a share as ten-bit numbers: header, padded value, checksum (SLIP-0039, "Format of the share mnemonic").
/// </summary>
internal static class ShareEncoding
{
    /// <summary>The longest secret in bytes: the standard names no bound; BIP-32's greatest seed is one.</summary>
    public const int MaxSecretLength = 64;

    /// <summary>Number of words of a share of the longest secret.</summary>
    public const int MaxWordCount = Overhead + ((MaxSecretLength * 8) + WordBits - 1) / WordBits;

    private const int WordBits = 10;
    private const int MaxPadding = 8;
    private const int Overhead = ShareHeader.WordCount + Rs1024.Length;

    /// <summary>Whether a secret of this length can be shared.</summary>
    public static bool IsSecretLength(int length) =>
        length is >= ShamirScheme.MinSecretLength and <= MaxSecretLength && length % 2 == 0;

    /// <summary>Number of words of a share.</summary>
    /// <param name="secretLength">Length of the secret in bytes.</param>
    public static int WordCount(int secretLength) => Overhead + (((secretLength * 8) + WordBits - 1) / WordBits);

    /// <summary>Length of the secret in bytes; 0 where no share has this number of words.</summary>
    public static int SecretLength(int wordCount)
    {
        int bits = (wordCount - Overhead) * WordBits;
        // The value is a multiple of 16 bits, and what is left over is padding: at most 8 bits of it.
        return bits % 16 <= MaxPadding && IsSecretLength(bits / 16 * 2) ? bits / 16 * 2 : 0;
    }

    /// <summary>Writes a share.</summary>
    public static void Write(ShareHeader header, ReadOnlySpan<byte> value, Span<ushort> words)
    {
        header.Write(words);
        Span<ushort> padded = words[ShareHeader.WordCount..^Rs1024.Length];
        uint pending = 0;
        int pendingBits = Padding(padded.Length);
        int next = 0;
        foreach (byte b in value)
        {
            pending = (pending << 8) | b;
            pendingBits += 8;
            if (pendingBits >= WordBits)
            {
                pendingBits -= WordBits;
                padded[next++] = (ushort)(pending >> pendingBits);
                pending &= Low(pendingBits);
            }
        }
        Rs1024.Write(header.Extendable, words);
    }

    /// <summary>Says what is wrong with the words of a share; null where nothing is.</summary>
    public static ShareTextError? Check(ReadOnlySpan<ushort> words)
    {
        if (words.IsEmpty)
        {
            return ShareTextError.Empty();
        }
        if (SecretLength(words.Length) == 0)
        {
            return ShareTextError.WrongCount(words.Length);
        }
        ShareHeader header = ShareHeader.Read(words);
        if (!Rs1024.IsRight(header.Extendable, words))
        {
            int place = Rs1024.FindSingleError(header.Extendable, words);
            return ShareTextError.WrongChecksum(place < 0 ? null : place + 1);
        }
        ReadOnlySpan<ushort> padded = words[ShareHeader.WordCount..^Rs1024.Length];
        if (padded[0] >> (WordBits - Padding(padded.Length)) != 0)
        {
            return ShareTextError.NonZeroPadding();
        }
        return header.GroupThreshold > header.GroupCount ? ShareTextError.TooManyGroups() : null;
    }

    /// <summary>Reads the value out of words that <see cref="Check"/> found right.</summary>
    public static void ReadValue(ReadOnlySpan<ushort> words, Span<byte> value)
    {
        ReadOnlySpan<ushort> padded = words[ShareHeader.WordCount..^Rs1024.Length];
        uint pending = 0;
        int pendingBits = -Padding(padded.Length);
        int next = 0;
        foreach (ushort word in padded)
        {
            pending = (pending << WordBits) | word;
            pendingBits += WordBits;
            while (pendingBits >= 8)
            {
                pendingBits -= 8;
                value[next++] = (byte)(pending >> pendingBits);
                pending &= Low(pendingBits);
            }
        }
    }

    // The value is filled up with zero bits on the left.
    private static int Padding(int wordCount) => wordCount * WordBits % 16;

    private static uint Low(int bits) => (1u << bits) - 1;
}
