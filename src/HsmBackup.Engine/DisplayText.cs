using System.Globalization;
using System.Text;

namespace HsmBackup.Engine;

/// <summary>Text that came from a token, a file or a file name, on its way to a screen.</summary>
internal static class DisplayText
{
    /// <summary>The text with every character replaced that a terminal would obey instead of showing it.</summary>
    public static string Harmless(string text)
    {
        bool clean = true;
        foreach (Rune rune in text.EnumerateRunes())
        {
            clean &= IsHarmless(rune);
        }
        return clean ? text : string.Concat(text.EnumerateRunes().Select(r => IsHarmless(r) ? r.ToString() : "\uFFFD"));
    }

    private static bool IsHarmless(Rune rune) => Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control
        or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
