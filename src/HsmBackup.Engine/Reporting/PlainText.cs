using System.Globalization;
using System.Text;

namespace HsmBackup.Engine.Reporting;

/// <summary>Text from elsewhere, and times, as every form of a report can show them. None of it depends on a culture.</summary>
internal static class PlainText
{
    /// <summary>The text with what no page can show, or what would turn the text around it, replaced. Lines stay lines.</summary>
    public static string Of(string text) => text.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0
        ? text
        : string.Concat(text.ReplaceLineEndings("\n").EnumerateRunes()
            .Select(r => r.Value == '\n' || IsShown(r) ? r.ToString() : "\uFFFD"));

    /// <summary>The same on one line.</summary>
    public static string LineOf(string text) => Of(text).Replace('\n', ' ');

    /// <summary>A time in UTC, to the second.</summary>
    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>A time in UTC, to the minute.</summary>
    public static string Minute(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>A day.</summary>
    public static string Day(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>A time span by its two largest units, so that it is read at a glance.</summary>
    public static string Span(TimeSpan span) => span switch
    {
        { Ticks: < 0 } => "-" + Span(span.Negate()),
        { Ticks: 0 } => "0 s",
        { TotalSeconds: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{Math.Max(1, Math.Floor(span.TotalMilliseconds)):0} ms"),
        { TotalMinutes: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(span.TotalSeconds * 10) / 10:0.#} s"),
        { TotalHours: < 1 } => Two(span.Minutes, "min", span.Seconds, "s"),
        { TotalDays: < 1 } => Two(span.Hours, "h", span.Minutes, "min"),
        _ => Two(span.Days, "d", span.Hours, "h"),
    };

    /// <summary>A number of bytes.</summary>
    public static string Bytes(long bytes) => bytes switch
    {
        < 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes} B"),
        < 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.0} KiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.0} MiB"),
    };

    /// <summary>A number with its thousands apart.</summary>
    public static string Number(int number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary>A number of things.</summary>
    public static string Count(int number, string one, string many) => $"{Number(number)} {(number == 1 ? one : many)}";

    private static string Two(int large, string largeUnit, int small, string smallUnit) => small == 0
        ? string.Create(CultureInfo.InvariantCulture, $"{large} {largeUnit}")
        : string.Create(CultureInfo.InvariantCulture, $"{large} {largeUnit} {small} {smallUnit}");

    // Category Cn has the two characters that XML cannot hold.
    private static bool IsShown(Rune rune) => Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.OtherNotAssigned
            or UnicodeCategory.Surrogate);
}
