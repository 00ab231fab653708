namespace HsmBackup.Engine.Retention;

/// <summary>Decides on the copies of one backup after another, once it is known what the rules want.</summary>
internal sealed class CopyJudge(
    RetentionPolicy policy, DateTimeOffset now, ClockTrust clock, DateTimeOffset? unsureSince, HashSet<RetentionCopy> newestOfStores, bool anythingProven,
    bool storeMissing)
{
    /// <summary>Decides on every copy of a backup.</summary>
    public IEnumerable<RetentionItem> Judge(RetentionCandidate candidate)
    {
        List<(RetentionCopy Copy, RetentionReason? Reason)> copies = [.. candidate.Backup.Copies.Select(c => (c, KeepReason(candidate, c)))];
        HashSet<RetentionCopy> needed = candidate.IsWanted ? StillNeeded(copies) : [];
        foreach ((RetentionCopy copy, RetentionReason? reason) in copies)
        {
            yield return (reason ?? (needed.Contains(copy) ? RetentionReason.MinimumCopies : null)) is { } keep
                ? Kept(candidate, copy, keep)
                : NotKept(candidate, copy);
        }
    }

    private RetentionReason? KeepReason(RetentionCandidate candidate, RetentionCopy copy) => copy switch
    {
        { Health: CopyHealth.Unreadable } => RetentionReason.Unreadable,
        { Health: CopyHealth.Different } => RetentionReason.Different,
        _ when candidate.IsHeld => RetentionReason.Held,
        // Whoever asked for the removal of this very copy goes before the rules, but not before what may be the last resort.
        { Mark.Origin: RemovalOrigin.Request } => candidate.Needed,
        _ => candidate.WantedBy(copy.Class)
            ?? candidate.LastResort
            ?? (newestOfStores.Contains(copy) ? RetentionReason.NewestProvenOfStore : (RetentionReason?)null)
            ?? candidate.Doubt,
    };

    // Copies whose removal was asked for are the last that are called upon; otherwise the name of the store decides.
    private HashSet<RetentionCopy> StillNeeded(List<(RetentionCopy Copy, RetentionReason? Reason)> copies)
    {
        int kept = copies.Count(c => c.Copy.Health == CopyHealth.Readable && c.Reason is not null);
        return new HashSet<RetentionCopy>(copies.Where(c => c.Reason is null).Select(c => c.Copy)
            .OrderBy(c => c.Mark?.Origin == RemovalOrigin.Request).ThenBy(c => c.Store, StringComparer.Ordinal)
            .Take(policy.MinimumCopies - kept), ReferenceEqualityComparer.Instance);
    }

    private RetentionItem Kept(RetentionCandidate candidate, RetentionCopy copy, RetentionReason reason)
    {
        // A request outlives what the rules want; only a hold, which somebody wanted too, ends it.
        bool isWantedAgain = copy is { Mark: not null, Health: CopyHealth.Readable }
            && (copy.Mark.Origin == RemovalOrigin.Policy || reason == RetentionReason.Held);
        return isWantedAgain && clock != ClockTrust.Backwards
            ? Item(candidate, copy, RetentionDecision.Unmark, reason)
            : Item(candidate, copy, RetentionDecision.Keep, reason, copy.Mark?.DueUnder(policy.RemovalDelay, unsureSince));
    }

    private RetentionItem NotKept(RetentionCandidate candidate, RetentionCopy copy)
    {
        bool requested = copy.Mark?.Origin == RemovalOrigin.Request;
        RetentionReason reason = requested ? RetentionReason.Requested
            : now - candidate.Backup.Created > policy.Of(copy.Class).MaximumAge ? RetentionReason.TooOld
            : RetentionReason.Expired;
        RetentionReason? obstacle = clock == ClockTrust.Backwards ? RetentionReason.ClockBackwards
            : !anythingProven && !requested ? RetentionReason.NothingProven
            : copy.Mark is null ? null
            : !copy.Mark.IsDue(policy.RemovalDelay, now, unsureSince: null) ? RetentionReason.RemovalPending
            : clock == ClockTrust.Unsure ? RetentionReason.ClockUnsure
            : !copy.Mark.IsDue(policy.RemovalDelay, now, unsureSince) ? RetentionReason.RemovalPending
            : storeMissing ? RetentionReason.StoreMissing
            : null;
        return (obstacle, copy.Mark) switch
        {
            (null, null) => Item(candidate, copy, RetentionDecision.MarkForRemoval, reason, RemovalMark.At(now, policy.RemovalDelay, RemovalOrigin.Policy).Due),
            (null, { } mark) => Item(candidate, copy, RetentionDecision.Remove, reason, mark.DueUnder(policy.RemovalDelay, unsureSince)),
            ({ } why, _) => Item(candidate, copy, RetentionDecision.Keep, why, copy.Mark?.DueUnder(policy.RemovalDelay, unsureSince)),
        };
    }

    private static RetentionItem Item(
        RetentionCandidate candidate, RetentionCopy copy, RetentionDecision decision, RetentionReason reason, DateTimeOffset? due = null) => new()
        {
            BackupId = candidate.Backup.BackupId,
            Store = copy.Store,
            Class = copy.Class,
            Created = candidate.Backup.Created,
            Decision = decision,
            Reason = reason,
            Due = due,
            IsBackupWanted = candidate.IsWanted,
            Mark = copy.Mark,
        };
}
