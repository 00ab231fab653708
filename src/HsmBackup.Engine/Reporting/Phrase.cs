using System.Globalization;
using System.Runtime.CompilerServices;

namespace HsmBackup.Engine.Reporting;

/// <summary>How a piece of text is meant.</summary>
internal enum Tone
{
    /// <summary>As any other.</summary>
    Plain,

    /// <summary>It matters more.</summary>
    Strong,

    /// <summary>A name, an id or a command, letter by letter.</summary>
    Code,

    /// <summary>It matters less.</summary>
    Quiet,

    /// <summary>As it should be.</summary>
    Good,

    /// <summary>Not as it should be, and nothing is broken by it.</summary>
    Warning,

    /// <summary>Broken.</summary>
    Bad,

    /// <summary>A gap for somebody to fill.</summary>
    Open,

    /// <summary>It leads to a section of the same document.</summary>
    Link,
}

/// <summary>A piece of text with its tone.</summary>
/// <param name="Text">The text, as it came: who writes it into a page escapes it.</param>
/// <param name="Tone">How it is meant.</param>
/// <param name="Target">The id of the section that a link leads to.</param>
internal readonly record struct Piece(string Text, Tone Tone, string? Target = null)
{
    public static Piece Strong(string text) => new(text, Tone.Strong);

    public static Piece Code(string text) => new(text, Tone.Code);

    public static Piece Quiet(string text) => new(text, Tone.Quiet);

    public static Piece Gap { get; } = new("", Tone.Open);
}

/// <summary>A line of text in pieces. None of it is markup, wherever it came from: a label may say what it likes.</summary>
internal sealed class Phrase
{
    private Phrase(IReadOnlyList<Piece> pieces) => Pieces = pieces;

    public static Phrase Empty { get; } = new([]);

    public IReadOnlyList<Piece> Pieces { get; }

    public static implicit operator Phrase(string text) => new([new Piece(text, Tone.Plain)]);

    public static implicit operator Phrase(Piece piece) => new([piece]);

    public static Phrase Of(PhraseHandler text) => new(text.Pieces);

    public static Phrase Join(string separator, IEnumerable<Piece> pieces) =>
        new([.. pieces.SelectMany((p, i) => i == 0 ? (Piece[])[p] : [new Piece(separator, Tone.Plain), p])]);

    /// <summary>The text without its tones.</summary>
    public override string ToString() => string.Concat(Pieces.Select(p => p.Text));
}

/// <summary>Lets a <see cref="Phrase"/> be written as an interpolated string.</summary>
[InterpolatedStringHandler]
internal readonly ref struct PhraseHandler(int literalLength, int formattedCount)
{
    private readonly List<Piece> _pieces = new(literalLength == 0 ? formattedCount : (formattedCount * 2) + 1);

    public IReadOnlyList<Piece> Pieces => _pieces;

    public void AppendLiteral(string text) => _pieces.Add(new Piece(text, Tone.Plain));

    public void AppendFormatted(string? text) => _pieces.Add(new Piece(text ?? "", Tone.Plain));

    public void AppendFormatted(int number) => _pieces.Add(new Piece(number.ToString(CultureInfo.InvariantCulture), Tone.Plain));

    public void AppendFormatted(Piece piece) => _pieces.Add(piece);

    public void AppendFormatted(Phrase phrase) => _pieces.AddRange(phrase.Pieces);
}
