using System.Globalization;

namespace HsmBackup.Engine.Reporting;

/// <summary>A bar of a chart.</summary>
/// <param name="Name">What it is, at its left.</param>
/// <param name="Value">Its value in words, at its right.</param>
/// <param name="Start">Where it begins, as a share of the whole width.</param>
/// <param name="Length">How long it is, as a share of the whole width.</param>
/// <param name="Style">"part", "beside" or "over", as the style sheet has them; null where there is no bar, only words.</param>
internal sealed record Bar(string Name, string Value, double Start, double Length, string? Style);

/// <summary>
/// Bars one below the other as SVG. Widths are percentages and text has its own size, so a chart is as readable on a telephone as on paper,
/// which a picture that is scaled as a whole is not.
/// </summary>
internal static class BarChart
{
    private const int RowHeight = 44;
    private const int BarTop = 20;
    private const int BarHeight = 12;

    /// <summary>Draws the chart.</summary>
    /// <param name="id">An id that the page has once.</param>
    /// <param name="title">What it shows.</param>
    /// <param name="words">The same in words.</param>
    /// <param name="bars">The bars.</param>
    /// <param name="target">Where a line crosses all of them, and what it stands for; null for none.</param>
    public static Drawing Draw(string id, string title, string words, IReadOnlyList<Bar> bars, (double At, string Name)? target = null)
    {
        int top = target is null ? 0 : 22;
        int height = top + (bars.Count * RowHeight);
        var svg = new HtmlText();
        svg.Add($"""<svg role="img" aria-labelledby="{id}-title {id}-words" height="{height}">""")
            .Add($"""<title id="{id}-title">{title}</title><desc id="{id}-words">{words}</desc>""").Add($"\n");
        for (int i = 0; i < bars.Count; i++)
        {
            AddBar(svg, bars[i], top + (i * RowHeight));
        }
        if (target is { } line)
        {
            // At the right of the line its name would be cut where the line is far right.
            string anchor = line.At > 0.5 ? "end" : "start";
            svg.Add($"""<text class="small" x="{Percent(line.At)}" y="13" text-anchor="{anchor}">{line.Name}</text>""").Add($"\n");
            // Across the bars, and not through the words between them.
            for (int i = 0; i < bars.Count; i++)
            {
                int bar = top + (i * RowHeight) + BarTop;
                string x = Percent(line.At);
                svg.Add($"""<line class="target" x1="{x}" x2="{x}" y1="{bar - 1}" y2="{bar + BarHeight + 4}"/>""").Add($"\n");
            }
        }
        svg.Add($"</svg>");
        return new Drawing(svg, words);
    }

    private static void AddBar(HtmlText svg, Bar bar, int y)
    {
        svg.Add($"""<text x="0" y="{y + BarTop - 6}">{bar.Name}</text>""")
            .Add($"""<text x="100%" y="{y + BarTop - 6}" text-anchor="end">{bar.Value}</text>""");
        svg.Add($"""<rect class="track" x="0" width="100%" y="{y + BarTop}" height="{BarHeight}" rx="2"/>""");
        if (bar.Style is not null)
        {
            // Browsers draw nothing at all of no width.
            svg.Add($"""<rect class="{bar.Style}" x="{Percent(bar.Start)}" width="{Percent(Math.Max(bar.Length, 0.002))}" """)
                .Add($"""y="{y + BarTop}" height="{BarHeight}" rx="1"/>""");
        }
        svg.Add($"\n");
    }

    private static string Percent(double share) => string.Create(CultureInfo.InvariantCulture, $"{Math.Clamp(share, 0, 1) * 100:0.##}%");
}
