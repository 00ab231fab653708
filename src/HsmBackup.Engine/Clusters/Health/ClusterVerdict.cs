namespace HsmBackup.Engine.Clusters.Health;

/// <summary>Sums the nodes of a cluster up.</summary>
internal static class ClusterVerdict
{
    /// <summary>Says on each node how the cluster is.</summary>
    public static IReadOnlyList<NodeHealth> Add(ClusterDefinition cluster, List<NodeHealth> nodes, ClusterHealthRequest request)
    {
        DateTimeOffset? last = request.Backups?.Where(b => b.ClusterId == cluster.Id).Select(b => (DateTimeOffset?)b.Created).Max();
        TimeSpan? allowed = cluster.Policy?.MaximumBackupAge;
        // A backup that claims to be of tomorrow says nothing about how old the newest one is.
        bool? inPolicy = allowed is null || request.Backups is null ? null : last is { } at && request.Clock.GetUtcNow() - at is var age && age >= TimeSpan.FromMinutes(-5) && age <= allowed;
        (HealthState state, string reason) = Judge(nodes);
        if (inPolicy == false)
        {
            reason = string.Join("; ", new[] { reason, last is null ? "there is no backup" : "its newest backup is not as new as the policy demands" }.Where(r => r.Length > 0));
            state = state == HealthState.Online ? HealthState.Degraded : state;
        }
        bool? drilled = cluster.Policy?.MaximumDrillAge is { } longest && request.Preparation is { } preparation
            ? preparation.LastDrill is { } drill && request.Clock.GetUtcNow() - drill <= longest : null;
        if (drilled == false)
        {
            reason = string.Join("; ", new[] { reason, request.Preparation!.LastDrill is null ? "no drill has passed" : "its last drill that passed is longer ago than the policy allows" }
                .Where(r => r.Length > 0));
            state = state == HealthState.Online ? HealthState.Degraded : state;
        }
        return [.. nodes.Select(n => n with
        {
            LastDrill = request.Preparation?.LastDrill,
            LastDrillInPolicy = drilled,
            RunbookProblem = request.Preparation?.RunbookProblem,
            ClusterState = state,
            ClusterReason = reason,
            LastBackup = last,
            LastBackupInPolicy = inPolicy,
            WaitingKeys = request.WaitingKeys,
        })];
    }

    private static (HealthState State, string Reason) Judge(List<NodeHealth> nodes)
    {
        List<NodeHealth> serving = [.. nodes.Where(n => n.Serves)];
        List<NodeHealth> troubled = [.. nodes.Where(n => n.State != HealthState.Online)];
        string reason = string.Join("; ", troubled.Select(n => $"{n.Node} is {n.State}"));
        HealthState state = troubled.Count == 0 ? HealthState.Online
            : serving.Count == 0 ? AllTheSame(nodes) ?? HealthState.Unreachable
            : serving.Exists(n => n.State == HealthState.OutOfSync) ? HealthState.OutOfSync
            : HealthState.Degraded;
        return (state, reason);
    }

    private static HealthState? AllTheSame(List<NodeHealth> nodes) => nodes.TrueForAll(n => n.State == nodes[0].State) ? nodes[0].State : null;
}
