using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace HsmBackup.Engine.Protection.Shares;

/// <summary>How far a typed word is from another: Damerau and Levenshtein's distance, restricted to one edit a letter.</summary>
internal static class SpellingDistance
{
    /// <summary>
    /// The least number of single typing errors between two words: a letter too many, one too few, a wrong one, or two
    /// neighbours in the wrong order.
    /// </summary>
    public static int Between(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        int width = b.Length + 1;
        // The table of distances between all beginnings of the two words. What is typed may be secret, so it is cleared.
        Span<int> table = stackalloc int[(a.Length + 1) * width];
        for (int j = 0; j < width; j++)
        {
            table[j] = j;
        }
        for (int i = 1; i <= a.Length; i++)
        {
            table[i * width] = i;
            for (int j = 1; j < width; j++)
            {
                table[(i * width) + j] = Cell(a, b, table, i, j);
            }
        }
        int distance = table[^1];
        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(table));
        return distance;
    }

    private static int Cell(ReadOnlySpan<char> a, ReadOnlySpan<char> b, ReadOnlySpan<int> table, int i, int j)
    {
        int width = b.Length + 1;
        int here = (i * width) + j;
        int change = a[i - 1] == b[j - 1] ? 0 : 1;
        int best = Math.Min(table[here - 1] + 1, Math.Min(table[here - width] + 1, table[here - width - 1] + change));
        bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
        return swapped ? Math.Min(best, table[here - (2 * width) - 2] + 1) : best;
    }
}
