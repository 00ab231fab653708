using System.Globalization;
using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Auditing;

/// <summary>What a writer finds wrong with the log before it writes, put on record.</summary>
internal static class AuditRepair
{
    /// <summary>Details of a line that was cut off: its length in bytes, and their SHA-256.</summary>
    public const string CutBytes = "cutBytes";

    /// <summary>See <see cref="CutBytes"/>.</summary>
    public const string CutDigest = "cutSha256";

    /// <summary>Details of a log that was longer, or another one: what <c>head.json</c> knew of it.</summary>
    public const string LostLog = "lostLog";

    /// <summary>See <see cref="LostLog"/>.</summary>
    public const string LostEntries = "lostEntries";

    /// <summary>See <see cref="LostLog"/>.</summary>
    public const string LostHead = "lostHead";

    /// <summary>The record; null where all is well.</summary>
    /// <param name="tail">The end of the log.</param>
    /// <param name="known">How far it was, by its mark; null where there is none.</param>
    public static AuditRecord? Of(AuditTail tail, AuditHead? known)
    {
        var details = new Dictionary<string, string>(StringComparer.Ordinal);
        if (tail.Torn.Length > 0)
        {
            details[CutBytes] = tail.Torn.Length.ToString(CultureInfo.InvariantCulture);
            details[CutDigest] = tail.TornDigest;
        }
        bool lost = known is not null && IsLost(known, tail.Last);
        if (lost)
        {
            details[LostLog] = known!.Log;
            details[LostEntries] = known.Entries.ToString(CultureInfo.InvariantCulture);
            details[LostHead] = known.Head;
        }
        return details.Count == 0 ? null
            : new AuditRecord(AuditEntry.Repaired, lost ? AuditResult.Failed : AuditResult.Succeeded) { Details = details }.Bounded();
    }

    // A mark that is behind is one whose writer was killed after its entry.
    private static bool IsLost(AuditHead known, AuditEntry? last) => last is null || last.Log != known.Log || last.Sequence < known.Entries
        || (last.Sequence == known.Entries && last.Hash != known.Head);
}
