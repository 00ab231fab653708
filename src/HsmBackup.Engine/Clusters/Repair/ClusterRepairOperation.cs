using System.Diagnostics;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Sync;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Repair;

/// <summary>
/// Replaces a node that has failed: initialises its new token, brings the cluster key in, fills it, proves every key, and writes the
/// definition. <see cref="Prepare"/> looks at the token and its peers and changes nothing. A repair that stopped on the way goes on when it is
/// run again: what is done already is passed over.
/// </summary>
public sealed class ClusterRepairOperation : IDisposable
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
    public ClusterKeyInfo? ClusterKey => Plan.Joins ? _restore?.ClusterKey ?? _cluster.ClusterKey : null;

    /// <summary>Looks at the node and at what it is filled from. Nothing is changed.</summary>
    /// <exception cref="HsmBackupException">NodeNotFound, InvalidArgument, ClusterKeyMissing; NodesUnavailable: no peer can be read; of the
    /// node's token; of the backup and its key.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public static ClusterRepairOperation Prepare(RepairRequest request, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var watch = Stopwatch.StartNew();
        ClusterNode failed = request.Cluster.Node(request.Node);
        ClusterNode node = (request.Replacement ?? failed) with { Name = failed.Name };
        ClusterDefinition cluster = With(request.Cluster, node);
        progress?.Report(new OperationProgress(ActivityOf(request), "Looking at the node", 0, 0));
        if (request.BackupPath is not null)
        {
            return PrepareFromBackup(request, cluster, node, watch, progress, cancellationToken);
        }
        CheckPeers(cluster);
        var pins = new NodePins(cluster.Nodes, request.OpenPin);
        try
        {
            (InitializedToken token, bool joins) = Ask(node, pulse => Look(cluster, node, pins, pulse), cancellationToken);
            progress?.Report(new OperationProgress(ActivityOf(request), "Looking at its peers", 0, cluster.Nodes.Count - 1));
            List<NodeHealth> peers = LookAtPeers(cluster, node, pins, cancellationToken);
            List<NodeHealth> healthy = peers.FindAll(p => p is { Objects: not null, HasClusterKey: true });
            List<UnreadNode> unread = [.. peers.Except(healthy).Select(p => new UnreadNode(p.Node, p.Error, p.Reason))];
            if (healthy.Count == 0)
            {
                throw new HsmBackupException(ErrorCode.NodesUnavailable,
                    $"Node '{node.Name}' has no peer that it could be filled from. {string.Join(" ", unread.Select(u => $"{u}."))} Nothing was changed.",
                    "Fill it from a backup: name the file with -Path, and its one-time key.")
                { Target = node.Name, Result = unread };
            }
            return new ClusterRepairOperation(request, cluster, pins, null, new RepairPlan
            {
                Cluster = cluster.Name,
                Node = node.Name,
                Token = token.Address,
                Initialization = token.Step,
                Slot = token.Step == InitializationStep.None ? null : token.Token.SlotId,
                Joins = joins,
                Peers = [.. healthy.Select(p => p.Node)],
                Unread = unread,
                Objects = healthy.Max(p => p.Objects!.Value),
            }, watch);
        }
        catch
        {
            pins.Dispose();
            throw;
        }
    }

    /// <summary>Does it, step by step; a step that fails ends it.</summary>
    /// <param name="soPin">PIN of the security officer; null where the token needs no initialisation. It stays the caller's to dispose.</param>
    /// <param name="shares">Enough shares; null where the node has the cluster key.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HsmBackupException">PinRequired, SharesMissing, SharesInconsistent, ClusterKeyMismatch: nothing was changed.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; the same repair goes on from there.</exception>
    public RepairResult Execute(Pin? soPin, ShareCombiner? shares, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        if (Plan.Initialization != InitializationStep.None && soPin is null)
        {
            throw new HsmBackupException(ErrorCode.PinRequired, $"The token of node '{Plan.Node}' is to be initialised, and there is no PIN of a security officer.",
                "Give it with -SoPin, as a SecureString.")
            { Target = Plan.Node };
        }
        if (Plan.Joins && shares is null)
        {
            throw new HsmBackupException(ErrorCode.SharesMissing, $"Node '{Plan.Node}' lacks the cluster key.",
                "Give the custodians' shares with -Share or -SharePath, or run the command where somebody can type them.")
            { Target = Plan.Node };
        }
        var steps = new RepairSteps();
        int added = 0;
        bool member = _restore is not null
            ? Restore(steps, soPin, shares, ref added, progress, cancellationToken)
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

    private static void CheckPeers(ClusterDefinition cluster)
    {
        if (cluster.Nodes.Count < 2 || cluster.ClusterKey is null)
        {
            throw new HsmBackupException(cluster.Nodes.Count < 2 ? ErrorCode.InvalidArgument : ErrorCode.ClusterKeyMissing,
                cluster.Nodes.Count < 2 ? $"The cluster '{cluster.Name}' has one node only, which has no peers to be filled from."
                    : $"The cluster '{cluster.Name}' has no cluster key, under which keys could come from a peer.",
                "Fill the node from a backup: name the file with -Path, and its one-time key.")
            { Target = cluster.Name };
        }
    }

    private static ClusterRepairOperation PrepareFromBackup(RepairRequest request, ClusterDefinition cluster, ClusterNode node, Stopwatch watch,
        IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        var restore = ClusterRestoreOperation.Prepare(new ClusterRestoreRequest
        {
            Cluster = cluster,
            Nodes = [node],
            Path = request.BackupPath!,
            Key = request.BackupKey ?? throw new HsmBackupException(ErrorCode.KeyRequired, "The backup's one-time key is needed to fill the node from it.",
                "Give it with -KeyPath or -Key."),
            OpenPin = request.OpenPin,
            InitializeBlank = true,
            AllowPartial = request.AllowPartial,
            StateFolder = request.StateFolder,
            Clock = request.Clock,
        }, progress, cancellationToken);
        try
        {
            NodeRestorePlan plan = restore.Plans[0];
            if (plan.Error is { } error)
            {
                throw error is HsmBackupException ? error : new HsmBackupException(NodeFailure.CodeOf(error), NodeFailure.ReasonOf(error) + ".",
                    "Look at the HSM and its connection.", error);
            }
            return new ClusterRepairOperation(request, cluster, new NodePins([], null), restore, new RepairPlan
            {
                Cluster = cluster.Name,
                Node = node.Name,
                Token = restore.Nodes[0].Address,
                Initialization = plan.Initialization,
                Slot = plan.Slot,
                Joins = plan.Joins,
                BackupId = restore.BackupId,
                Objects = plan.Plan!.Add + plan.Plan.Replace + plan.Plan.Keep + plan.Plan.Unrestorable,
                Restore = plan.Plan,
            }, watch);
        }
        catch
        {
            restore.Dispose();
            throw;
        }
    }

    private static (InitializedToken Token, bool Joins) Look(ClusterDefinition cluster, ClusterNode node, NodePins pins, NodePulse pulse)
    {
        InitializedToken token = TokenInitialization.Look(node.Address, SpokenFor(cluster, node));
        pulse.Beat();
        if (token.Step != InitializationStep.None)
        {
            return (token, true);
        }
        // Initialised by an earlier run that was cut off, or by hand; or it is not as dead as was thought.
        using TokenConnection connection = NodeLook.Open(node with { Address = token.Address }, token.Token, pins.Of, pulse);
        return (token, TokenClusterKey.Find(connection, cluster.ClusterKey!.Identity) is null);
    }

    /// <summary>A peer whose PIN was refused is not sent it again when the node is filled.</summary>
    private static List<NodeHealth> LookAtPeers(ClusterDefinition cluster, ClusterNode node, NodePins pins, CancellationToken cancellationToken)
    {
        ClusterDefinition peers = cluster with { Nodes = [.. cluster.Nodes.Where(n => n.Name != node.Name)] };
        List<NodeHealth> seen = [.. ClusterHealthOperation.Run(new ClusterHealthRequest { Cluster = peers, OpenPin = pins.Of }, cancellationToken)];
        foreach (NodeHealth refused in seen.Where(n => n.Error is ErrorCode.PinIncorrect or ErrorCode.PinLocked))
        {
            pins.Refuse(cluster.Node(refused.Node), new HsmBackupException(refused.Error!.Value, refused.Reason, "Correct the source of its PIN.") { Target = refused.Node });
        }
        return seen;
    }

    private static IReadOnlyCollection<string> SpokenFor(ClusterDefinition cluster, ClusterNode node) =>
        [.. cluster.Nodes.Where(n => n.Name != node.Name && n.Address.Library.Path == node.Address.Library.Path).Select(n => n.Address.TokenSerial).OfType<string>()];

    /// <summary>Work at the node on a thread of its own, which is waited for as long as the node's timeout allows.</summary>
    private static T Ask<T>(ClusterNode node, Func<NodePulse, T> work, CancellationToken cancellationToken)
    {
        NodeAnswer<T> answer = NodeThreads.Run([node], (_, pulse) => work(pulse), cancellationToken)[0];
        if (answer.TimedOut)
        {
            throw new HsmBackupException(ErrorCode.NodesUnavailable, $"Node '{node.Name}': {NodeFailure.Silence(node)}.",
                "Look at the HSM and its connection; when it answers, run the same repair again: what is done already is passed over.")
            { Target = node.Name };
        }
        return answer.Error is null ? answer.Value! : throw answer.Error;
    }

    private bool FillFromPeers(RepairSteps steps, Pin? soPin, ShareCombiner? shares, ref int added, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        ClusterNode node = _cluster.Node(Plan.Node) with { Address = Plan.Token };
        _cluster = With(_cluster, node);
        // Before anything is changed: shares that give another key are refused here.
        ClusterKey? key = Plan.Joins ? Clusters.ClusterKey.Rebuild(shares!, _cluster.ClusterKey!.Check) : null;
        bool member = steps.Run("Initialize", () => Initialize(ref node, soPin, progress, cancellationToken))
            && steps.Run("Join", () => Join(node, key, progress, cancellationToken));
        if (!member)
        {
            key?.Dispose();
            return false;
        }
        SyncRequest request = new()
        {
            Cluster = _cluster,
            OpenPin = _pins.Of,
            Only = [node.Name],
            StateFolder = _request.StateFolder,
            Clock = _request.Clock,
        };
        int copied = 0;
        _ = steps.Run("Fill", () => Fill(request, ref copied, progress, cancellationToken))
            && steps.Run("Prove", () => Prove(request, progress, cancellationToken));
        added = copied;
        return true;
    }

    private (CheckOutcome Outcome, string Detail) Initialize(ref ClusterNode node, Pin? soPin, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        if (Plan.Initialization == InitializationStep.None)
        {
            return (CheckOutcome.Skipped, "the token is initialised");
        }
        progress?.Report(new OperationProgress(ActivityOf(_request), "Initialising its token", 0, 0));
        // As it was looked for when the plan was made.
        TokenAddress wanted = (_request.Replacement ?? _request.Cluster.Node(Plan.Node)).Address;
        IReadOnlyCollection<string> spokenFor = SpokenFor(_cluster, node);
        // Copies, because a node that answers too late must not find them overwritten in its hands.
        Pin officer = soPin!.Clone();
        Pin user = _pins.Of(node);
        InitializedToken made = Ask(node, pulse =>
        {
            using (officer)
            using (user)
            {
                return TokenInitialization.Initialize(wanted, officer, user, spokenFor, pulse.Token);
            }
        }, cancellationToken);
        node = node with { Address = made.Address };
        _cluster = With(_cluster, node);
        return (CheckOutcome.Passed, $"token '{made.Token.Label}' with serial number {made.Token.SerialNumber}");
    }

    private (CheckOutcome Outcome, string Detail) Join(ClusterNode node, ClusterKey? key, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        if (key is null)
        {
            return (CheckOutcome.Skipped, "the node has the cluster key");
        }
        progress?.Report(new OperationProgress(ActivityOf(_request), "Bringing the cluster key in", 0, 0));
        Pin user = _pins.Of(node);
        NodeOutcome outcome = Ask(node, _ =>
        {
            using (key)
            using (user)
            {
                return ClusterKeyRecovery.Join(key, new NodeAccess(node.Name, node.Address, user), replaceExisting: false, cancellationToken);
            }
        }, cancellationToken);
        return (CheckOutcome.Passed, outcome.State == NodeState.Added ? $"cluster key {_cluster.ClusterKey!.Check}" : "the node has the cluster key");
    }

    private static (CheckOutcome Outcome, string Detail) Fill(SyncRequest request, ref int copied, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        using SyncOperation sync = SyncOperation.Prepare(request, progress, cancellationToken);
        NodeSyncResult result = sync.Execute(progress, cancellationToken).Single();
        copied = result.Copied;
        string done = FormattableString.Invariant($"{result.Copied} objects copied and proven");
        return result.State switch
        {
            SyncState.Synchronized or SyncState.AlreadyInSync => (CheckOutcome.Passed, done),
            _ => (CheckOutcome.Failed, $"{done}; {result.Reason}" + (result.Steps.FirstOrDefault(s => s.Outcome != CheckOutcome.Passed) is { } first ? $", such as {first}" : "")),
        };
    }

    /// <summary>All nodes are read once more, each key wrapped: what the node lacks, has beyond or has otherwise shows.</summary>
    private (CheckOutcome Outcome, string Detail) Prove(SyncRequest request, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        using SyncOperation again = SyncOperation.Prepare(request with { Only = [] }, progress, cancellationToken);
        if (again.Plan.Unread.FirstOrDefault(u => u.Node == Plan.Node) is { } unread)
        {
            return (CheckOutcome.Failed, unread.Reason);
        }
        int peers = again.Plan.Nodes - again.Plan.Unread.Count - 1;
        // What would go from it to all of the others is on none of them.
        IEnumerable<SyncItem> extra = again.Plan.Items.Where(i => i.From == Plan.Node).GroupBy(i => i.Object).Where(g => g.Count() >= peers).Select(g => g.First());
        List<SyncItem> own = [.. again.Plan.Items.Where(i => i.Node == Plan.Node), .. extra];
        return own.Count == 0
            ? (CheckOutcome.Passed, FormattableString.Invariant($"every key compared with {peers} peers"))
            : (CheckOutcome.Failed, FormattableString.Invariant($"{own.Count} objects are not as on its peers, such as {own[0]}"));
    }

    private bool Restore(RepairSteps steps, Pin? soPin, ShareCombiner? shares, ref int added, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        NodeRestoreOutcome? outcome = null;
        int proven = 0;
        bool filled = steps.Run("Fill", () =>
        {
            outcome = _restore!.Execute([Plan.Node], soPin, shares, progress, cancellationToken).Single();
            RestoreResult result = outcome.Result ?? throw outcome.Error!;
            proven = result.Proven;
            return (CheckOutcome.Passed, FormattableString.Invariant($"{result.Objects.Count} objects of backup {result.BackupId}"));
        });
        added = proven;
        steps.Insert("Initialize", outcome?.Initialized is not (null or InitializationStep.None), Plan.Initialization != InitializationStep.None);
        steps.Insert("Join", outcome?.Joined == true, Plan.Joins);
        if (filled)
        {
            steps.Run("Prove", () => outcome!.Result!.Exact
                ? (CheckOutcome.Passed, FormattableString.Invariant($"{proven} keys proven, and nothing beyond them"))
                : (CheckOutcome.Failed, "not everything is as in the backup: " + string.Join("; ", outcome.Result.Objects
                    .Where(o => o.Differences.Count > 0 || o.Action == PlanAction.Unrestorable).Take(3).Select(o => o.Object.ToString()))));
        }
        _cluster = _restore!.Cluster ?? _cluster;
        return filled;
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
}
