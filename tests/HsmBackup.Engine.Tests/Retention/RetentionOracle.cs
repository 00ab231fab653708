using HsmBackup.Engine.Format;
using HsmBackup.Engine.Retention;

namespace HsmBackup.Engine.Tests.Retention;

/// <summary>What is right, found in the plainest way and by other code than the planner's.</summary>
internal sealed class RetentionOracle(RetentionPolicy policy, RetentionInput input, DateTimeOffset now)
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    /// <summary>The newest that are known to restore, by the date that they claim, and by one that can be believed.</summary>
    public IEnumerable<string> NewestKnownToRestore()
    {
        RetentionBackup[] proven = [.. input.Backups.Where(b => b.Proven is not null && b.Copies.Any(IsReadable))];
        RetentionBackup[][] sorts =
        [
            proven, [.. proven.Where(b => !IsFuture(b))], [.. proven.Where(b => !IsFuture(b) && b.Complete)],
            [.. proven.Where(b => !IsFuture(b) && Counts(b))],
        ];
        return sorts.Where(s => s.Length > 0).Select(s => s.Aggregate((a, b) => IsNewer(a, b) ? a : b).BackupId);
    }

    /// <summary>Whether there is a proof that speaks for anything.</summary>
    public bool IsAnythingProven => input.Backups.Any(b => b.Proven is not null && Counts(b) && b.Copies.Any(IsReadable) && !IsFuture(b));

    /// <summary>Where no complete backup is known to restore: the complete ones of which one, the newest that can be believed, must stay.</summary>
    public string? NewestUntested()
    {
        RetentionBackup[] complete = [.. input.Backups.Where(b => b.Complete && b.Copies.Any(IsReadable))];
        RetentionBackup[] believed = [.. complete.Where(b => !IsFuture(b) && !IsOutOfOrder(b))];
        return complete.Any(b => b.Proven is not null) || believed.Length == 0 ? null : believed.Aggregate((a, b) => IsNewer(a, b) ? a : b).BackupId;
    }

    public bool IsHeld(RetentionBackup backup) => backup.Hold is { Until: null } || backup.Hold?.Until > now
        || backup.Copies.Any(c => c.Hold is { Until: null } || c.Hold?.Until > now);

    /// <summary>Whether the rules of any class want a backup.</summary>
    public bool IsWanted(RetentionBackup backup) => Enum.GetValues<RetentionClass>().Any(retentionClass =>
    {
        RetentionRules rules = policy.Of(retentionClass);
        RetentionBackup[] candidates = [.. input.Backups.Where(b => !IsFuture(b) && !IsOutOfOrder(b)
            && b.Copies.Any(c => c.Class == retentionClass && IsReadable(c) && (IsHeld(b) || c.Mark?.Origin != RemovalOrigin.Request))
            && !(now - b.Created > rules.MaximumAge))];
        return candidates.Contains(backup)
            && (IsWanted(rules, backup, candidates) || (backup.Proven is not null && IsWanted(rules, backup, [.. candidates.Where(b => b.Proven is not null)])));
    });

    private bool IsWanted(RetentionRules rules, RetentionBackup backup, RetentionBackup[] candidates)
    {
        RetentionBackup[] newer = [.. candidates.Where(b => IsNewer(b, backup))];
        bool nothing = rules is { KeepLast: null, KeepDaily: null, KeepWeekly: null, KeepMonthly: null, KeepYearly: null, KeepWithin: null };
        return nothing || newer.Length < rules.KeepLast || now - backup.Created < rules.KeepWithin
            || Newest(rules.KeepDaily, t => t.Date)
            || Newest(rules.KeepWeekly, t => (System.Globalization.ISOWeek.GetYear(t), System.Globalization.ISOWeek.GetWeekOfYear(t)))
            || Newest(rules.KeepMonthly, t => (t.Year, t.Month))
            || Newest(rules.KeepYearly, t => t.Year);

        bool Newest<T>(int? count, Func<DateTime, T> period) where T : notnull
        {
            T own = period(backup.Created.UtcDateTime);
            HashSet<T> periods = [.. newer.Select(b => period(b.Created.UtcDateTime))];
            return !periods.Contains(own) && periods.Count < count;
        }
    }

    private bool Counts(RetentionBackup backup) => (now - backup.Proven)?.Duration() <= policy.MaximumVerificationAge;

    private bool IsFuture(RetentionBackup backup) => backup.Created - now > Hour;

    private bool IsOutOfOrder(RetentionBackup backup) =>
        backup.PreviousCreated is { } previous && previous - now <= Hour && previous - backup.Created > Hour;

    private static bool IsReadable(RetentionCopy copy) => copy.Health == CopyHealth.Readable;

    private static bool IsNewer(RetentionBackup one, RetentionBackup other) => one.Created != other.Created
        ? one.Created > other.Created
        : string.CompareOrdinal(one.BackupId, other.BackupId) > 0;
}
