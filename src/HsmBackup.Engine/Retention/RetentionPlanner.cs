using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Retention;

/// <summary>
/// Decides what is kept and what goes. It is a function of its arguments: no clock, no store, and the order of its input means nothing.
/// </summary>
/// <remarks>
/// Headers, marks and holds are claims of whoever can write to a store; only proofs are known here. So files that somebody made up must
/// never push a good one out: the rules are applied to the proven backups alone and again to all, and what either wants is kept.
/// </remarks>
public static class RetentionPlanner
{
    /// <summary>Makes the plan.</summary>
    /// <param name="policy">What is to be kept.</param>
    /// <param name="input">What is there, of one cluster.</param>
    /// <param name="now">What the clock shows.</param>
    /// <param name="memory">What the clock has shown before.</param>
    public static RetentionPlan Plan(RetentionPolicy policy, RetentionInput input, DateTimeOffset now, ClockMemory memory)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(memory);
        ClockTrust clock = RetentionClock.Judge(now, memory.HighWater);
        List<RetentionCandidate> all = [.. input.Backups.Select(b => new RetentionCandidate(b, policy, now))
            .OrderByDescending(c => c.Backup.Created).ThenByDescending(c => c.Backup.BackupId, StringComparer.Ordinal)];
        List<RetentionCandidate> dated = all.FindAll(c => c.Doubt is null);
        foreach (RetentionClass retentionClass in new[] { RetentionClass.Online, RetentionClass.Offline })
        {
            List<RetentionCandidate> counted = dated.FindAll(c => c.CountsFor(retentionClass));
            ApplyRules(counted.Where(c => c.IsProven), policy, retentionClass, now);
            ApplyRules(counted, policy, retentionClass, now);
        }
        HashSet<RetentionCopy> newestOfStores = ProtectNewest(dated);
        ProtectUntested(all);
        RetentionCandidate? newest = dated.Find(c => c.IsProvenLately);
        var judge = new CopyJudge(policy, now, clock, memory.After(now).UnsureSince, newestOfStores, newest is not null, input.IsStoreMissing);
        return new RetentionPlan(
            [.. all.SelectMany(judge.Judge).Concat(input.Unreadable.Select(Unreadable))
                .OrderBy(i => i.BackupId, StringComparer.Ordinal).ThenBy(i => i.Store, StringComparer.Ordinal)],
            clock, newest?.Backup.BackupId, [.. all.Where(c => c.LastResort is not null).Select(c => c.Backup.BackupId)]);
    }

    private static void ApplyRules(IEnumerable<RetentionCandidate> newestFirst, RetentionPolicy policy, RetentionClass retentionClass, DateTimeOffset now)
    {
        var rules = new KeepRules(policy.Of(retentionClass), now);
        foreach (RetentionCandidate candidate in newestFirst)
        {
            candidate.Want(retentionClass, rules.Next(candidate.Backup.Created));
        }
    }

    /// <summary>
    /// Finds the newest that are known to restore, of all and of each store. A Partial one, or one by a test that does not count any more,
    /// does not take the place of a better one that is older: of each sort the newest is protected.
    /// </summary>
    private static HashSet<RetentionCopy> ProtectNewest(List<RetentionCandidate> newestFirst)
    {
        var copies = new HashSet<RetentionCopy>(ReferenceEqualityComparer.Instance);
        var found = new HashSet<(string? Store, bool Lately, bool Complete)>();
        foreach (RetentionCandidate candidate in newestFirst.Where(c => c.IsProven))
        {
            foreach ((bool lately, bool complete) in new[] { (false, false), (false, true), (true, false), (true, true) })
            {
                if ((lately && !candidate.IsProvenLately) || (complete && !candidate.Backup.Complete))
                {
                    continue;
                }
                candidate.IsNewestProven |= found.Add((null, lately, complete));
                foreach (RetentionCopy copy in candidate.Backup.Copies.Where(candidate.Counts))
                {
                    if (found.Add((copy.Store, lately, complete)))
                    {
                        copies.Add(copy);
                    }
                }
            }
        }
        return copies;
    }

    /// <summary>
    /// Where no complete backup is known to restore, the newest one may be all that does: tests are remembered where they were made, and this
    /// may be another account or computer. A date that can be believed comes first, and a partial backup is better than none.
    /// </summary>
    private static void ProtectUntested(List<RetentionCandidate> newestFirst)
    {
        if (!newestFirst.Exists(c => c.IsProven && c.Backup.Complete)
            && newestFirst.Where(c => c.IsReadable).OrderBy(c => !c.Backup.Complete).ThenBy(c => c.Doubt is not null).FirstOrDefault() is { IsProven: false } newest)
        {
            newest.IsNewestUntested = true;
        }
    }

    private static RetentionItem Unreadable(UnreadableFile file) => new()
    {
        BackupId = file.Name.EndsWith(BackupFormat.FileExtension, StringComparison.Ordinal) ? file.Name[..^BackupFormat.FileExtension.Length] : file.Name,
        Store = file.Store,
        Decision = RetentionDecision.Keep,
        Reason = RetentionReason.Unreadable,
    };
}
