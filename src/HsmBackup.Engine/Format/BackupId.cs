using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace HsmBackup.Engine.Format;

/// <summary>
/// The name of a backup: its time in UTC, its cluster, and eight random hex digits, as in
/// <c>20261121T225300Z-payments-0a1b2c3d</c>. Ids sort by time as plain text, and are safe as file names everywhere.
/// </summary>
public sealed record BackupId : IComparable<BackupId>
{
    private const string TimeFormat = "yyyyMMdd'T'HHmmss'Z'";
    private const int TimeLength = 16;
    private const int RandomLength = 8;
    private const int MaxSlugLength = 64;

    private readonly string _text;

    private BackupId(string text, DateTimeOffset created)
    {
        _text = text;
        Created = created;
    }

    /// <summary>When the backup was made, in UTC and whole seconds.</summary>
    public DateTimeOffset Created { get; }

    /// <summary>The cluster's name as the id spells it: lower case, other characters replaced by hyphens.</summary>
    public string Slug => _text[(TimeLength + 1)..^(RandomLength + 1)];

    /// <summary>The name of the backup's file, without a folder.</summary>
    public string FileName => _text + BackupFormat.FileExtension;

    /// <summary>Makes a new id; two backups of the same second differ by their random digits.</summary>
    /// <param name="clusterName">Name of the cluster or of the lone token; any text.</param>
    /// <param name="created">The time of the backup; its fraction of a second is dropped.</param>
    public static BackupId New(string clusterName, DateTimeOffset created)
    {
        ArgumentNullException.ThrowIfNull(clusterName);
        DateTimeOffset utc = created.ToUniversalTime();
        DateTimeOffset wholeSeconds = new(utc.Ticks - utc.Ticks % TimeSpan.TicksPerSecond, TimeSpan.Zero);
        string text = string.Create(CultureInfo.InvariantCulture,
            $"{wholeSeconds.ToString(TimeFormat, CultureInfo.InvariantCulture)}-{SlugOf(clusterName)}-" +
            $"{RandomNumberGenerator.GetHexString(RandomLength, lowercase: true)}");
        return new BackupId(text, wholeSeconds);
    }

    /// <summary>Makes a new id with the time of a clock.</summary>
    /// <param name="clusterName">Name of the cluster or of the lone token; any text.</param>
    /// <param name="clock">The clock.</param>
    public static BackupId New(string clusterName, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(clock);
        return New(clusterName, clock.GetUtcNow());
    }

    /// <summary>Whether the text has the form of a backup id.</summary>
    public static bool IsValid([NotNullWhen(true)] string? text) => TryParse(text, out _);

    /// <summary>Reads an id.</summary>
    /// <param name="text">The text, without a file extension.</param>
    /// <param name="id">The id, when the text is one.</param>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out BackupId? id)
    {
        id = null;
        if (text is null || text.Length <= TimeLength + RandomLength + 2
            || text.Length > TimeLength + RandomLength + 2 + MaxSlugLength
            || text[TimeLength] != '-' || text[^(RandomLength + 1)] != '-')
            return false;
        if (!DateTimeOffset.TryParseExact(text.AsSpan(0, TimeLength), TimeFormat, CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal, out DateTimeOffset created))
            return false;
        foreach (char c in text.AsSpan(TimeLength + 1, text.Length - TimeLength - RandomLength - 2))
            if (!IsSlugCharacter(c)) return false;
        foreach (char c in text.AsSpan(text.Length - RandomLength))
            if (!char.IsAsciiHexDigitLower(c)) return false;
        id = new BackupId(text, created);
        return true;
    }

    /// <summary>Orders by time, then by the rest of the text.</summary>
    public int CompareTo(BackupId? other) => string.CompareOrdinal(_text, other?._text);

    /// <summary>Whether one backup comes before another.</summary>
    public static bool operator <(BackupId? left, BackupId? right) => Compare(left, right) < 0;

    /// <summary>Whether one backup comes after another.</summary>
    public static bool operator >(BackupId? left, BackupId? right) => Compare(left, right) > 0;

    /// <summary>Whether one backup does not come after another.</summary>
    public static bool operator <=(BackupId? left, BackupId? right) => Compare(left, right) <= 0;

    /// <summary>Whether one backup does not come before another.</summary>
    public static bool operator >=(BackupId? left, BackupId? right) => Compare(left, right) >= 0;

    /// <summary>The id as text.</summary>
    public override string ToString() => _text;

    private static int Compare(BackupId? left, BackupId? right) => string.CompareOrdinal(left?._text, right?._text);

    // Letter by letter and ASCII only: the lower case of a letter must not depend on where the backup is made.
    private static string SlugOf(string clusterName)
    {
        StringBuilder slug = new(MaxSlugLength);
        foreach (Rune rune in clusterName.EnumerateRunes())
        {
            if (slug.Length == MaxSlugLength) break;
            char c = rune.IsAscii ? char.ToLowerInvariant((char)rune.Value) : '-';
            slug.Append(IsSlugCharacter(c) ? c : '-');
        }
        return slug.Length == 0 ? "-" : slug.ToString();
    }

    private static bool IsSlugCharacter(char c) =>
        char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-';
}
