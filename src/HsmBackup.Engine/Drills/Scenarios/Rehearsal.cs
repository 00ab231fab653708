using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Clusters.Restore;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Drills.Scenarios;

/// <summary>A scenario: its steps in their order, and those that several scenarios share.</summary>
internal abstract partial class Rehearsal(DrillRun run)
{
    private readonly Lock _rebuilding = new();
    private readonly HashSet<(string Node, string Backup, int Index)> _provenAsRestored = [];

    /// <summary>The drill.</summary>
    protected DrillRun Run { get; } = run;

    /// <summary>The targets.</summary>
    protected IReadOnlyList<DrillTargetNode> Targets => Run.Ground.Targets;

    /// <summary>Whether nodes of the cluster have a cluster key.</summary>
    protected bool HasClusterKey => Run.Request.Cluster.ClusterKey is not null;

    /// <summary>Whether what comes back is as old as the backup.</summary>
    public virtual bool RecoversFromBackup => true;

    /// <summary>Goes through all steps. One that fails keeps the later ones from being run.</summary>
    public abstract void Go();

    /// <summary>Initialises the tokens of targets, as new ones are.</summary>
    protected void Initialize(IReadOnlyList<DrillTargetNode> targets, string? subject = null) =>
        Run.Steps.Run(DrillStep.Initialize, told => InitializeTokens(targets, told), IsRecovery(DrillStep.Initialize), subject);

    /// <summary>Brings the cluster key into targets, where the cluster has one.</summary>
    protected void Join(IReadOnlyList<DrillTargetNode> targets, string? subject = null)
    {
        if (HasClusterKey)
        {
            Run.Steps.Run(DrillStep.Join, told => JoinNodes(targets, told), IsRecovery(DrillStep.Join), subject);
        }
    }

    /// <summary>Restores all of a backup to targets.</summary>
    protected bool Restore(IReadOnlyList<DrillTargetNode> targets, Func<DrillBackup> backup, string? subject = null) =>
        Run.Steps.Run(DrillStep.Restore, told => RestoreAll(targets, backup(), told), IsRecovery(DrillStep.Restore), subject);

    /// <summary>Compares targets with a backup, object by object, each key by wrapping it again.</summary>
    protected bool Prove(IReadOnlyList<DrillTargetNode> targets, Func<DrillBackup> backup, string? subject = null) =>
        Run.Steps.Run(DrillStep.Prove, told => ProveAll(targets, backup(), told), IsRecovery(DrillStep.Prove), subject);

    /// <summary>Uses every key that is expected on the targets that were proven.</summary>
    protected bool Use(Func<DrillBackup> backup, string? subject = null) =>
        Run.Steps.Run(DrillStep.Use, told => UseAll(backup(), told), IsRecovery(DrillStep.Use), subject);

    /// <summary>Whether a step belongs to the recovery; what sets the stage does not.</summary>
    protected virtual bool IsRecovery(string step) => step is not (DrillStep.Prepare or DrillStep.Lose);

    /// <summary>Initialises tokens.</summary>
    protected string InitializeTokens(IReadOnlyList<DrillTargetNode> targets, IProgress<OperationProgress> told)
    {
        IReadOnlyList<InitializedToken> made = TargetThreads.Run(targets, told, (target, progress, stop) =>
        {
            progress.Report(new OperationProgress("", "initialising the token", 0, 0));
            string[] others = [.. Targets.Where(t => t != target && t.Node.Address.Library.Path == target.Node.Address.Library.Path)
                .Select(t => t.Node.Address.TokenSerial).OfType<string>()];
            if (TokenInitialization.Look(target.Node.Address, others) is { Step: InitializationStep.None } ready)
            {
                return ready;
            }
            // Of its own: a target that answers too late must not find it overwritten in its hands.
            using Pin pin = target.Pin.Clone();
            using Pin soPin = (target.SoPin ?? throw new HsmBackupException(ErrorCode.PinRequired,
                $"The token of target '{target.Node.Name}' is to be initialised, and there is no PIN of a security officer.",
                "Give it with -SoPin, as a SecureString.")
            { Target = target.Node.Name }).Clone();
            return TokenInitialization.Initialize(target.Node.Address, soPin, pin, others, stop);
        }, Run.Stop);
        foreach ((DrillTargetNode target, InitializedToken token) in targets.Zip(made))
        {
            target.Token = token.Token;
            target.Node = target.Node with { Address = token.Address };
        }
        Run.Ground.NoteInitialized();
        int before = made.Count(m => m.Step == InitializationStep.None);
        return FormattableString.Invariant($"{made.Count - before} tokens initialised")
            + (before == 0 ? "" : FormattableString.Invariant($", {before} were before the drill"));
    }

