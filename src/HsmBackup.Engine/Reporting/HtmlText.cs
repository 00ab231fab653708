using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace HsmBackup.Engine.Reporting;

/// <summary>
/// HTML in the making. What the source writes is markup; what is interpolated is text, and escaped, whatever it holds. So nothing that came
/// from a token, a file or a person can become markup by being forgotten.
/// </summary>
internal sealed class HtmlText
{
    private readonly StringBuilder _text = new();

    /// <summary>Adds markup with text in it.</summary>
    public HtmlText Add([InterpolatedStringHandlerArgument("")] HtmlHandler html)
    {
        _ = html;
        return this;
    }

    /// <summary>What was made.</summary>
    public override string ToString() => _text.ToString();

    internal void AddMarkup(string markup) => _text.Append(markup);

    internal void AddText(string text)
    {
        foreach (Rune rune in PlainText.Of(text).EnumerateRunes())
        {
            _ = rune.Value switch
            {
                '&' => _text.Append("&amp;"),
                '<' => _text.Append("&lt;"),
                '>' => _text.Append("&gt;"),
                '"' => _text.Append("&quot;"),
                '\'' => _text.Append("&#39;"),
                _ => _text.Append(rune.ToString()),
            };
        }
    }

    internal void Append(HtmlText other) => _text.Append(other._text);
}

/// <summary>Lets <see cref="HtmlText"/> be written as interpolated strings. Only what is listed here can be put in.</summary>
[InterpolatedStringHandler]
internal readonly ref struct HtmlHandler(int literalLength, int formattedCount, HtmlText html)
{
    public void AppendLiteral(string markup) => html.AddMarkup(markup);

    public void AppendFormatted(string? text) => html.AddText(text ?? "");

    public void AppendFormatted(int number) => html.AddMarkup(number.ToString(CultureInfo.InvariantCulture));

    public void AppendFormatted(HtmlText other) => html.Append(other);

    /// <summary>The lengths that the compiler knows; nothing depends on them.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{literalLength} + {formattedCount}");
}
