using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Security;
using System.Security.Cryptography;

namespace HsmBackup.Engine.Protection.Shares;

/// <summary>
/// One share of a secret, as SLIP-0039 has it: words that a custodian writes down and types in again, a checksum in the
/// last three. The words are kept as numbers in memory that is pinned, and zeroed when the share is disposed.
/// </summary>
public sealed class Share : IDisposable
{
    /// <summary>No share has a longer text form, in characters.</summary>
    public const int MaxTextLength = ShareEncoding.MaxWordCount * (WordList.MaxLength + 1);

    private readonly SecretBuffer _words;

    private Share(SecretBuffer words)
    {
        _words = words;
        Header = ShareHeader.Read(Words);
    }

    /// <summary>
    /// The random identifier that all shares of one set have and, but for chance, no other set has; 0 to 32767. Not secret.
    /// </summary>
    public int SetId => Header.SetId;

    /// <summary>
    /// The first two words: the same in all shares of a set, and nothing of the secret. By them people tell sets apart.
    /// </summary>
    public string SetName => Header.SetName;

    /// <summary>How many shares of this one's group are needed.</summary>
    public int Threshold => Header.Threshold;

    /// <summary>Which share of its group it is, counted from 0 as in the standard.</summary>
    public int Index => Header.Index;

    /// <summary>Which share of its group it is, counted from 1 as people do.</summary>
    public int Number => Header.Index + 1;

    /// <summary>Which group it belongs to, counted from 0. The shares that this program makes are of one group.</summary>
    public int GroupIndex => Header.GroupIndex;

    /// <summary>How many groups are needed.</summary>
    public int GroupThreshold => Header.GroupThreshold;

    /// <summary>How many groups there are.</summary>
    public int GroupCount => Header.GroupCount;

    /// <summary>PBKDF2 makes 10,000 times two to this power iterations on the way to the secret.</summary>
    public int IterationExponent => Header.IterationExponent;

    /// <summary>Whether the encryption of the secret does without <see cref="SetId"/> ("extendable backup flag").</summary>
    public bool IsExtendable => Header.Extendable;

    /// <summary>Number of words: 33 for a secret of 32 bytes.</summary>
    public int WordCount => _words.Length / sizeof(ushort);

    /// <summary>Length of the secret in bytes.</summary>
    public int SecretLength => ShareEncoding.SecretLength(WordCount);

    internal ShareHeader Header { get; }

    private ReadOnlySpan<ushort> Words => MemoryMarshal.Cast<byte, ushort>(_words.Span);

    /// <summary>
    /// Reads a share: words whole or from their first four letters on, in either case, with white space, commas or hyphens
    /// between them.
    /// </summary>
    /// <param name="text">The words. The caller wipes them.</param>
    /// <exception cref="HsmBackupException">
    /// <see cref="ErrorCode.ShareTextInvalid"/>: the message says what is wrong and at which word, and repeats no word.
    /// </exception>
    public static Share Parse(ReadOnlySpan<char> text) =>
        TryParse(text, out Share? share, out ShareTextError? error) ? share : throw error.ToException();

    /// <summary>Reads a share as <see cref="Parse(ReadOnlySpan{char})"/> does, out of a secure string.</summary>
    /// <param name="text">The words; they stay the caller's to dispose.</param>
    /// <exception cref="HsmBackupException">
    /// <see cref="ErrorCode.ShareTextInvalid"/>: as for <see cref="Parse(ReadOnlySpan{char})"/>.
    /// </exception>
    public static Share FromSecureString(SecureString text)
    {
        using ShareInput input = new();
        return input.TryAdd(text, out ShareTextError? error) && input.TryFinish(out Share? share, out error)
            ? share
            : throw error.ToException();
    }

    /// <summary>Reads a share as <see cref="Parse(ReadOnlySpan{char})"/> does, and tells more about what is wrong.</summary>
    /// <param name="text">The words. The caller wipes them.</param>
    /// <param name="share">The share; the caller disposes it.</param>
    /// <param name="error">What is wrong, with the words that may have been meant.</param>
    /// <returns>Whether the text is a share.</returns>
    public static bool TryParse(
        ReadOnlySpan<char> text, [NotNullWhen(true)] out Share? share, [NotNullWhen(false)] out ShareTextError? error)
    {
        using ShareInput input = new();
        share = null;
        return input.TryAdd(text, out error) && input.TryFinish(out share, out error);
    }

    /// <summary>One word. It is a string that all shares have in common, so it says little without its place.</summary>
    /// <param name="index">Which word, from 0 to <see cref="WordCount"/> less one.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such word.</exception>
    public string GetWord(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, WordCount);
        return WordList.At(Words[index]);
    }

    /// <summary>Writes the words with a blank between each two.</summary>
    /// <param name="destination">Receives the text, which the caller wipes; <see cref="MaxTextLength"/> is always enough.</param>
    /// <returns>Number of characters written.</returns>
    /// <exception cref="ArgumentException">The destination is too small.</exception>
    public int CopyText(Span<char> destination)
    {
        int length = 0;
        foreach (ushort word in Words)
        {
            if (length > 0)
            {
                " ".CopyTo(destination[length..]);
                length++;
            }
            WordList.At(word).CopyTo(destination[length..]);
            length += WordList.At(word).Length;
        }
        return length;
    }

    /// <summary>Gives the words, with a blank between each two, as a read-only secure string that the caller disposes.</summary>
    public unsafe SecureString ToSecureString()
    {
        Span<char> text = stackalloc char[MaxTextLength];
        try
        {
            int length = CopyText(text);
            fixed (char* start = text)
            {
                SecureString result = new(start, length);
                result.MakeReadOnly();
                return result;
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(text));
        }
    }

    /// <summary>Overwrites the words with zeros.</summary>
    public void Dispose() => _words.Dispose();

    /// <summary>Says only that there is a share.</summary>
    public override string ToString() => "(share)";

    internal static Share FromWords(ReadOnlySpan<ushort> words) => new(SecretBuffer.CopyOf(MemoryMarshal.AsBytes(words)));

    internal static Share Create(ShareHeader header, ReadOnlySpan<byte> value)
    {
        SecretBuffer words = new(ShareEncoding.WordCount(value.Length) * sizeof(ushort));
        ShareEncoding.Write(header, value, MemoryMarshal.Cast<byte, ushort>(words.Span));
        return new Share(words);
    }

    /// <summary>Gives the value, which is the secret part, in a buffer that the caller disposes.</summary>
    internal SecretBuffer GetValue()
    {
        SecretBuffer value = new(SecretLength);
        ShareEncoding.ReadValue(Words, value.Span);
        return value;
    }
}
