using System.Diagnostics;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Clusters.Restore;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Repair;

/// <summary>
/// Replaces a node that has failed: initialises its new token, brings the cluster key in, fills it, proves every key, and writes the
/// definition. <see cref="Prepare"/> looks at the token and its peers and changes nothing. A repair that stopped on the way goes on when it is
/// run again: what is done already is passed over.
/// </summary>
public sealed partial class ClusterRepairOperation : IDisposable
{
    private readonly RepairRequest _request;
    private readonly NodePins _pins;
    private readonly ClusterRestoreOperation? _restore;
    private readonly Stopwatch _watch;
    private readonly DateTimeOffset _started;
    // The cluster with what takes the node's place.
    private ClusterDefinition _cluster;

    private ClusterRepairOperation(RepairRequest request, ClusterDefinition cluster, NodePins pins, ClusterRestoreOperation? restore, RepairPlan plan, Stopwatch watch)
    {
        _request = request;
        _cluster = cluster;
        _pins = pins;
        _restore = restore;
        _watch = watch;
        _started = request.Clock.GetUtcNow() - watch.Elapsed;
        Plan = plan;
    }

    /// <summary>What <see cref="Execute"/> is going to do.</summary>
    public RepairPlan Plan { get; }

    /// <summary>What the custodians' shares must give; null where the node gets no cluster key.</summary>
    public ClusterKeyInfo? ClusterKey => Plan.Joins ? _cluster.ClusterKey : null;

