using System.Security.Cryptography;
using System.Text;

namespace HsmBackup.Engine.Reporting;

/// <summary>
/// A document as one HTML page that needs nothing else: no script, no font, no picture from elsewhere, which its own
/// Content-Security-Policy forbids as well. It follows the light or dark of its reader, is read on a telephone, and prints on A4.
/// </summary>
internal static class HtmlPage
{
    // From here on, headings of columns are not repeated in every cell for narrow screens: a page of ten thousand keys must stay a page.
    private const int LongTable = 200;

    // Up to here, a table is not divided between two pages in print.
    private const int ShortTable = 14;

    private static readonly string Style = ReadStyle();

    /// <summary>The page in UTF-8.</summary>
    public static byte[] Render(Document document)
    {
        string style = Style.Replace("RUNNING-FOOT",
            string.Concat(document.RunningFoot.Where(c => char.IsAsciiLetterOrDigit(c) || c is ' ' or '.' or '-' or '_')),
            StringComparison.Ordinal);
        string policy = $"default-src 'none'; style-src "
            + $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(style)))}'; base-uri 'none'; form-action 'none'";
        var html = new HtmlText();
        html.Add($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="
            """).Add($"{policy}").Add($"""
            ">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="referrer" content="no-referrer">
            <title>{document.Title}</title>
            <style>
            """);
        html.AddMarkup(style);
        html.Add($"""
            </style>
            </head>
            <body>
            <header>
            <p class="kind">{document.Kind}</p>
            <h1>{document.Title}</h1>
            <p class="subtitle">{Inline(document.Subtitle)}</p>
            </header>
            <main>

            """);
        Blocks(html, document.Opening);
        if (document.Contents)
        {
            AddContents(html, document.Sections);
        }
        foreach (Section section in document.Sections)
        {
            html.Add($"""<section id="{section.Id}" aria-labelledby="{section.Id}-title" class="{(section.OwnPage ? "own-page" : "")}">""")
                .Add($"\n<h2 id=\"{section.Id}-title\">{section.Title}</h2>\n");
            Blocks(html, section.Blocks);
            html.Add($"</section>\n");
        }
        html.Add($"</main>\n<footer><p>{Inline(document.Footer)}</p></footer>\n</body>\n</html>\n");
        return Encoding.UTF8.GetBytes(html.ToString().Replace("\r\n", "\n", StringComparison.Ordinal));
    }

    private static void AddContents(HtmlText html, IReadOnlyList<Section> sections)
    {
        html.Add($"<nav aria-labelledby=\"contents\">\n<h2 id=\"contents\">Contents</h2>\n<ol>\n");
        foreach (Section section in sections)
        {
            html.Add($"<li><a href=\"#{section.Id}\">{section.Title}</a></li>\n");
        }
        html.Add($"</ol>\n</nav>\n");
    }

    private static void Blocks(HtmlText html, IReadOnlyList<Block> blocks)
    {
        foreach (Block block in blocks)
        {
            switch (block)
            {
                case Paragraph paragraph: html.Add($"<p>{Inline(paragraph.Text)}</p>\n"); break;
                case Heading heading: html.Add($"<h3>{heading.Text}</h3>\n"); break;
                case Verdict verdict: AddVerdict(html, verdict); break;
                case Note note: html.Add($"<p class=\"note {Class(note.Tone)}\">{Inline(note.Text)}</p>\n"); break;
                case Figures figures: AddFigures(html, figures); break;
                case Facts facts: AddFacts(html, facts); break;
                case Table table: AddTable(html, table); break;
                case Bullets bullets: AddBullets(html, bullets); break;
                case Steps steps: AddSteps(html, steps); break;
                case Listing listing: AddListing(html, listing); break;
                case Drawing drawing: html.Add($"<figure>{drawing.Svg}</figure>\n"); break;
                case Fold fold: AddFold(html, fold); break;
                case Signatures signatures: AddSignatures(html, signatures); break;
                default: throw new InvalidOperationException($"A page cannot show a {block.GetType().Name}.");
            }
        }
    }

    private static void AddVerdict(HtmlText html, Verdict verdict)
    {
        html.Add($"<div class=\"verdict {Class(verdict.Tone)}\">\n<p class=\"word\">{verdict.Word}</p>\n");
        foreach (Phrase line in verdict.Lines)
        {
            html.Add($"<p>{Inline(line)}</p>\n");
        }
        html.Add($"</div>\n");
    }

    private static void AddFigures(HtmlText html, Figures figures)
    {
        html.Add($"<dl class=\"figures\">\n");
        foreach (Figure figure in figures.Items)
        {
            html.Add($"""<div class="{Class(figure.Tone)}"><dt>{figure.Name}</dt>""")
                .Add($"""<dd class="value">{figure.Value}</dd><dd>{Inline(figure.Judged)}</dd></div>""").Add($"\n");
        }
        html.Add($"</dl>\n");
    }

    private static void AddFacts(HtmlText html, Facts facts)
    {
        html.Add($"<dl class=\"facts\">\n");
        foreach ((string term, Phrase value) in facts.Items)
        {
            html.Add($"<div><dt>{term}</dt><dd>{Inline(value)}</dd></div>\n");
        }
        html.Add($"</dl>\n");
    }

    private static void AddTable(HtmlText html, Table table)
    {
        html.Add($"<table{(table.Rows.Count <= ShortTable ? new HtmlText().Add($" class=\"short\"") : new HtmlText())}>\n")
            .Add($"<caption>{table.Caption}</caption>\n<thead><tr>");
        for (int i = 0; i < table.Columns.Count; i++)
        {
            html.Add($"<th scope=\"col\"{Number(table, i)}>{table.Columns[i]}</th>");
        }
        html.Add($"</tr></thead>\n<tbody>\n");
        foreach (IReadOnlyList<Phrase> row in table.Rows)
        {
            html.Add($"<tr>");
            for (int i = 0; i < row.Count; i++)
            {
                html.Add($"<td{Number(table, i)}{Label(table, i)}>{Inline(row[i])}</td>");
            }
            html.Add($"</tr>\n");
        }
        html.Add($"</tbody>\n</table>\n");
    }

    private static HtmlText Number(Table table, int column) =>
        table.Numbers.Contains(column) ? new HtmlText().Add($" class=\"number\"") : new HtmlText();

    private static HtmlText Label(Table table, int column) =>
        table.Rows.Count > LongTable || column == 0 ? new HtmlText() : new HtmlText().Add($" data-label=\"{table.Columns[column]}\"");

    private static void AddBullets(HtmlText html, Bullets bullets)
    {
        html.Add($"<ul{(bullets.ToTick ? new HtmlText().Add($" class=\"to-tick\"") : new HtmlText())}>\n");
        foreach (Phrase item in bullets.Items)
        {
            html.Add($"<li>{Inline(item)}</li>\n");
        }
        html.Add($"</ul>\n");
    }

    private static void AddSteps(HtmlText html, Steps steps)
    {
        html.Add($"<ol class=\"steps\">\n");
        foreach (Step step in steps.Items)
        {
            html.Add($"<li><p>{Inline(step.Text)}</p>\n");
            Blocks(html, step.Body);
            html.Add($"</li>\n");
        }
        html.Add($"</ol>\n");
    }

    // What scrolls can be reached by the keyboard, and says what it is.
    private static void AddListing(HtmlText html, Listing listing) => html
        .Add($"<pre tabindex=\"0\" role=\"group\" aria-label=\"{listing.Name}\" "
            + $"data-language=\"{listing.Language}\"><code>{Lines(listing)}</code></pre>\n");

    private static HtmlText Lines(Listing listing)
    {
        var html = new HtmlText();
        foreach (string line in listing.Text.ReplaceLineEndings("\n").TrimEnd().Split('\n'))
        {
            html.Add($"<span class=\"line\">{Words(line)}</span>\n");
        }
        return html;
    }

    // Browsers break lines behind hyphens, and "-" at the end of a line is not read as the beginning of "-WhatIf".
    private static HtmlText Words(string line)
    {
        var html = new HtmlText();
        string[] words = line.Split(' ');
        for (int i = 0; i < words.Length; i++)
        {
            string space = i == 0 ? "" : " ";
            _ = words[i].Contains('-', StringComparison.Ordinal)
                ? html.Add($"{space}<span class=\"word\">{words[i]}</span>") : html.Add($"{space}{words[i]}");
        }
        return html;
    }

    private static void AddFold(HtmlText html, Fold fold)
    {
        html.Add($"<details class=\"{(fold.Printed ? "printed" : "on-screen")}\">\n<summary>{Inline(fold.Summary)}</summary>\n");
        Blocks(html, fold.Body);
        html.Add($"</details>\n");
    }

    private static void AddSignatures(HtmlText html, Signatures signatures)
    {
        html.Add($"<div class=\"signatures\">\n");
        foreach ((string role, string? name) in signatures.People)
        {
            html.Add($"<div><p class=\"line\"></p><p><strong>{role}</strong>{(name is null ? "" : ": " + name)}</p>"
                + $"<p>Date, signature</p></div>\n");
        }
        html.Add($"</div>\n");
    }

    private static HtmlText Inline(Phrase phrase)
    {
        var html = new HtmlText();
        foreach (Piece piece in phrase.Pieces)
        {
            _ = piece.Tone switch
            {
                Tone.Plain => html.Add($"{piece.Text}"),
                Tone.Strong => html.Add($"<strong>{piece.Text}</strong>"),
                Tone.Code => html.Add($"<code>{Words(piece.Text)}</code>"),
                Tone.Open => html.Add($"<span class=\"gap\">&#160;</span>"),
                Tone.Link => html.Add($"<a href=\"#{piece.Target}\">{piece.Text}</a>"),
                Tone.Quiet => html.Add($"<span class=\"quiet\">{piece.Text}</span>"),
                _ => html.Add($"<span class=\"mark {Class(piece.Tone)}\">{piece.Text}</span>"),
            };
        }
        return html;
    }

    private static string Class(Tone tone) => tone switch
    {
        Tone.Good => "good",
        Tone.Warning => "warning",
        Tone.Bad => "bad",
        _ => "plain",
    };

    private static string ReadStyle()
    {
        using Stream css = typeof(HtmlPage).Assembly.GetManifestResourceStream("page.css")
            ?? throw new InvalidOperationException("page.css is not in this assembly.");
        using var reader = new StreamReader(css, Encoding.UTF8);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