    /// <summary>Brings the cluster key into targets.</summary>
    protected string JoinNodes(IReadOnlyList<DrillTargetNode> targets, IProgress<OperationProgress> told)
    {
        string check = Run.Request.Cluster.ClusterKey!.Check;
        TargetThreads.Run(targets, told, (target, progress, stop) =>
        {
            progress.Report(new OperationProgress("", "bringing the cluster key in", 0, 0));
            // Each its own, for the same reason.
            using Pin pin = target.Pin.Clone();
            ClusterKey key;
            lock (_rebuilding)
            {
                key = ClusterKey.Rebuild(Run.Shares!, check);
            }
            using (key)
            {
                return ClusterKeyRecovery.Join(key, new NodeAccess(target.Node.Name, target.Node.Address, pin), replaceExisting: false,
                    stop);
            }
        }, Run.Stop);
        return FormattableString.Invariant($"cluster key {check} brought into {targets.Count} targets, and proven");
    }

    /// <summary>Restores all of a backup to targets.</summary>
    protected string RestoreAll(IReadOnlyList<DrillTargetNode> targets, DrillBackup backup, IProgress<OperationProgress> told)
    {
        ClusterDefinition cluster = Run.Cluster;
        Dictionary<string, DrillTargetNode> byName = targets.ToDictionary(t => t.Node.Name);
        using ClusterRestoreOperation operation = ClusterRestoreOperation.Prepare(new ClusterRestoreRequest
        {
            Cluster = cluster,
            Nodes = [.. targets.Select(t => t.Node)],
            Path = backup.Path,
            Key = backup.Key!,
            OpenPin = node => byName[node.Name].Pin.Clone(),
            AllowPartial = Run.Request.AllowPartial,
            StateFolder = Run.Work,
            Clock = Run.Request.Clock,
        }, told, Run.Stop);
        if (operation.Plans.FirstOrDefault(p => p.Error is not null) is { } unready)
        {
            throw TargetThreads.Named(unready.Node, unready.Error!);
        }
        IReadOnlyList<NodeRestoreOutcome> outcomes = operation.Execute([.. byName.Keys], null, null, told, Run.Stop);
        if (outcomes.FirstOrDefault(o => o.Error is not null || o.Result is null) is { } failed)
        {
            throw TargetThreads.Named(failed.Node, failed.Error ?? new TimeoutException("it did not answer"));
        }
        foreach (NodeRestoreOutcome outcome in outcomes)
        {
            Remember(byName[outcome.Node], outcome.Result!);
        }
        return FormattableString.Invariant($"{backup.Objects.Count} objects restored to {outcomes.Count} targets, and proven as they came");
    }

    /// <summary>Forgets what was proven of objects that were deleted.</summary>
    protected void Forget(IReadOnlySet<int> indexes) => _provenAsRestored.RemoveWhere(p => indexes.Contains(p.Index));

    /// <summary>Remembers what a restore has proven: a token may close a key to all wrapping once it is there.</summary>
    protected void Remember(DrillTargetNode target, RestoreOutcome result) => _provenAsRestored.UnionWith(
        result.Objects.Where(o => o.Proof == CheckOutcome.Passed && o.Differences.Count == 0)
            .Select(o => (target.Node.Name, result.BackupId, o.Object.Index)));
}
