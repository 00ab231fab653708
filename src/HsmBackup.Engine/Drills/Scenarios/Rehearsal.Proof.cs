using HsmBackup.Engine.Backup;

namespace HsmBackup.Engine.Drills.Scenarios;

/// <content>What is proven in the end, and used.</content>
internal abstract partial class Rehearsal
{
    private const int Named = 3;

    /// <summary>Compares targets with a backup.</summary>
    protected string ProveAll(IReadOnlyList<DrillTargetNode> targets, DrillBackup backup, IProgress<OperationProgress> told)
    {
        Run.Open.AddRange(TargetThreads.Run(targets, told,
            (target, progress, stop) =>
                OpenTarget.Read(Run.Request.Cluster.ClusterKey?.Identity, target, backup, progress, toChange: false, stop), Run.Stop));
        List<string> faults = [];
        int proven = 0;
        foreach (OpenTarget open in Run.Open)
        {
            string node = open.Target.Node.Name;
            foreach (PlanStep step in open.Steps.Where(s => s.Source is null || !Run.Keys.MayMiss(s.Source.Summary)))
            {
                string? fault = OpenTarget.FaultOf(step, step.Source is { } source
                    && _provenAsRestored.Contains((node, backup.Info.BackupId, source.Summary.Index)));
                if (step.Source is not null)
                {
                    Run.Keys.Find(node, backup.Info.BackupId, step.Source.Summary.Index)?.See(step.Target is not null, fault);
                }
                proven += fault is null ? 1 : 0;
                if (fault is not null)
                {
                    faults.Add($"{step.Item.Object} on {node}: {fault}");
                }
            }
        }
        return faults.Count == 0
            ? FormattableString.Invariant($"{proven} objects on {targets.Count} targets are those of the backup, ")
                + "and there is nothing beyond them"
            : throw Failed(FormattableString.Invariant($"{faults.Count} of {proven + faults.Count} objects are not as in the backup"),
                faults,
                "Find out why these objects did not come back as they were, and back the cluster up anew; "
                + "Test-HsmBackup -Level Live compares the nodes themselves.");
    }

    /// <summary>Uses every key that is expected on the targets that are open.</summary>
    protected string UseAll(DrillBackup backup, IProgress<OperationProgress> told)
    {
        List<OpenTarget> opened = [.. Run.Open];
        IReadOnlyList<Dictionary<int, IReadOnlyList<DrilledUse>>> uses = TargetThreads.Run([.. opened.Select(o => o.Target)], told,
            (target, progress, stop) => opened.Find(o => o.Target == target)!.UseKeys(
                index => Run.Keys.Find(target.Node.Name, backup.Info.BackupId, index) is not null, progress, stop), Run.Stop);
        foreach ((OpenTarget open, Dictionary<int, IReadOnlyList<DrilledUse>> used) in opened.Zip(uses))
        {
            foreach (ExpectedKey key in Run.Keys.All.Where(k => k.Node == open.Target.Node.Name && k.BackupId == backup.Info.BackupId))
            {
                key.Uses = used.GetValueOrDefault(key.Summary.Index) ?? [];
            }
        }
        ILookup<CheckOutcome, ExpectedKey> results = Run.Keys.All.Where(k => k.BackupId == backup.Info.BackupId).ToLookup(k => k.Result);
        int expected = results.Sum(r => r.Count());
        if (results[CheckOutcome.Failed].Any())
        {
            throw Failed(
                FormattableString.Invariant($"{results[CheckOutcome.Failed].Count()} of {expected} keys and certificates ")
                    + "do not do their work",
                results[CheckOutcome.Failed].Select(k => $"{k} on {k.Node}: {k.ToDrilledKey().Reason}"),
                "Such a key would be of no use after a real recovery: find out whether the backup, the token or its firmware is to blame.");
        }
        if (!results[CheckOutcome.Passed].Any())
        {
            throw Failed(FormattableString.Invariant($"none of {expected} keys and certificates could be used"),
                results[CheckOutcome.Skipped].Select(k => $"{k} on {k.Node}: {k.ToDrilledKey().Reason}"),
                "A drill passes on evidence only: back up a token that holds keys which can be used, "
                + "or drill on tokens that can use them.");
        }
        Run.Deviations.AddRange(results[CheckOutcome.Skipped].GroupBy(k => k.ToString())
            .Select(g => $"{g.Key} was proven and could not be used: {g.First().ToDrilledKey().Reason}."));
        return FormattableString.Invariant($"{results[CheckOutcome.Passed].Count()} of {expected} keys and certificates did their work")
            + (results[CheckOutcome.Skipped].Any()
                ? FormattableString.Invariant($", {results[CheckOutcome.Skipped].Count()} could not be used") : "");
    }

    private static HsmBackupException Failed(string what, IEnumerable<string> which, string remedy)
    {
        List<string> all = [.. which];
        return new HsmBackupException(ErrorCode.DrillFailed, char.ToUpperInvariant(what[0]) + what[1..]
            + (all.Count == 0 ? "."
                : $": {string.Join("; ", all.Take(Named))}"
                    + (all.Count > Named ? FormattableString.Invariant($"; and {all.Count - Named} more.") : ".")), remedy);
    }
}
