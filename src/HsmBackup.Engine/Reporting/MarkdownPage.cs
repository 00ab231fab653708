using System.Text;

namespace HsmBackup.Engine.Reporting;

/// <summary>A document as Markdown (CommonMark, with the tables of GitHub). It reads as plain text too.</summary>
internal static class MarkdownPage
{
    /// <summary>The text in UTF-8.</summary>
    public static byte[] Render(Document document)
    {
        var text = new StringBuilder();
        text.Append("# ").Append(Escaped(document.Title)).Append("\n\n").Append(Inline(document.Subtitle)).Append("\n\n");
        Blocks(text, document.Opening, "");
        foreach (Section section in document.Sections)
        {
            text.Append("## ").Append(Escaped(section.Title)).Append("\n\n");
            Blocks(text, section.Blocks, "");
        }
        text.Append("---\n\n").Append(Inline(document.Footer)).Append('\n');
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static void Blocks(StringBuilder text, IReadOnlyList<Block> blocks, string indent)
    {
        foreach (Block block in blocks)
        {
            string content = Content(block);
            foreach (string line in content.TrimEnd('\n').Split('\n'))
            {
                text.Append(line.Length == 0 ? "" : indent).Append(line).Append('\n');
            }
            text.Append('\n');
        }
    }

    private static string Content(Block block) => block switch
    {
        Paragraph paragraph => Inline(paragraph.Text),
        Heading heading => "### " + Escaped(heading.Text),
        Verdict verdict => string.Join("\n\n", verdict.Lines.Select(Inline).Prepend($"**{Escaped(verdict.Word)}**")),
        Note note => "> " + Inline(note.Text),
        Figures figures => TableOf(["Measure", "Value", "Judged by"], [],
            figures.Items.Select(f => (string[])[Cell(f.Name), Cell(f.Value), Inline(f.Judged)])),
        Facts facts => string.Join('\n', facts.Items.Select(f => $"- {Escaped(f.Term)}: {Inline(f.Value)}")),
        Table table => Escaped(table.Caption) + "\n\n"
            + TableOf([.. table.Columns], table.Numbers, table.Rows.Select(r => r.Select(Inline).ToArray())),
        Bullets bullets => string.Join('\n', bullets.Items.Select(i => (bullets.ToTick ? "- [ ] " : "- ") + Inline(i))),
        Steps steps => StepsOf(steps),
        Listing listing => ListingOf(listing),
        Drawing drawing => Escaped(drawing.Words),
        Fold fold => FoldOf(fold),
        Signatures signatures => string.Join("\n\n",
            signatures.People.Select(p => $"{Escaped(p.Role)}: {Escaped(p.Name ?? "")}, date and signature: ____________________")),
        _ => throw new InvalidOperationException($"Markdown cannot show a {block.GetType().Name}."),
    };

    private static string TableOf(string[] columns, IReadOnlyList<int> numbers, IEnumerable<string[]> rows)
    {
        var text = new StringBuilder();
        text.Append("| ").AppendJoin(" | ", columns.Select(Escaped)).Append(" |\n| ");
        text.AppendJoin(" | ", columns.Select((_, i) => numbers.Contains(i) ? "---:" : "---")).Append(" |\n");
        foreach (string[] row in rows)
        {
            text.Append("| ").AppendJoin(" | ", row).Append(" |\n");
        }
        return text.ToString();
    }

    private static string StepsOf(Steps steps)
    {
        var text = new StringBuilder();
        for (int i = 0; i < steps.Items.Count; i++)
        {
            string number = $"{PlainText.Number(i + 1)}. ";
            text.Append(number).Append(Inline(steps.Items[i].Text)).Append("\n\n");
            Blocks(text, steps.Items[i].Body, new string(' ', number.Length));
        }
        return text.ToString();
    }

    // A fence that is longer than any in the text.
    private static string ListingOf(Listing listing)
    {
        string body = PlainText.Of(listing.Text.TrimEnd());
        string fence = "```";
        while (body.Contains(fence, StringComparison.Ordinal))
        {
            fence += "`";
        }
        return $"{fence}{listing.Language}\n{body}\n{fence}";
    }

    private static string FoldOf(Fold fold)
    {
        var text = new StringBuilder("### ").Append(Inline(fold.Summary)).Append("\n\n");
        Blocks(text, fold.Body, "");
        return text.ToString();
    }

    private static string Cell(string text) => Escaped(text);

    private static string Inline(Phrase phrase) =>
        string.Concat(phrase.Pieces.Where(p => p.Text.Length > 0 || p.Tone == Tone.Open).Select(p => p.Tone switch
    {
        Tone.Strong or Tone.Bad => $"**{Escaped(p.Text)}**",
        Tone.Code => Code(p.Text),
        Tone.Open => "____________",
        _ => Escaped(p.Text),
    }));

    // A code span knows no escapes, and a table ends its cell at a bar even there: such text is written out.
    private static string Code(string text)
    {
        string line = PlainText.LineOf(text);
        return line.AsSpan().IndexOfAny('`', '|') < 0 && line.Trim().Length == line.Length ? $"`{line}`" : Escaped(line);
    }

    private static string Escaped(string text)
    {
        var escaped = new StringBuilder();
        foreach (char c in PlainText.LineOf(text))
        {
            _ = c switch
            {
                '<' => escaped.Append("&lt;"),
                '>' => escaped.Append("&gt;"),
                '&' => escaped.Append("&amp;"),
                '\\' or '`' or '*' or '_' or '[' or ']' or '|' or '~' or '#' or '$' => escaped.Append('\\').Append(c),
                _ => escaped.Append(c),
            };
        }
        return escaped.ToString();
    }
}
