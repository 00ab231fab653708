using System.Collections.Concurrent;
using System.Diagnostics;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Sync;

/// <summary>
/// Makes the nodes of a cluster alike. <see cref="Prepare"/> reads all nodes at once and makes the plan, and changes nothing;
/// <see cref="Execute"/> carries it out, all nodes at once. Keys travel wrapped under a key-encryption key that was made in one node and
/// reaches the others under the cluster key: none is ever in the clear outside a token. A node that fails, or stops answering, is reported,
/// and the others go on.
/// </summary>
public sealed class SyncOperation : IDisposable
{
    private readonly SyncRequest _request;
    private readonly CommonKek _common;
    private readonly IReadOnlyList<SyncStep> _steps;
    private readonly string _stateFolder;
    private readonly Stopwatch _watch;
    private readonly Dictionary<string, OpenNode> _open;
    private readonly Dictionary<string, UnreadNode> _lost = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _uncompared;

    private SyncOperation(SyncRequest request, CommonKek common, List<OpenNode> open, IReadOnlyList<UnreadNode> unread, Stopwatch watch)
    {
        _request = request;
        _common = common;
        _watch = watch;
        _open = open.ToDictionary(n => n.Node.Name, StringComparer.Ordinal);
        _uncompared = open.ToDictionary(n => n.Node.Name, n => n.Uncompared, StringComparer.Ordinal);
        _stateFolder = StateFolder.Locate(request.StateFolder);
        var planner = new SyncPlanner([.. open.Select(n => new SyncSource(n.Node.Name, n.Objects))], unread.Count, request.Resolve, request.RemoveExtra);
        _steps = UniqueNames.Check([.. planner.Plan().Where(s => Includes(request, s.Item.Node))], _open);
        Plan = new SyncPlan(request.Cluster.Name, request.Cluster.Nodes.Count, [.. _steps.Select(s => s.Item)], unread);
    }

    /// <summary>What <see cref="Execute"/> is going to do.</summary>
    public SyncPlan Plan { get; }

