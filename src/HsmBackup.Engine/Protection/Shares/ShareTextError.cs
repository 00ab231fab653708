using System.Globalization;
using System.Runtime.InteropServices;
using System.Security;

namespace HsmBackup.Engine.Protection.Shares;

/// <summary>
/// What is wrong with the words of a share, and where. <see cref="Message"/> repeats nothing that was typed and may go into
/// a log; <see cref="Explain(ReadOnlySpan{char})"/> is for the screen of the custodian alone.
/// </summary>
public sealed class ShareTextError
{
    private const string Advice =
        "Give all words of the share in their order. The first four letters of each word are enough; "
        + "upper and lower case, line breaks, commas and hyphens do not matter.";

    private readonly string[] _suggestions;

    private ShareTextError(
        ShareTextErrorKind kind, int? word, string message, Range place = default, IEnumerable<string>? near = null)
    {
        Kind = kind;
        Word = word;
        Message = message;
        Place = place;
        _suggestions = [.. near ?? []];
    }

    /// <summary>The kind of error.</summary>
    public ShareTextErrorKind Kind { get; }

    /// <summary>
    /// Which word of the share it is about, counted from 1; for a wrong checksum the word that would explain it if no other
    /// is wrong. Null where it is about no single word.
    /// </summary>
    public int? Word { get; }

    /// <summary>
    /// What is wrong, as a sentence that names neither the word nor what may have been meant: those are part of a secret, or
    /// of another one that was pasted by mistake.
    /// </summary>
    public string Message { get; }

    /// <summary>Where the unknown word stands in the text that was given; empty for other errors.</summary>
    internal Range Place { get; }

    /// <summary>
    /// The words of the list that come nearest to the unknown one, the nearest first; often empty. Told from the spelling
    /// alone, never from the checksum.
    /// </summary>
    public IReadOnlyList<string> GetSuggestions() => _suggestions;

    /// <summary>
    /// What is wrong, with the word as it was typed and the words that may have been meant. It repeats a part of the share:
    /// show it to the custodian who typed it, and keep it nowhere.
    /// </summary>
    /// <param name="text">The text that the error is about, as it was given.</param>
    public string Explain(ReadOnlySpan<char> text)
    {
        if (Kind != ShareTextErrorKind.UnknownWord)
        {
            return Message;
        }
        string near = _suggestions.Length == 0 ? "" : $" Nearest: {string.Join(", ", _suggestions)}.";
        return string.Create(
            CultureInfo.InvariantCulture, $"Word {Word}, '{text[Place]}', is not in the list of words for shares.{near}");
    }

    /// <summary>The same for text out of a secure string. The answer repeats the one wrong word of it, as a string.</summary>
    /// <param name="text">The text that the error is about, as it was given.</param>
    public unsafe string Explain(SecureString text)
    {
        ArgumentNullException.ThrowIfNull(text);
        nint copy = Marshal.SecureStringToGlobalAllocUnicode(text);
        try
        {
            return Explain(new ReadOnlySpan<char>((void*)copy, text.Length));
        }
        finally
        {
            Marshal.ZeroFreeGlobalAllocUnicode(copy);
        }
    }

    /// <summary>The same as <see cref="Message"/>.</summary>
    public override string ToString() => Message;

    internal HsmBackupException ToException() =>
        new(ErrorCode.ShareTextInvalid, $"The text is not a share: {char.ToLowerInvariant(Message[0])}{Message[1..]}", Advice);

    internal static ShareTextError Empty() => new(ShareTextErrorKind.Empty, null, "There are no words.");

    internal static ShareTextError Unknown(int word, Range place, ReadOnlySpan<char> text) => new(
        ShareTextErrorKind.UnknownWord,
        word,
        string.Create(CultureInfo.InvariantCulture, $"Word {word} is not in the list of words for shares."),
        place,
        WordList.Nearest(text[place]));

    internal static ShareTextError TooMany() => new(
        ShareTextErrorKind.WordCount,
        null,
        string.Create(CultureInfo.InvariantCulture, $"There are more than {ShareEncoding.MaxWordCount} words. {UsualCounts}"));

    internal static ShareTextError WrongCount(int count) => new(
        ShareTextErrorKind.WordCount,
        null,
        string.Create(
            CultureInfo.InvariantCulture,
            $"There {(count == 1 ? "is 1 word" : $"are {count} words")}, which no share has. {UsualCounts}"));

    internal static ShareTextError WrongChecksum(int? word)
    {
        const string Finding = "The checksum does not fit, so a word is wrong or words are in the wrong order.";
        string message = word is null
            ? Finding + " More than one word is wrong."
            : string.Create(CultureInfo.InvariantCulture, $"{Finding} If only one word is wrong, it is word {word}.");
        return new(ShareTextErrorKind.Checksum, word, message);
    }

    internal static ShareTextError NonZeroPadding() => new(
        ShareTextErrorKind.Padding,
        null,
        "The checksum fits, but bits that the standard wants to be zero are not, so this share was not made by it.");

    internal static ShareTextError TooManyGroups() => new(
        ShareTextErrorKind.GroupThreshold,
        null,
        "The checksum fits, but the share asks for more groups than it says there are, so it was not made by the standard.");

    private const string UsualCounts = "A share of a 32-byte key has 33 words, one of a 16-byte secret 20.";
}
