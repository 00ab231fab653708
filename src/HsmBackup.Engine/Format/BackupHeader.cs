using System.Globalization;

namespace HsmBackup.Engine.Format;

/// <summary>
/// The public header of a backup: what a catalogue needs, readable without any key. Until the file has been
/// authenticated it is a claim, not a fact.
/// </summary>
public sealed record BackupHeader
{
    private const int MaxTextLength = 256;

    /// <summary>The backup's id; it holds the time of the backup as well.</summary>
    public required BackupId Id { get; init; }

    /// <summary>Id of the cluster, 1 to 256 characters.</summary>
    public required string ClusterId { get; init; }

    /// <summary>Name of the cluster or of the lone token, 1 to 256 characters.</summary>
    public required string ClusterName { get; init; }

    /// <summary>When the backup was made, in UTC and whole seconds; the same as in the id.</summary>
    public DateTimeOffset Created => Id.Created;

    /// <summary>Where the key comes from that wraps the keys in the backup.</summary>
    public required BackupMode Mode { get; init; }

    /// <summary>Check value of the one-time key: 32 lower-case hex digits (<c>BackupKeys.Check</c>).</summary>
    public required string KeyCheck { get; init; }

    /// <summary>Check value of the cluster key, 6 to 64 lower-case hex digits. A cluster-bound backup must have it.</summary>
    public string? ClusterKeyCheck { get; init; }

    /// <summary>How many objects got which verdict.</summary>
    public required VerdictCounts Verdicts { get; init; }

    /// <summary>How many objects the token held, which is how many object lines the backup has.</summary>
    public int Objects => checked((int)Verdicts.Total);

    /// <summary>Whether every object of the token was captured.</summary>
    public bool Complete => Verdicts.Captured == Verdicts.Total;

    /// <summary>The retention rule that the backup falls under.</summary>
    public required RetentionClass RetentionClass { get; init; }

    /// <summary>The cluster's backup before this one, where there is one.</summary>
    public PreviousBackup? Previous { get; init; }

    /// <summary>How far the audit log was when the backup was made; null where none was kept.</summary>
    public AuditHead? Audit { get; init; }

    /// <summary>Who signed the seal, 1 to 256 characters; null for a backup without a signature.</summary>
    public string? Signer { get; init; }

    /// <summary>What is wrong with the values, in a few words; null when nothing is.</summary>
    internal string? FindFault()
    {
        if (!IsPlainText(ClusterId)) return "the cluster's id is empty, too long, or has control characters";
        if (!IsPlainText(ClusterName)) return "the cluster's name is empty, too long, or has control characters";
        if (Signer is not null && !IsPlainText(Signer)) return "the signer is empty, too long, or has control characters";
        if (!IsHex(KeyCheck, 32, 32)) return "keyCheck is not 32 lower-case hex digits";
        if (ClusterKeyCheck is not null && !IsHex(ClusterKeyCheck, 6, 64))
            return "clusterKeyCheck is not 6 to 64 lower-case hex digits";
        if (Mode == BackupMode.ClusterBound && ClusterKeyCheck is null)
            return "a cluster-bound backup has to give clusterKeyCheck";
        if (Previous is not null && !IsHex(Previous.Digest, 64, 64)) return "previous.digest is not 64 lower-case hex digits";
        if (Audit is not null && !IsHex(Audit.Log, AuditHead.LogIdLength, AuditHead.LogIdLength)) return "audit.log is not 32 lower-case hex digits";
        if (Audit is not null && !IsHex(Audit.Head, AuditHead.HashLength, AuditHead.HashLength)) return "audit.head is not 64 lower-case hex digits";
        if (Audit is { Entries: < 1 }) return "audit.entries is less than 1";
        if (Verdicts is { Captured: < 0 } or { NotExtractable: < 0 } or { NotWrappable: < 0 } or { Inexact: < 0 }
            or { Unreadable: < 0 } or { Total: > int.MaxValue })
            return "a verdict count is negative or too large";
        return null;
    }

    // Headers are shown on terminals before anything is authenticated: no control characters, and none of those that
    // turn the direction of the text around.
    private static bool IsPlainText(string text)
    {
        if (text.Length is 0 or > MaxTextLength) return false;
        foreach (System.Text.Rune rune in text.EnumerateRunes())
        {
            if (rune == System.Text.Rune.ReplacementChar) return false;
            if (System.Text.Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
                return false;
        }
        return true;
    }

    private static bool IsHex(string text, int minLength, int maxLength) =>
        text.Length >= minLength && text.Length <= maxLength && text.Length % 2 == 0 && text.All(char.IsAsciiHexDigitLower);
}
