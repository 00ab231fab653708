using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Clusters.Health;

/// <summary>What to look at, and how.</summary>
public sealed record ClusterHealthRequest
{
    /// <summary>The cluster.</summary>
    public required ClusterDefinition Cluster { get; init; }

    /// <summary>Fetches the PIN of a node, on the caller's own thread and before any node is asked; null to look without logging in.</summary>
    public Func<ClusterNode, Pin>? OpenPin { get; init; }

    /// <summary>True where one PIN was given for all nodes: if it is wrong, one node hears it and no other.</summary>
    public bool OnePinForAll { get; init; }

    /// <summary>
    /// Compare keys too, by wrapping each under a key-encryption key that the nodes share. It needs a cluster key and logins; session objects
    /// are made for it, and nothing is written for good. Private keys are compared between tokens of one model only.
    /// </summary>
    public bool Deep { get; init; }

    /// <summary>The backups that are known of the cluster.</summary>
    public IReadOnlyList<BackupInfo>? Backups { get; init; } = [];

    /// <summary>One-time keys of unattended backups that nobody has received.</summary>
    public IReadOnlyList<WaitingKey> WaitingKeys { get; init; } = [];

    /// <summary>The last drill and the runbook; null where nobody looked.</summary>
    public RecoveryPreparation? Preparation { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>
/// Looks at every node of a cluster, and never hangs: a node that does not answer in its time is reported as that, and the others are
/// answered all the same. Nothing is written to any token, and a PIN that may be wrong is not sent.
/// </summary>
public static class ClusterHealthOperation
{
    /// <summary>Looks.</summary>
    /// <returns>How each node is, in the definition's order.</returns>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public static IReadOnlyList<NodeHealth> Run(ClusterHealthRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        ClusterDefinition cluster = request.Cluster;
        using var pins = new NodePins(cluster.Nodes, request.OpenPin, request.OnePinForAll);
        Func<ClusterNode, Pin>? openPin = request.OpenPin is null ? null : pins.Of;
        using var bridge = new LibraryBridge();
        CommonKek? common = request.Deep && openPin is not null ? CommonKek.Make(cluster, pins, bridge, cancellationToken) : null;
        List<NodeAnswer<NodeLook>> outcomes = Look(request, pins, nodes => NodeThreads.Run(nodes, (node, pulse) => LookAt(node, openPin, common, bridge, pulse), cancellationToken));
        MarkTwins(outcomes);
        Dictionary<ClusterNode, IReadOnlyList<DriftItem>> driftOf = FindDrift(outcomes);
        List<NodeHealth> nodes = [.. outcomes.Select(o => Judge(request, o, driftOf.GetValueOrDefault(o.Node) ?? []))];
        return ClusterVerdict.Add(cluster, nodes, request);
    }

    /// <summary>All at once; but a PIN that is meant for all goes to one after the other until one has taken it.</summary>
    private static List<NodeAnswer<NodeLook>> Look(
        ClusterHealthRequest request, NodePins pins, Func<IReadOnlyList<ClusterNode>, IReadOnlyList<NodeAnswer<NodeLook>>> ask)
    {
        var outcomes = new List<NodeAnswer<NodeLook>>();
        bool careful = request is { OnePinForAll: true, OpenPin: not null };
        while (careful && outcomes.Count < request.Cluster.Nodes.Count)
        {
            ClusterNode node = request.Cluster.Nodes[outcomes.Count];
            NodeAnswer<NodeLook> outcome = ask([node])[0];
            outcomes.Add(outcome);
            careful = outcome.Value?.LoggedIn != true;
            if (outcome.Value?.Obstacle is HsmBackupException { Code: ErrorCode.PinIncorrect or ErrorCode.PinLocked } refusal)
            {
                pins.Refuse(node, refusal);
            }
        }
        outcomes.AddRange(ask([.. request.Cluster.Nodes.Skip(outcomes.Count)]));
        return outcomes;
    }

    /// <summary>One token under two names holds everything once only.</summary>
    private static void MarkTwins(List<NodeAnswer<NodeLook>> outcomes)
    {
        foreach ((int twin, int first) in SameToken.Among([.. outcomes.Select(o => o.Value?.Token)]))
        {
            var obstacle = new HsmBackupException(ErrorCode.InvalidArgument, SameToken.Reason(outcomes[first].Node.Name), "Name each token once.") { Target = outcomes[twin].Node.Name };
            outcomes[twin] = outcomes[twin] with { Value = outcomes[twin].Value! with { Obstacle = obstacle, Inventory = null } };
        }
    }

    private static NodeLook LookAt(ClusterNode node, Func<ClusterNode, Pin>? openPin, CommonKek? common, LibraryBridge bridge, NodePulse pulse)
    {
        try
        {
            return NodeLook.At(node, openPin, common, pulse);
        }
        finally
        {
            bridge.LetGo(node);
        }
    }

    /// <summary>Nodes whose keys were compared are laid beside each other with their keys, the others without.</summary>
    private static Dictionary<ClusterNode, IReadOnlyList<DriftItem>> FindDrift(IReadOnlyList<NodeAnswer<NodeLook>> outcomes)
    {
        List<NodeAnswer<NodeLook>> seen = [.. outcomes.Where(o => o.Value?.Inventory is not null)];
        Dictionary<ClusterNode, IReadOnlyList<DriftItem>> drift = Find(seen, i => i.WithoutKeys);
        List<NodeAnswer<NodeLook>> deep = [.. seen.Where(o => o.Value!.Deep)];
        bool oneModel = deep.DistinctBy(o => (o.Value!.Token!.Manufacturer, o.Value.Token.Model)).Count() < 2;
        foreach ((ClusterNode node, IReadOnlyList<DriftItem> items) in Find(deep, i => oneModel ? i.Objects : i.WithSecretKeys))
        {
            // What is missing on a node whose keys could not be compared shows in the plain comparison only.
            drift[node] = [.. items, .. drift[node].Where(plain => !items.Any(d => d.Kind == plain.Kind && d.Object == plain.Object))];
        }
        return drift;
    }

    private static Dictionary<ClusterNode, IReadOnlyList<DriftItem>> Find(
        List<NodeAnswer<NodeLook>> nodes, Func<NodeInventory, IReadOnlyList<InventoryObject>> objects) =>
        nodes.Zip(ClusterDrift.Find([.. nodes.Select(o => objects(o.Value!.Inventory!))])).ToDictionary(pair => pair.First.Node, pair => pair.Second);

    private static NodeHealth Judge(ClusterHealthRequest request, NodeAnswer<NodeLook> outcome, IReadOnlyList<DriftItem> drift)
    {
        ClusterDefinition cluster = request.Cluster;
        NodeLook look = outcome.Value ?? new NodeLook();
        Exception? obstacle = outcome.Error ?? look.Obstacle;
        bool? hasKey = look.Inventory is null || cluster.ClusterKey is null || !look.SeesPrivate
            ? null : look.ClusterKeyProven ?? look.Inventory.ClusterKeyClaims.Contains(cluster.ClusterKey.Check);
        (HealthState state, string reason) = outcome.TimedOut
            ? (HealthState.Unreachable, NodeFailure.Silence(outcome.Node))
            : obstacle is not null ? (StateOf(obstacle), NodeFailure.ReasonOf(obstacle))
            : StateOf(look, drift, hasKey, request.Deep);
        return new NodeHealth
        {
            Cluster = cluster.Name,
            Node = outcome.Node.Name,
            Zone = outcome.Node.Zone,
            State = state,
            Reason = reason,
            Error = outcome.TimedOut || obstacle is null ? null : NodeFailure.CodeOf(obstacle),
            Latency = look.Latency,
            Elapsed = outcome.Elapsed,
            Objects = look.Inventory?.Objects.Count,
            Drift = drift,
            ClusterKeyCheck = look.Inventory is { ClusterKeyClaims: [var first, ..] } ? hasKey == true ? cluster.ClusterKey!.Check : first : null,
            HasClusterKey = hasKey,
            Deep = look.Deep,
            Uncompared = look.Inventory?.Uncompared ?? 0,
            LoggedIn = look.LoggedIn,
            SeesPrivate = look.SeesPrivate,
            PinCountLow = look.Token?.IsPinCountLow ?? false,
            PinFinalTry = look.Token?.IsPinFinalTry ?? false,
            PinLocked = look.Token?.IsPinLocked ?? false,
            TokenLabel = look.Token?.Label,
            TokenSerial = look.Token?.SerialNumber,
            Model = look.Token?.Model,
            Firmware = look.Token?.FirmwareVersion,
            ClusterState = HealthState.Online,
            ClusterReason = "",
        };
    }

    private static (HealthState State, string Reason) StateOf(NodeLook look, IReadOnlyList<DriftItem> drift, bool? hasKey, bool deep)
    {
        var reasons = new List<string>();
        if (drift.Count > 0)
        {
            reasons.Add(string.Join(", ", drift.GroupBy(d => d.Kind).OrderBy(g => g.Key).Select(g => FormattableString.Invariant(
                $"{g.Count()} {Word(g.Key)}"))) + $": {drift[0].Object}" + (drift.Count > 1 ? " and others" : ""));
        }
        if (look.Token!.IsPinLocked)
        {
            reasons.Insert(0, "its user PIN is locked");
            return (HealthState.PinProblem, string.Join("; ", reasons));
        }
        if (look.Token.IsPinCountLow && !look.LoggedIn)
        {
            reasons.Insert(0, "a wrong PIN was entered last");
            return (HealthState.PinProblem, string.Join("; ", reasons));
        }
        bool inSync = drift.Count == 0;
        if (hasKey == false)
        {
            reasons.Add(look.Inventory!.ClusterKeyClaims.Count > 0 ? "it has another cluster key" : "it lacks the cluster key");
        }
        if (deep && !look.Deep)
        {
            reasons.Add("its keys were not compared");
        }
        if (look.Inventory!.Uncompared > 0)
        {
            reasons.Add(FormattableString.Invariant($"{look.Inventory.Uncompared} keys cannot be compared, because they do not leave the token even wrapped"));
        }
        if (look.Token.IsWriteProtected)
        {
            reasons.Add("it is write-protected");
        }
        if (look.Inventory!.Unreadable > 0)
        {
            reasons.Add(FormattableString.Invariant($"{look.Inventory.Unreadable} objects cannot be read"));
        }
        return (!inSync ? HealthState.OutOfSync : reasons.Count > 0 ? HealthState.Degraded : HealthState.Online, string.Join("; ", reasons));
    }

    private static string Word(DriftKind kind) => kind switch
    {
        DriftKind.Missing => "missing",
        DriftKind.Extra => "extra",
        _ => "different",
    };

    private static HealthState StateOf(Exception obstacle) => NodeFailure.CodeOf(obstacle) switch
    {
        ErrorCode.PinIncorrect or ErrorCode.PinLocked or ErrorCode.PinRequired or ErrorCode.PinUnavailable or ErrorCode.PinSourceRefused => HealthState.PinProblem,
        ErrorCode.TokenNotInitialized => HealthState.Uninitialized,
        _ => HealthState.Unreachable,
    };
}
