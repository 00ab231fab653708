using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Security;

namespace HsmBackup.Engine.Protection.Shares;

/// <summary>
/// A share while it is typed: word by word, line by line or at once. A word that is not in the list is refused when it is
/// given, and the words before it stay.
/// </summary>
public sealed class ShareInput : IDisposable
{
    private readonly SecretBuffer _words = new(ShareEncoding.MaxWordCount * sizeof(ushort));

    /// <summary>Number of words given so far.</summary>
    public int WordCount { get; private set; }

    private Span<ushort> Words => MemoryMarshal.Cast<byte, ushort>(_words.Span);

    /// <summary>
    /// Takes further words: whole or from their first four letters on, in either case, with white space, commas or hyphens
    /// between them.
    /// </summary>
    /// <param name="text">The words. The caller wipes them.</param>
    /// <param name="error">
    /// What is wrong. The words before the wrong one were taken, those from it on were not.
    /// </param>
    /// <returns>Whether all words were taken.</returns>
    public bool TryAdd(ReadOnlySpan<char> text, [NotNullWhen(false)] out ShareTextError? error)
    {
        int position = 0;
        while (TryNextWord(text, ref position, out Range place))
        {
            if (WordCount == ShareEncoding.MaxWordCount)
            {
                error = ShareTextError.TooMany();
                return false;
            }
            int word = WordList.Find(text[place]);
            if (word < 0)
            {
                error = ShareTextError.Unknown(WordCount + 1, place, text);
                return false;
            }
            Words[WordCount++] = (ushort)word;
        }
        error = null;
        return true;
    }

    /// <summary>Takes further words out of a secure string; no managed string is made of it.</summary>
    /// <param name="text">The words; they stay the caller's to dispose.</param>
    /// <param name="error">As for <see cref="TryAdd(ReadOnlySpan{char}, out ShareTextError?)"/>.</param>
    /// <returns>Whether all words were taken.</returns>
    public unsafe bool TryAdd(SecureString text, [NotNullWhen(false)] out ShareTextError? error)
    {
        ArgumentNullException.ThrowIfNull(text);
        nint copy = Marshal.SecureStringToGlobalAllocUnicode(text);
        try
        {
            return TryAdd(new ReadOnlySpan<char>((void*)copy, text.Length), out error);
        }
        finally
        {
            Marshal.ZeroFreeGlobalAllocUnicode(copy);
        }
    }

    /// <summary>Forgets the last word.</summary>
    /// <returns>Whether there was one.</returns>
    public bool RemoveLast()
    {
        if (WordCount == 0)
        {
            return false;
        }
        Words[--WordCount] = 0;
        return true;
    }

    /// <summary>Makes the share of the words, if they are one.</summary>
    /// <param name="share">The share; the caller disposes it. The words stay here all the same.</param>
    /// <param name="error">What is wrong with the words as a whole.</param>
    /// <returns>Whether the words are a share.</returns>
    public bool TryFinish([NotNullWhen(true)] out Share? share, [NotNullWhen(false)] out ShareTextError? error)
    {
        ReadOnlySpan<ushort> words = Words[..WordCount];
        error = ShareEncoding.Check(words);
        share = error is null ? Share.FromWords(words) : null;
        return error is null;
    }

    /// <summary>Overwrites the words with zeros.</summary>
    public void Dispose() => _words.Dispose();

    /// <summary>Says only that there are words.</summary>
    public override string ToString() => "(words of a share)";

    private static bool TryNextWord(ReadOnlySpan<char> text, ref int position, out Range place)
    {
        while (position < text.Length && IsSeparator(text[position]))
        {
            position++;
        }
        int start = position;
        while (position < text.Length && !IsSeparator(text[position]))
        {
            position++;
        }
        place = start..position;
        return start < position;
    }

    private static bool IsSeparator(char c) => char.IsWhiteSpace(c) || c is ',' or '-';
}
