using System.Diagnostics;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Clusters.Sync;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Repair;

/// <content>A node that is filled from its peers, by keys that travel under the cluster key.</content>
public sealed partial class ClusterRepairOperation
{
    private static ClusterRepairOperation PrepareFromPeers(RepairRequest request, ClusterDefinition cluster, ClusterNode node, Stopwatch watch,
        IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        CheckPeers(cluster);
        var pins = new NodePins(cluster.Nodes, request.OpenPin, request.OnePinForAll);
        try
        {
            // Only now: who is asked for a PIN should see the question alone.
            progress?.Report(new OperationProgress("", "Looking at the node", 0, 0));
            (InitializedToken token, bool joins) = NodeErrand.Run(node, pulse => Look(cluster, node, pins, pulse), cancellationToken);
            progress?.Report(new OperationProgress("", "Looking at its peers", 0, cluster.Nodes.Count - 1));
            List<NodeHealth> peers = LookAtPeers(cluster, node, pins, request.OnePinForAll, cancellationToken);
            CheckOther(node, token, peers);
            List<NodeHealth> healthy = peers.FindAll(p => p is { Objects: not null, HasClusterKey: true });
            List<UnreadNode> unread = [.. peers.Except(healthy).Select(p => new UnreadNode(p.Node, p.Error, p.Reason))];
            if (healthy.Count == 0)
            {
                throw new HsmBackupException(ErrorCode.NodesUnavailable,
                    $"Node '{node.Name}' has no peer that it could be filled from. {string.Join(" ", unread.Select(u => $"{u.ToString().TrimEnd('.')}."))} Nothing was changed.",
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

    /// <summary>A peer whose PIN was refused is not sent it again when the node is filled.</summary>
    private static List<NodeHealth> LookAtPeers(ClusterDefinition cluster, ClusterNode node, NodePins pins, bool onePinForAll, CancellationToken cancellationToken)
    {
        ClusterDefinition peers = cluster with { Nodes = [.. cluster.Nodes.Where(n => n.Name != node.Name)] };
        List<NodeHealth> seen = [.. ClusterHealthOperation.Run(new ClusterHealthRequest { Cluster = peers, OpenPin = pins.Of, OnePinForAll = onePinForAll }, cancellationToken)];
        foreach (NodeHealth refused in seen.Where(n => n.Error is ErrorCode.PinIncorrect or ErrorCode.PinLocked))
        {
            pins.Refuse(cluster.Node(refused.Node), new HsmBackupException(refused.Error!.Value, refused.Reason, "Correct the source of its PIN.") { Target = refused.Node });
        }
        return seen;
    }

    /// <summary>A token that is a peer already, whatever library it is reached by, is no replacement.</summary>
    private static void CheckOther(ClusterNode node, InitializedToken token, List<NodeHealth> peers)
    {
        if (token.Step == InitializationStep.None && SameToken.TellsApart(token.Token.SerialNumber) && peers.Find(p => p.TokenSerial == token.Token.SerialNumber
            && p.TokenLabel == token.Token.Label && p.Model == token.Token.Model) is { } peer)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, $"The token of node '{node.Name}' {SameToken.Reason(peer.Node)[3..]}. Nothing was changed.",
                "Name a token of its own for the node.")
            { Target = node.Name };
        }
    }

    private bool FillFromPeers(RepairSteps steps, Pin? soPin, ShareCombiner? shares, ref int added, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        ClusterNode node = _cluster.Node(Plan.Node) with { Address = Plan.Token };
        _cluster = With(_cluster, node);
        bool member = steps.Run("Initialize", () => Initialize(ref node, soPin, progress, cancellationToken))
            && steps.Run("Join", () => Join(node, shares, progress, cancellationToken));
        if (!member)
        {
            return false;
        }
        SyncRequest request = new()
        {
            Cluster = _cluster,
            OpenPin = _pins.Of,
            OnePinForAll = _request.OnePinForAll,
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
        progress?.Report(new OperationProgress("", "Initialising its token", 0, 0));
        // As it was looked for when the plan was made.
        TokenAddress wanted = (_request.Replacement ?? _request.Cluster.Node(Plan.Node)).Address;
        IReadOnlyCollection<string> spokenFor = SpokenFor(_cluster, node);
        Pin user = _pins.Of(node);
        Pin officer = soPin!.Clone();
        InitializedToken made = NodeErrand.Run(node, pulse => TokenInitialization.Initialize(wanted, officer, user, spokenFor, pulse.Token), cancellationToken, user, officer);
        node = node with { Address = made.Address };
        _cluster = With(_cluster, node);
        return (CheckOutcome.Passed, $"token '{made.Token.Label}' with serial number {made.Token.SerialNumber}");
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
        List<UnreadNode> lost = [.. again.Plan.Unread.Where(u => Plan.Peers.Contains(u.Node))];
        if (lost.Count > 0)
        {
            // It was to be filled from them too, and nobody knows what they alone had.
            return (CheckOutcome.Failed, $"not compared with all that it was to be filled from: {string.Join("; ", lost)}");
        }
        if (again.UncomparedOf(Plan.Node) is > 0 and var uncompared)
        {
            return (CheckOutcome.Failed, FormattableString.Invariant($"{uncompared} keys of the node could not be compared, because they do not leave the token even wrapped"));
        }
        int peers = again.Plan.Nodes - again.Plan.Unread.Count - 1;
        // What would go from it to all of the others is on none of them.
        IEnumerable<SyncItem> extra = again.Plan.Items.Where(i => i.From == Plan.Node).GroupBy(i => i.Object).Where(g => g.Count() >= peers).Select(g => g.First());
        List<SyncItem> own = [.. again.Plan.Items.Where(i => i.Node == Plan.Node), .. extra];
        return own.Count == 0
            ? (CheckOutcome.Passed, FormattableString.Invariant($"every key compared with {peers} peers"))
            : (CheckOutcome.Failed, FormattableString.Invariant($"{own.Count} objects are not as on its peers, such as {own[0]}"));
    }
}
