using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace HsmBackup.Engine.Protection.Shares;

/// <summary>
/// The 1024 words that shares are written in, each ten bits (SLIP-0039, "Wordlist"). They are sorted, have four to eight
/// letters, and differ within the first four.
/// </summary>
internal static class WordList
{
    /// <summary>Number of words.</summary>
    public const int Count = 1024;

    /// <summary>So many letters tell a word from all others.</summary>
    public const int PrefixLength = 4;

    /// <summary>No word has more letters.</summary>
    public const int MaxLength = 8;

    // Beyond this a text is no word with a typing error, whatever it is.
    private const int MaxTypedLength = MaxLength + 4;
    private const int MaxSuggestions = 3;

    private static readonly string[] Words = Load();

    /// <summary>The word for ten bits: one string for all shares, so that rendering a share leaves no new ones behind.</summary>
    public static string At(int index) => Words[index];

    /// <summary>Finds a word, or the beginning of one from four letters on, in either case.</summary>
    /// <returns>Its ten bits, or -1.</returns>
    public static int Find(ReadOnlySpan<char> typed)
    {
        if (typed.Length is < PrefixLength or > MaxLength)
        {
            return -1;
        }
        Span<char> lower = stackalloc char[typed.Length];
        try
        {
            ToLower(typed, lower);
            return FindLower(lower);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(lower));
        }
    }

    /// <summary>
    /// The words that a typing error or two may have turned into this text: those with the fewest errors, at most three,
    /// often none. They are told from the text alone. The checksum of the share has no part in it, because SLIP-0039 wants
    /// nobody to mend a share by its checksum.
    /// </summary>
    public static IReadOnlyList<string> Nearest(ReadOnlySpan<char> typed)
    {
        if (typed.IsEmpty || typed.Length > MaxTypedLength)
        {
            return [];
        }
        Span<char> lower = stackalloc char[typed.Length];
        try
        {
            ToLower(typed, lower);
            return NearestLower(lower);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(lower));
        }
    }

    private static List<string> NearestLower(ReadOnlySpan<char> lower)
    {
        // Who types four letters or fewer has abbreviated the word. In these there is room for one error: with two, it might
        // be any of dozens.
        bool abbreviated = lower.Length <= PrefixLength;
        int fewest = abbreviated ? 1 : 2;
        List<string> nearest = [];
        foreach (string word in Words)
        {
            ReadOnlySpan<char> meant = abbreviated ? word.AsSpan(0, PrefixLength) : word;
            if (Math.Abs(meant.Length - lower.Length) > fewest)
            {
                continue;
            }
            int errors = SpellingDistance.Between(lower, meant);
            if (errors < fewest)
            {
                fewest = errors;
                nearest.Clear();
            }
            if (errors == fewest)
            {
                nearest.Add(word);
            }
        }
        return nearest[..Math.Min(nearest.Count, MaxSuggestions)];
    }

    private static int FindLower(ReadOnlySpan<char> lower)
    {
        int low = 0;
        int high = Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            int order = lower[..PrefixLength].SequenceCompareTo(Words[middle].AsSpan(0, PrefixLength));
            if (order == 0)
            {
                return Words[middle].AsSpan().StartsWith(lower) ? middle : -1;
            }
            if (order < 0)
            {
                high = middle - 1;
            }
            else
            {
                low = middle + 1;
            }
        }
        return -1;
    }

    // US-ASCII alone: the lower case of the Kelvin sign, for one, is a "k" elsewhere.
    private static void ToLower(ReadOnlySpan<char> text, Span<char> lower)
    {
        for (int i = 0; i < text.Length; i++)
        {
            lower[i] = char.IsAsciiLetterUpper(text[i]) ? (char)(text[i] | 0x20) : text[i];
        }
    }

    private static string[] Load()
    {
        using Stream stream = typeof(WordList).Assembly.GetManifestResourceStream("slip-0039-words.txt")!;
        using StreamReader reader = new(stream);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }
}
