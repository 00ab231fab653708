using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Monitoring.Status;

namespace HsmBackup.Engine.Monitoring.Alerts;

/// <summary>Whether a look would have shown that something is still wrong: what nobody could see is not over. Pure.</summary>
internal static class AlertEvidence
{
    /// <summary>Whether an alert is over where the look does not show it any more.</summary>
    public static bool IsOver(ClusterStatus status, Alert alert) => alert.Part is { } part && status.Knows(part)
        // Somebody else has seen it after this look.
        && alert.Opened <= status.Time && alert.Name switch
        {
            "CopyBad" or "StoreDown" or "StoreUntrusted" => WasRead(status, alert.Subject),
            "NodeUninitialized" => Node(status, alert) is not { State: HealthState.Unreachable },
            // Without a login only public objects are to be seen, and nothing of the PIN.
            "NodeDegraded" or "NodePinProblem" => Node(status, alert) is not { LoggedIn: false },
            // A node is held against all others.
            "NodeOutOfSync" => Node(status, alert) is null || status.Nodes.All(n => n.LoggedIn),
            // Heads of backups vouch for the log, where they could be read; that it is gone says nothing good.
            "AuditDamaged" => status.Audit is not null && status.Knows(StatusPart.Backups),
            _ => true,
        };

    // A medium that is put away shows nothing of its copies. A store that the definition names no longer is nobody's concern.
    private static bool WasRead(ClusterStatus status, string? store) =>
        status.Stores.Any(s => s.Name == store && s.Error is null) || status.Cluster.Stores.All(s => s.Name != store);

    private static NodeHealth? Node(ClusterStatus status, Alert alert) => status.Nodes.FirstOrDefault(n => n.Node == alert.Subject);
}
