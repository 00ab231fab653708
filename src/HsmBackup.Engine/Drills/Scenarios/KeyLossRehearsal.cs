using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Drills.Scenarios;

/// <summary>
/// Keys were deleted on all nodes: they come back out of the backup, and nothing else is touched. One node stands for all.
/// </summary>
internal sealed class KeyLossRehearsal(DrillRun run) : Rehearsal(run)
{
    private const int Few = 3;

    private List<ObjectSummary> _lost = [];

    private DrillTargetNode Target => Targets[0];

    /// <inheritdoc/>
    public override void Go()
    {
        OpenLatest(Run.Request.Cluster.Stores, expected: []);
        Run.Steps.Run(DrillStep.Prepare, Fill, isRecovery: false);
        Run.Steps.Run(DrillStep.Lose, Lose, isRecovery: false);
        Run.Steps.Run(DrillStep.Restore, RestoreKeys);
        // Those that were lost, and every other object of the token too.
        Prove(Targets, () => Latest);
        Use(() => Latest);
    }

    private string Fill(IProgress<OperationProgress> told)
    {
        InitializeTokens(Targets, told);
        if (HasClusterKey)
        {
            JoinNodes(Targets, told);
        }
        return RestoreAll(Targets, Latest, told);
    }

    private string Lose(IProgress<OperationProgress> told)
    {
        _lost = Choose();
        Run.Keys.Expect(Target.Node.Name, Latest.Info.BackupId, _lost);
        TargetThreads.Run(Targets, told, (target, progress, stop) =>
        {
            using OpenTarget open = OpenTarget.Read(Run.Request.Cluster.ClusterKey?.Identity, target, Latest, progress, toChange: true,
                stop);
            open.Delete(_lost.Select(l => l.Index).ToHashSet());
            return true;
        }, Run.Stop);
        // What was proven of them was proven of objects that are gone.
        Forget(_lost.Select(l => l.Index).ToHashSet());
        return FormattableString.Invariant($"{_lost.Count} of {Latest.Objects.Count} objects deleted: ")
            + $"{string.Join("; ", _lost.Take(Few))}{(_lost.Count > Few ? "; and others" : "")}";
    }

    /// <summary>Those that were named, or some private and secret keys by chance.</summary>
    private List<ObjectSummary> Choose()
    {
        if (Run.Request.Selection is { IsEmpty: false } selection)
        {
            using OpenedBackup opened = Latest.Open(Run.Stop);
            List<ObjectSummary> named = [.. SelectedObjects.Pick(opened, selection with { WithCompanions = false }, Run.Stop).Entries
                .Select(e => e.Summary)];
            if (named.Find(o => o.Verdict != Verdict.Captured) is { } missing)
            {
                throw new HsmBackupException(ErrorCode.BackupIncomplete,
                    $"{missing} is not in backup {Latest.Info.BackupId} whole ({missing.Verdict}): lost, it could not be brought back.",
                    "Choose other keys for the drill; and see to it that this one can be recovered in another way.")
                { Target = Latest.Info.BackupId };
            }
            return named.Exists(ExpectedKey.Counts) ? named : throw new HsmBackupException(ErrorCode.NothingSelected,
                $"The backup {Latest.Info.BackupId} holds no key or certificate with {selection}, which could be lost.",
                "Choose other keys, or leave the choice to chance.");
        }
        Run.UsedSeed = true;
        return [.. RandomOrder.Of(Latest.Objects.Where(o => o.Verdict == Verdict.Captured && ExpectedKey.IsKey(o)),
            o => FormattableString.Invariant($"{o.Index}"), Run.Seed).Take(Few)];
    }

    private string RestoreKeys(IProgress<OperationProgress> told)
    {
        KeyRestoreResult result = TargetThreads.Run(Targets, told, (target, progress, stop) =>
        {
            using Pin pin = target.Pin.Clone();
            using KeyRestoreOperation operation = KeyRestoreOperation.Prepare(new KeyRestoreRequest
            {
                Path = Latest.Path,
                Key = Latest.Key!,
                Token = target.Node.Address,
                Pin = pin,
                Cluster = Run.Cluster.ForBackup(target.Node),
                Selection = new KeySelection { Objects = _lost },
                AllowPartial = Run.Request.AllowPartial,
                StateFolder = Run.Work,
                Clock = Run.Request.Clock,
            }, progress, stop);
            return operation.Execute(progress, stop);
        }, Run.Stop)[0];
        Remember(Target, result);
        return FormattableString.Invariant($"{result.Added} objects brought back and proven, {result.Kept} that belong to them were there");
    }
}
