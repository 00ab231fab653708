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
            // Each may be of a backup that is only in a store that nobody could look into, such as a medium that is put away.
            "VerificationFailed" => status.Stores.All(s => s.Error is null)
                || status.Backups.Any(b => b.LastTest is { Passed: true } && b.BackupId == alert.BackupId),
            "CopiesMissing" => status.Stores.All(s => s.Error is null)
                || status.GoodCopies >= status.Cluster.RetentionPolicy.MinimumCopies,
            "BackupPartial" => status.Stores.All(s => s.Error is null) || status.NewestBackup?.Created > alert.Opened,
            "NodeUninitialized" => Node(status, alert) is not { State: HealthState.Unreachable },
            // Without a login only public objects are to be seen, and nothing of the PIN.
            "NodeDegraded" or "NodePinProblem" => Node(status, alert) is not { SeesPrivate: false },
            // A node is held against all others.
            "NodeOutOfSync" => Node(status, alert) is null || status.Nodes.All(n => n.SeesPrivate),
            "ClusterDown" => status.Nodes.Any(n => n.Serves
                && (n.SeesPrivate || !status.Alerts.Any(a => a.IsOpen && a.Key == $"NodePinProblem:{n.Node}"))),
            // Heads of backups vouch for the log, where they could be read; that it is gone says nothing good.
            "AuditDamaged" => status.Audit is not null && status.Knows(StatusPart.Backups),
            _ => alert.Part != StatusPart.Backups || status.Stores.Count == 0 || status.Stores.Any(s => s.Error is null),
        };

    // A medium that is put away shows nothing of its copies. A store that the definition names no longer is nobody's concern.
    private static bool WasRead(ClusterStatus status, string? store) =>
        status.Stores.Any(s => s.Name == store && s.Error is null) || status.Cluster.Stores.All(s => s.Name != store);

    private static NodeHealth? Node(ClusterStatus status, Alert alert) => status.Nodes.FirstOrDefault(n => n.Node == alert.Subject);
}