    /// <summary>Looks at the node and at what it is filled from. Nothing is changed.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="progress">Told how far it is, on the calling thread.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HsmBackupException">NodeNotFound, InvalidArgument, ClusterKeyMissing; NodesUnavailable: no peer can be read; of the
    /// node's token and its PIN; of the backup and its key; ClusterKeyMismatch: the backup is bound to another cluster key.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public static ClusterRepairOperation Prepare(RepairRequest request, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var watch = Stopwatch.StartNew();
        ClusterNode failed = request.Cluster.Node(request.Node);
        ClusterNode node = (request.Replacement ?? failed) with { Name = failed.Name };
        ClusterDefinition cluster = With(request.Cluster, node);
        progress = TitledProgress.Of(progress, ActivityOf(request));
        return request.BackupPath is null
            ? PrepareFromPeers(request, cluster, node, watch, progress, cancellationToken)
            : PrepareFromBackup(request, cluster, node, watch, progress, cancellationToken);
    }

    /// <summary>Does it, step by step; a step that fails ends it.</summary>
    /// <param name="soPin">PIN of the security officer; null where the token needs no initialisation. It stays the caller's to dispose.</param>
    /// <param name="shares">Enough shares; null where the node has the cluster key.</param>
    /// <param name="progress">Told how far it is, on the calling thread.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HsmBackupException">PinRequired, SharesMissing, SharesInconsistent, ClusterKeyMismatch: nothing was changed.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; the same repair goes on from there.</exception>
    public RepairResult Execute(Pin? soPin, ShareCombiner? shares, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        CheckSecrets(soPin, shares);
        progress = TitledProgress.Of(progress, ActivityOf(_request));
        var steps = new RepairSteps(cancellationToken);
        int added = 0;
        bool member = _restore is not null
            ? FillFromBackup(steps, soPin, shares, ref added, progress, cancellationToken)
            : FillFromPeers(steps, soPin, shares, ref added, progress, cancellationToken);
        if (member)
        {
            steps.Run("Definition", WriteDefinition);
        }
        return new RepairResult
        {
            Cluster = _cluster.Name,
            Node = Plan.Node,
            State = !member ? RepairState.Failed : steps.AllPassed ? RepairState.Repaired : RepairState.Incomplete,
            Reason = steps.Reason,
            Error = steps.Error,
            Source = Plan.Source,
            Added = added,
            Steps = steps.All,
            Started = _started,
            Elapsed = _watch.Elapsed,
            Definition = _cluster,
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _restore?.Dispose();
        _pins.Dispose();
    }

    private static string ActivityOf(RepairRequest request) => $"Repairing node '{request.Node}' of cluster '{request.Cluster.Name}'";

    private static ClusterDefinition With(ClusterDefinition cluster, ClusterNode node) =>
        cluster with { Nodes = [.. cluster.Nodes.Select(n => n.Name == node.Name ? node : n)] };

    private static (InitializedToken Token, bool Joins) Look(ClusterDefinition cluster, ClusterNode node, NodePins pins, NodePulse pulse)
    {
        InitializedToken token = TokenInitialization.Look(node.Address, SpokenFor(cluster, node));
        pulse.Beat();
        if (token.Step != InitializationStep.None)
        {
            // The PIN that it is going to get: where there is none, that is told before anybody is asked anything.
            pins.Of(node).Dispose();
            return (token, cluster.ClusterKey is not null);
        }
        // Initialised by an earlier run that was cut off, or by hand; or it is not as dead as was thought.
        using TokenConnection connection = NodeLook.Open(node with { Address = token.Address }, token.Token, pins.Of, pulse);
        return (token, cluster.ClusterKey is { } key && TokenClusterKey.Find(connection, key.Identity) is null);
    }

    private static IReadOnlyCollection<string> SpokenFor(ClusterDefinition cluster, ClusterNode node) =>
        [.. cluster.Nodes.Where(n => n.Name != node.Name && n.Address.Library.Path == node.Address.Library.Path).Select(n => n.Address.TokenSerial).OfType<string>()];

    private void CheckSecrets(Pin? soPin, ShareCombiner? shares)
    {
        if (Plan.Initialization != InitializationStep.None && soPin is null)
        {
            throw new HsmBackupException(ErrorCode.PinRequired, $"The token of node '{Plan.Node}' is to be initialised, and there is no PIN of a security officer.",
                "Give it with -SoPin, as a SecureString.")
            { Target = Plan.Node };
        }
        if (!Plan.Joins)
        {
            return;
        }
        if (shares is null)
        {
            throw new HsmBackupException(ErrorCode.SharesMissing, $"Node '{Plan.Node}' lacks the cluster key.",
                "Give the custodians' shares with -Share or -SharePath, or run the command where somebody can type them.")
            { Target = Plan.Node };
        }
        // Shares that give another key are refused before anything is changed.
        Keys.ClusterKey.Rebuild(shares, ClusterKey!.Check).Dispose();
    }

    private (CheckOutcome Outcome, string Detail) Join(ClusterNode node, ShareCombiner? shares, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        if (!Plan.Joins)
        {
            return (CheckOutcome.Skipped, "the node has the cluster key");
        }
        progress?.Report(new OperationProgress("", "Bringing the cluster key in", 0, 0));
        Pin user = _pins.Of(node);
        ClusterKey key = Keys.ClusterKey.Rebuild(shares!, ClusterKey!.Check);
        NodeOutcome outcome = NodeErrand.Run(node, _ =>
            ClusterKeyRecovery.Join(key, new NodeAccess(node.Name, node.Address, user), replaceExisting: false, cancellationToken), cancellationToken, user, key);
        return (CheckOutcome.Passed, outcome.State == NodeState.Added ? $"cluster key {ClusterKey.Check}" : "the node has the cluster key");
    }

    private (CheckOutcome Outcome, string Detail) WriteDefinition()
    {
        if (_cluster.Node(Plan.Node) == _request.Cluster.Node(Plan.Node))
        {
            return (CheckOutcome.Skipped, "the definition fits");
        }
        if (_request.Cluster.DefinitionPath is not { } path)
        {
            return (CheckOutcome.Skipped, "the definition is in no file");
        }
        _cluster = _cluster.Save(path);
        return (CheckOutcome.Passed, path);
    }

    /// <summary>Whatever a part of the repair is called by itself, to who waits it is the repair.</summary>
    private sealed class TitledProgress(IProgress<OperationProgress> inner, string activity) : IProgress<OperationProgress>
    {
        public static TitledProgress? Of(IProgress<OperationProgress>? inner, string activity) => inner is null ? null : new TitledProgress(inner, activity);

        public void Report(OperationProgress value) => inner.Report(value with { Activity = activity });
    }
}
