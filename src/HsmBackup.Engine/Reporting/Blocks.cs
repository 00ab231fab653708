namespace HsmBackup.Engine.Reporting;

/// <summary>A document for people, as HTML and as Markdown.</summary>
internal sealed record Document
{
    /// <summary>What it is about.</summary>
    public required string Title { get; init; }

    /// <summary>What kind of document it is, over the title.</summary>
    public required string Kind { get; init; }

    /// <summary>The line under the title.</summary>
    public required Phrase Subtitle { get; init; }

    /// <summary>What comes before the first section.</summary>
    public IReadOnlyList<Block> Opening { get; init; } = [];

    /// <summary>The sections.</summary>
    public required IReadOnlyList<Section> Sections { get; init; }

    /// <summary>Whether it begins with a list of its sections.</summary>
    public bool Contents { get; init; }

    /// <summary>What stands at the foot of each printed page: letters, digits, spaces, dots and hyphens.</summary>
    public required string RunningFoot { get; init; }

    /// <summary>The last line.</summary>
    public required Phrase Footer { get; init; }
}

/// <summary>A section of a document.</summary>
/// <param name="Id">What links lead to.</param>
/// <param name="Title">Its heading.</param>
/// <param name="Blocks">What is in it.</param>
internal sealed record Section(string Id, string Title, IReadOnlyList<Block> Blocks)
{
    /// <summary>Whether it begins on a page of its own in print.</summary>
    public bool OwnPage { get; init; }
}

/// <summary>A part of a section.</summary>
internal abstract record Block;

/// <summary>A paragraph.</summary>
internal sealed record Paragraph(Phrase Text) : Block;

/// <summary>A heading within a section.</summary>
internal sealed record Heading(string Text) : Block;

/// <summary>How something ended, for the first glance.</summary>
internal sealed record Verdict(Tone Tone, string Word, IReadOnlyList<Phrase> Lines) : Block;

/// <summary>Something that must not be overlooked.</summary>
internal sealed record Note(Tone Tone, Phrase Text) : Block;

/// <summary>A figure with what it is judged by.</summary>
internal sealed record Figure(string Name, string Value, Phrase Judged, Tone Tone);

/// <summary>Figures side by side.</summary>
internal sealed record Figures(IReadOnlyList<Figure> Items) : Block;

/// <summary>Terms with what they stand for.</summary>
internal sealed record Facts(IReadOnlyList<(string Term, Phrase Value)> Items) : Block;

/// <summary>A table.</summary>
/// <param name="Caption">What is in it.</param>
/// <param name="Columns">The headings.</param>
/// <param name="Rows">The rows, each with a cell for each column.</param>
internal sealed record Table(string Caption, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<Phrase>> Rows) : Block
{
    /// <summary>Which columns hold figures, which stand at the right.</summary>
    public IReadOnlyList<int> Numbers { get; init; } = [];
}

/// <summary>Items of equal rank.</summary>
/// <param name="Items">They.</param>
/// <param name="ToTick">Whether each has a box to tick.</param>
internal sealed record Bullets(IReadOnlyList<Phrase> Items, bool ToTick = false) : Block;

/// <summary>Steps to take one after the other.</summary>
internal sealed record Steps(IReadOnlyList<Step> Items) : Block;

/// <summary>A step to take.</summary>
/// <param name="Text">What to do.</param>
/// <param name="Body">With what.</param>
internal sealed record Step(Phrase Text, IReadOnlyList<Block> Body);

/// <summary>Text that is copied letter by letter.</summary>
/// <param name="Language">"powershell", "sh" or "text".</param>
/// <param name="Text">The lines.</param>
/// <param name="Name">What it is called; procedures are found by it.</param>
internal sealed record Listing(string Language, string Text, string Name) : Block;

/// <summary>A drawing, with the same in words for who cannot see it. Markdown has the words alone.</summary>
internal sealed record Drawing(HtmlText Svg, string Words) : Block;

/// <summary>What is looked at when it is wanted.</summary>
/// <param name="Summary">What is in it.</param>
/// <param name="Body">It.</param>
/// <param name="Printed">Whether it is printed, folded or not.</param>
internal sealed record Fold(Phrase Summary, IReadOnlyList<Block> Body, bool Printed = true) : Block;

/// <summary>Lines to sign on paper.</summary>
internal sealed record Signatures(IReadOnlyList<(string Role, string? Name)> People) : Block;