    /// <summary>Reads the nodes and makes the plan. Nothing is changed for good.</summary>
    /// <exception cref="HsmBackupException">ClusterKeyMissing, NodeNotFound, InvalidArgument; NodesUnavailable: fewer than two nodes could be
    /// read, with the <see cref="UnreadNode"/>s as its result.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public static SyncOperation Prepare(SyncRequest request, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var watch = Stopwatch.StartNew();
        Check(request);
        progress?.Report(new OperationProgress(ActivityOf(request), "Reading the nodes", 0, request.Cluster.Nodes.Count));
        using var pins = new NodePins(request.Cluster.Nodes, request.OpenPin, request.OnePinForAll);
        using var bridge = new LibraryBridge();
        var failures = new List<NodeAnswer<CommonKek>>();
        CommonKek? common = CommonKek.Make(request.Cluster, pins, bridge, cancellationToken, failures);
        if (common is null)
        {
            throw Unavailable(request, [.. failures.Select(f => UnreadOf(f.Node, f.Error, f.TimedOut))]);
        }
        var tokens = new ConcurrentDictionary<object, string>();
        IReadOnlyList<NodeAnswer<OpenNode>> answers = NodeThreads.Run(request.Cluster.Nodes,
            (node, pulse) => OpenNode.Open(node, pins, common, tokens, bridge, pulse), cancellationToken);
        List<OpenNode> open = [.. answers.Where(a => a.Value is not null).Select(a => a.Value!)];
        try
        {
            List<UnreadNode> unread = [.. answers.Where(a => a.Value is null).Select(a => UnreadOf(a.Node, a.Error, a.TimedOut))];
            unread.AddRange(Interrupted(request, open));
            unread.AddRange(Twins(open));
            Unify(open, unread, cancellationToken);
            CheckResolve(request, unread);
            return open.Count < 2 ? throw Unavailable(request, unread) : new SyncOperation(request, common, open, unread, watch);
        }
        catch
        {
            OpenNode.Close(open);
            throw;
        }
    }

    /// <summary>What stands in the way of <see cref="Execute"/> and can be seen in the plan; it is asked before anybody is asked to confirm.</summary>
    /// <exception cref="HsmBackupException">KeyDestinationRequired, or of the key file.</exception>
    public void CheckFeasible()
    {
        if (Plan.RemovesAnything)
        {
            SyncSafety.Check(_request, Plan, _stateFolder);
        }
    }

    /// <summary>How many keys of a node could not be compared.</summary>
    internal int UncomparedOf(string node) => _uncompared.GetValueOrDefault(node);

    /// <summary>Carries the plan out.</summary>
    /// <returns>What became of each node that may be changed, in the definition's order.</returns>
    /// <exception cref="HsmBackupException">KeyDestinationRequired, or of the key file: nothing was done.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; what was done by then is proven, and the same synchronisation goes on from there.</exception>
    public IReadOnlyList<NodeSyncResult> Execute(IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        using SyncSafety? safety = Plan.RemovesAnything ? SyncSafety.Begin(_request, Plan, _stateFolder) : null;
        progress?.Report(new OperationProgress(ActivityOf(_request), "Synchronising the nodes", 0, Plan.Copy + Plan.Replace + Plan.Remove));
        IReadOnlyDictionary<string, KeyOrigin> origins = CaptureExactly(cancellationToken, out IReadOnlyDictionary<SyncStep, SyncStep> exact);
        Dictionary<string, SyncProtocol> protocols = _request.Cluster.Nodes.ToDictionary(n => n.Name,
            n => new SyncProtocol([.. _steps.Where(s => s.Item.Node == n.Name).Select(s => exact.GetValueOrDefault(s, s))]), StringComparer.Ordinal);
        Ask([.. _open.Values.Where(n => protocols[n.Node.Name].Steps.Any(s => s.Item.Changes))],
            (node, pulse) => Carry(node, origins, protocols[node.Node.Name], safety, pulse), cancellationToken);
        safety?.Finish(protocols.Values);
        return [.. _request.Cluster.Nodes.Where(n => Includes(_request, n.Name)).Select(n => ResultOf(n, protocols[n.Name]))];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        OpenNode.Close([.. _open.Values]);
        _open.Clear();
    }

    private static string ActivityOf(SyncRequest request) => $"Synchronising cluster '{request.Cluster.Name}'";

    private static bool Includes(SyncRequest request, string node) =>
        request.Only.Count == 0 || request.Only.Contains(node, StringComparer.OrdinalIgnoreCase);

    private static void Check(SyncRequest request)
    {
        ClusterDefinition cluster = request.Cluster;
        foreach (string name in request.Only.Concat(request.Resolve is null ? [] : [request.Resolve]))
        {
            _ = cluster.Node(name);
        }
        if (cluster.Nodes.Count < 2)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, $"The cluster '{cluster.Name}' has one node only, which has nobody to be alike.",
                "Name a cluster of two nodes or more.")
            { Target = cluster.Name };
        }
        if (cluster.ClusterKey is null)
        {
            throw new HsmBackupException(ErrorCode.ClusterKeyMissing, $"The cluster '{cluster.Name}' has no cluster key, under which keys could travel.",
                "Make one by ceremony (New-HsmClusterKey).")
            { Target = cluster.Name };
        }
    }

    private static UnreadNode UnreadOf(ClusterNode node, Exception? error, bool timedOut) => timedOut || error is null
        ? new UnreadNode(node.Name, null, NodeFailure.Silence(node))
        : new UnreadNode(node.Name, NodeFailure.CodeOf(error), NodeFailure.ReasonOf(error));

    private static HsmBackupException Unavailable(SyncRequest request, IReadOnlyList<UnreadNode> unread) => new(ErrorCode.NodesUnavailable,
        $"Fewer than two nodes of cluster '{request.Cluster.Name}' could be read. {string.Join("; ", unread.Select(u => u.ToString().TrimEnd('.')))}. Nothing was changed.",
        "See how each node is (Get-HsmClusterHealth); a node that has failed for good is replaced with Repair-HsmCluster.")
    { Target = request.Cluster.Name, Result = unread };

    /// <summary>A node on which a restore was interrupted holds objects that nobody has decided about yet.</summary>
    private static List<UnreadNode> Interrupted(SyncRequest request, List<OpenNode> open)
    {
        var interrupted = new List<UnreadNode>();
        string folder = StateFolder.Locate(request.StateFolder);
        foreach (OpenNode node in open.ToArray())
        {
            if (RestoreJournal.Load(folder, node.Connection.Token) is { } journal)
            {
                interrupted.Add(new UnreadNode(node.Node.Name, ErrorCode.RestoreInterrupted,
                    $"a restore of backup {journal.BackupId} was interrupted on it, and must be finished first (Restore-HsmCluster)"));
                open.Remove(node);
                OpenNode.Close([node]);
            }
        }
        return interrupted;
    }

    /// <summary>One token that is reached by two libraries would count as two nodes that have the same.</summary>
    private static List<UnreadNode> Twins(List<OpenNode> open)
    {
        var twins = new List<UnreadNode>();
        foreach ((int twin, int first) in SameToken.Among([.. open.Select(n => n.Connection.Token)]).Reverse())
        {
            OpenNode node = open[twin];
            twins.Add(new UnreadNode(node.Node.Name, ErrorCode.InvalidArgument, SameToken.Reason(open[first].Node.Name)));
            open.RemoveAt(twin);
            OpenNode.Close([node]);
        }
        return twins;
    }

    /// <summary>A node that is to say what is right must be there to say it.</summary>
    private static void CheckResolve(SyncRequest request, List<UnreadNode> unread)
    {
        if (unread.Find(u => u.Node.Equals(request.Resolve, StringComparison.OrdinalIgnoreCase)) is { } right)
        {
            throw new HsmBackupException(ErrorCode.NodesUnavailable, $"Node '{right.Node}', which was named to be right, could not be read: {right.Reason.TrimEnd('.')}. Nothing was changed.",
                "Put it right first, or name another node.")
            { Target = right.Node, Result = unread };
        }
    }

    /// <summary>Nodes of different makes wrap the same key differently: they are asked how they would wrap each other's.</summary>
    private static void Unify(List<OpenNode> open, List<UnreadNode> unread, CancellationToken cancellationToken)
    {
        if (open.DistinctBy(n => n.Kind).Count() < 2)
        {
            return;
        }
        foreach (OpenNode node in open)
        {
            KeyTranslation.AddPublicValues(node.Objects);
            node.ForgetIncomparable();
        }
        OpenNode[] all = [.. open];
        for (int i = 1; i < all.Length; i++)
        {
            KeyTranslation.Unify(all[i], all[..i], (asked, question) => open.Contains(asked) && Ask(open, unread, asked, question, cancellationToken));
        }
    }

    private static bool Ask(List<OpenNode> open, List<UnreadNode> unread, OpenNode asked, Action<OpenNode, NodePulse> question, CancellationToken cancellationToken)
    {
        int place = open.IndexOf(asked);
        open.RemoveAt(place);
        NodeAnswer<OpenNode> answer = OpenNode.Ask([asked], question, cancellationToken)[0];
        if (answer.Value is null)
        {
            unread.Add(UnreadOf(answer.Node, answer.Error, answer.TimedOut));
            return false;
        }
        open.Insert(place, asked);
        return true;
    }

    /// <summary>
    /// Secret keys of odd lengths were wrapped in a way that rounds, which is good enough to compare them. Those that travel are wrapped
    /// once more in a way that does not.
    /// </summary>
    private Dictionary<string, KeyOrigin> CaptureExactly(CancellationToken cancellationToken, out IReadOnlyDictionary<SyncStep, SyncStep> exact)
    {
        var changed = new ConcurrentDictionary<SyncStep, SyncStep>(ReferenceEqualityComparer.Instance);
        ILookup<string, SyncStep> bySource = _steps.Where(s => s.Source is not null).ToLookup(s => s.Item.From!, StringComparer.Ordinal);
        var origins = new Dictionary<string, KeyOrigin>(StringComparer.Ordinal);
        List<OpenNode> sources = [.. _open.Values.Where(n => bySource[n.Node.Name].Any())];
        Ask(sources, (node, pulse) => CaptureExactly(node, bySource[node.Node.Name], changed, pulse), cancellationToken);
        foreach (OpenNode source in sources)
        {
            string name = source.Node.Name;
            bool lost = _lost.ContainsKey(name);
            origins.Add(name, new KeyOrigin(name, source.Kind, lost ? new Dictionary<int, byte[]>() : source.Kek.TransportKeys,
                source.Kek.MethodFor(Cko.PrivateKey)?.Form ?? WrapForm.Rfc5649));
            // What was read of a node that was lost stands; what it was to give once more cannot be had.
            foreach (SyncStep step in bySource[name].Where(s => lost && s.Source!.Record.ObjectClass == Cko.SecretKey && !NodeInventory.WrapsAlikeEverywhere(s.Source.Record)))
            {
                changed[step] = NotPossible(step, $"{_lost[name]}");
            }
        }
        exact = changed;
        return origins;
    }

    private static void CaptureExactly(OpenNode node, IEnumerable<SyncStep> steps, ConcurrentDictionary<SyncStep, SyncStep> changed, NodePulse pulse)
    {
        var reader = new ObjectReader(node.Connection, node.Kek);
        var captured = new Dictionary<InventoryObject, InventoryObject>(ReferenceEqualityComparer.Instance);
        foreach (SyncStep step in steps.Where(s => reader.IsRounded(s.Source!.Record)))
        {
            pulse.Beat();
            InventoryObject seen = step.Source!;
            if (!captured.TryGetValue(seen, out InventoryObject? whole))
            {
                whole = new InventoryObject(reader.Capture(seen.Handle), seen.Handle, seen.KeyDigest);
                captured.Add(seen, whole);
            }
            changed[step] = whole.Record.Verdict != Verdict.Captured ? NotPossible(step, $"{whole.Record.Verdict}: {whole.Record.Reason}")
                : ObjectComparison.KeyDigest(whole.Record) != ObjectComparison.KeyDigest(seen.Record) ? NotPossible(step, $"it changed on {node.Node} since the plan was made")
                : step with { Source = whole };
        }
    }

    private static SyncStep NotPossible(SyncStep step, string reason) =>
        new(step.Item with { Action = SyncAction.NotPossible, Reason = reason }, null, null);

    /// <summary>Asks nodes, which are gone from among the open ones if they do not answer.</summary>
    private List<OpenNode> Ask(List<OpenNode> nodes, Action<OpenNode, NodePulse> question, CancellationToken cancellationToken)
    {
        // While they are asked they are their threads', whatever happens here.
        nodes.ForEach(n => _open.Remove(n.Node.Name));
        foreach (NodeAnswer<OpenNode> answer in OpenNode.Ask(nodes, question, cancellationToken))
        {
            if (answer.Value is { } node)
            {
                _open.Add(node.Node.Name, node);
            }
            else
            {
                _lost.Add(answer.Node.Name, UnreadOf(answer.Node, answer.Error, answer.TimedOut));
            }
        }
        return [.. nodes.Where(n => _open.ContainsKey(n.Node.Name))];
    }

    private void Carry(OpenNode node, IReadOnlyDictionary<string, KeyOrigin> origins, SyncProtocol protocol, SyncSafety? safety, NodePulse pulse)
    {
        StateFolder.Create(_stateFolder);
        using IDisposable busy = RestoreJournal.Lock(_stateFolder, node.Connection.Token);
        using var execution = new SyncExecution(node, _common, origins, protocol);
        execution.CheckUnchanged();
        pulse.Beat();
        safety?.Save(node, protocol, pulse);
        execution.Run(pulse);
    }

    private NodeSyncResult ResultOf(ClusterNode node, SyncProtocol protocol)
    {
        IReadOnlyList<SyncOutcome> steps = protocol.Read(out bool inDoubt);
        UnreadNode? failure = Plan.Unread.FirstOrDefault(u => u.Node == node.Name) ?? _lost.GetValueOrDefault(node.Name);
        bool undone = steps.Any(s => s.Outcome != CheckOutcome.Passed);
        int uncompared = _uncompared.GetValueOrDefault(node.Name);
        return new NodeSyncResult
        {
            Cluster = _request.Cluster.Name,
            Node = node.Name,
            State = failure is not null ? inDoubt ? SyncState.Unknown : SyncState.Failed
                : undone || uncompared > 0 ? SyncState.Incomplete : steps.Count > 0 ? SyncState.Synchronized : SyncState.AlreadyInSync,
            Reason = failure?.Reason ?? Summary(steps, uncompared),
            Error = failure?.Error,
            Steps = steps,
            Uncompared = uncompared,
            SafetyBackupPath = protocol.SafetyBackup,
            Elapsed = _watch.Elapsed,
        };
    }

    private static string Summary(IReadOnlyList<SyncOutcome> steps, int uncompared)
    {
        int conflicts = steps.Count(s => s.Item.Action == SyncAction.Conflict);
        int different = steps.Count(s => s.Item.Action == SyncAction.Different);
        int impossible = steps.Count(s => s.Item.Action == SyncAction.NotPossible);
        int failed = steps.Count(s => s.Outcome is CheckOutcome.Failed or CheckOutcome.NotRun);
        string[] parts =
        [
            conflicts > 0 ? FormattableString.Invariant($"{conflicts} in conflict") : "",
            different > 0 ? FormattableString.Invariant($"{different} with other attributes") : "",
            impossible > 0 ? FormattableString.Invariant($"{impossible} that cannot be carried") : "",
            failed > 0 ? FormattableString.Invariant($"{failed} failed") : "",
            uncompared > 0 ? FormattableString.Invariant($"{uncompared} keys that could not be compared") : "",
        ];
        return string.Join(", ", parts.Where(p => p.Length > 0));
    }
}
