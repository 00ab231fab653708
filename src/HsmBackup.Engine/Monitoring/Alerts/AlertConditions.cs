using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Monitoring.Status;
using HsmBackup.Engine.Reporting;
using HsmBackup.Engine.Scheduling;
using static HsmBackup.Engine.Clusters.Definitions.AlertSeverity;

namespace HsmBackup.Engine.Monitoring.Alerts;

/// <summary>
/// What is wrong with a cluster, by what is known of it. Pure. docs/alerts.md lists the names, and a test holds the two together.
/// </summary>
public static class AlertConditions
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(7);
    private static readonly TimeSpan ExpirySoon = TimeSpan.FromDays(30);

    /// <summary>The names of all conditions that there are.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "RunFailed", "RunMissed", "NoBackup", "BackupTooOld", "BackupPartial", "CopiesMissing", "CopyBad", "NothingRestorable",
        "VerificationTooOld",
        "VerificationFailed", "StoreDown", "StoreUntrusted", "ClusterDown", "NodeDegraded", "NodeOutOfSync", "NodePinProblem",
        "NodeUninitialized",
        "NodeUnreachable", "DrillTooOld", "DrillFailed", "RecoveryTimeMissed", "DrillAltered", "KeysWaiting", "AuditDamaged",
        "RunbookOutdated",
        "RunbookMissing", "CertificateExpires", "AlertsDamaged", "LookFailed",
    ];

    /// <summary>
    /// What is wrong. Parts that were not looked at show nothing, which says nothing about them. While a store is away, what the others
    /// show of the backups is told all the same: that one store is down must not hide that there is no backup.
    /// </summary>
    public static IReadOnlyList<AlertCondition> Of(ClusterStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        return [.. new[] { Runs(status), Backups(status), Copies(status), Stores(status), Nodes(status), Drills(status), Rest(status) }
            .SelectMany(c => c).Where(c => c.Part == StatusPart.Backups || status.Knows(c.Part)).Concat(Look(status))];
    }

    private static IEnumerable<AlertCondition> Runs(ClusterStatus s)
    {
        // That nobody could be told of the last run is no reason to tell them of it.
        if (s.LastRun is { Result: RunResult.Failed or RunResult.Interrupted } run && run.ErrorCode != ErrorCode.AlertUndelivered)
        {
            string backup = run.BackupId is null ? "There is no backup of it" : $"There is a backup {run.BackupId} of it";
            yield return new(StatusPart.Runs, "RunFailed", null, run.BackupId is null ? Critical : Warning,
                $"The scheduled run {run.Id} {(run.Result == RunResult.Failed ? "failed" : "was interrupted")} ({run.ErrorCode}). {backup}. {run.Error}",
                "See to it, then run Invoke-HsmBackupSchedule.");
        }
        if (s.Schedule is { IsMissed: true } schedule)
        {
            yield return new(StatusPart.Runs, "RunMissed", null, Critical,
                $"No scheduled run was made since one was due at {At(schedule.LastDue)}.",
                "Look whether the scheduler runs (Get-HsmBackupSchedule), then run Invoke-HsmBackupSchedule.");
        }
    }

    private static IEnumerable<AlertCondition> Backups(ClusterStatus s)
    {
        // Of stores that all are away, nothing can be said but that.
        if (s.Stores.All(t => t.Error is not null))
        {
            yield break;
        }
        if (s.NewestBackup is not { } newest)
        {
            yield return new(StatusPart.Backups, "NoBackup", null, Critical, $"There is no backup in any store{Unseen(s)}.",
                "Make one with New-HsmBackup.");
            yield break;
        }
        if ((s.Cluster.Policy?.MaximumBackupAge ?? s.Cluster.Targets?.Rpo) is { } allowed && s.AgeOf(newest.Created) > allowed)
        {
            yield return new(StatusPart.Backups, "BackupTooOld", null, Critical,
                $"The newest backup, {newest.BackupId}, was made at {At(newest.Created)}; it may be {Span(allowed)} old{Unseen(s)}.",
                "Find out why none was made since, and make one with New-HsmBackup.");
        }
        if (!newest.Complete)
        {
            yield return new(StatusPart.Backups, "BackupPartial", null, Warning,
                FormattableString.Invariant($"{newest.Objects - newest.Captured} of {newest.Objects} objects of the token are not whole in the newest backup, {newest.BackupId}."),
                "Get-HsmBackup says which verdicts they got; make them extractable, or acknowledge them in the definition.");
        }
        if (s.NewestRestorable is not { } restorable)
        {
            yield return new(StatusPart.Backups, "NothingRestorable", null, Critical, $"No backup is known to restore{Unseen(s)}.",
                "Test one with Test-HsmBackup at level Content or deeper.");
        }
        else if ((s.Cluster.Policy?.MaximumBackupAge ?? s.Cluster.Targets?.Rpo) is { } wanted && s.AgeOf(restorable.Created) > wanted
            && s.AgeOf(newest.Created) <= wanted)
        {
            yield return new(StatusPart.Backups, "VerificationTooOld", null, Warning,
                $"The newest backup that is known to restore, {restorable.BackupId}, was made at {At(restorable.Created)}. Newer ones were not tested, or not lately{Unseen(s)}.",
                "Test a newer one with Test-HsmBackup at level Content or deeper.");
        }
        List<BackupInfo> failing = [.. s.Backups.Where(b => b.LastTest is { Passed: false })];
        if (failing.Count > 0)
        {
            yield return new(StatusPart.Backups, "VerificationFailed", null, failing.Contains(newest) ? Critical : Warning,
                FormattableString.Invariant($"{failing.Count} backups did not pass their last test, the newest of them ")
                    + $"{failing[^1].BackupId}: {failing[^1].LastTest!.Error}",
                "Do not rely on them: make a new backup and test it.")
            { BackupId = failing[^1].BackupId };
        }
    }

    private static IEnumerable<AlertCondition> Copies(ClusterStatus s)
    {
        int required = s.Cluster.RetentionPolicy.MinimumCopies;
        if (s.NewestBackup is { } newest && s.GoodCopies is var there && there < required && !s.MayHaveMoreCopies)
        {
            yield return new(StatusPart.Backups, "CopiesMissing", null, Warning,
                FormattableString.Invariant($"The newest backup, {newest.BackupId}, has {there} good copies; it must have {required}{Unseen(s)}."), "Make the missing ones with Copy-HsmBackup.");
        }
        foreach (StoreStatus store in s.Stores)
        {
            (CopyState State, int Count)[] bad = [.. store.Copies.Where(c => c.Key != CopyState.Present && c.Value > 0)
                .Select(c => (c.Key, c.Value)).OrderBy(c => c.Key)];
            if (bad.Length > 0)
            {
                yield return new(StatusPart.Stores, "CopyBad", store.Name, Critical,
                    $"The store '{store.Name}' has copies that are not what they should be: {string.Join(", ", bad.Select(b => FormattableString.Invariant($"{b.Count} {b.State}")))}.",
                    "Find out who or what changed them (Get-HsmBackup shows which), and copy the backups anew from a good store.");
            }
        }
    }

    private static IEnumerable<AlertCondition> Stores(ClusterStatus s) => s.Stores.Where(t => t.Error is not null && !t.IsAway)
        .Select(t => t.Error!.Code == ErrorCode.StoreUntrusted
        ? new AlertCondition(StatusPart.Stores, "StoreUntrusted", t.Name, Critical,
            $"The store '{t.Name}' is not who it should be: {t.Error.Message}", t.Error.RecommendedAction)
        : new AlertCondition(StatusPart.Stores, "StoreDown", t.Name, s.Stores.All(other => other.Error is not null) ? Critical : Warning,
            $"The store '{t.Name}' cannot be looked into: {t.Error.Message}", t.Error.RecommendedAction));

    private static IEnumerable<AlertCondition> Nodes(ClusterStatus s)
    {
        if (s.Nodes.Count > 0 && !s.Nodes.Any(n => n.Serves))
        {
            yield return new(StatusPart.Nodes, "ClusterDown", null, Critical, $"No node of the cluster serves: {s.Nodes[0].ClusterReason}.",
                "Follow the runbook for the loss of a cluster.");
        }
        foreach (NodeHealth node in s.Nodes.Where(n => n.State != HealthState.Online))
        {
            yield return new(StatusPart.Nodes, $"Node{node.State}", node.Node, node.State switch
            {
                HealthState.Degraded => Information,
                HealthState.Unreachable or HealthState.PinProblem => Critical,
                _ => Warning,
            }, $"The node '{node.Node}' is {node.State}: {node.Reason}.", node.State switch
            {
                HealthState.OutOfSync => "Sync-HsmCluster brings it what it lacks.",
                HealthState.Unreachable or HealthState.Uninitialized => "Bring it back, or replace it with Repair-HsmCluster.",
                HealthState.PinProblem => "See to its PIN before somebody tries another one.",
                _ => "Get-HsmClusterHealth says more.",
            });
        }
    }

    private static IEnumerable<AlertCondition> Drills(ClusterStatus s)
    {
        if ((s.Cluster.Policy?.MaximumDrillAge ?? s.Cluster.Drill?.Interval) is { } allowed
            && (s.LastPassedDrill is not { } passed || s.AgeOf(passed.Started) > allowed))
        {
            yield return new(StatusPart.Drills, "DrillTooOld", null, Warning, s.LastPassedDrill is { } last
                ? $"The last drill that passed was at {At(last.Started)}; it may be {Span(allowed)} ago." : "No drill has passed yet.",
                "Run Invoke-HsmDrill.");
        }
        foreach (DrillReport drill in s.LastDrills)
        {
            if (drill.Result == DrillResult.Failed)
            {
                yield return new(StatusPart.Drills, "DrillFailed", drill.Scenario.ToString(), Critical,
                    $"The drill {drill.Id} ({drill.Scenario}) failed: {drill.Problem}",
                    "A recovery would fail as well. See to it, and run the drill again.");
            }
            if (drill.Result == DrillResult.Passed && drill.Measures.RecoveryTimeMet == false)
            {
                yield return new(StatusPart.Drills, "RecoveryTimeMissed", drill.Scenario.ToString(), Warning,
                    $"In the drill {drill.Id} ({drill.Scenario}) the recovery took {Span(drill.Measures.RecoveryTime!.Value)}; it may take {Span(drill.Measures.RecoveryTimeTarget!.Value)}.",
                    "Its report shows the time of each step.");
            }
        }
        List<DrillRecord> altered = [.. s.DoubtfulDrills.Where(d => d.Integrity == DrillIntegrity.Altered)];
        if (altered.Count > 0)
        {
            yield return new(StatusPart.Drills, "DrillAltered", null, Critical,
                FormattableString.Invariant($"{altered.Count} records of drills were changed since, the newest of them {altered[^1].Id}: {altered[^1].Problem}."), "Find out who did that; Get-HsmDrill says more.");
        }
    }

    private static IEnumerable<AlertCondition> Rest(ClusterStatus s)
    {
        if (s.WaitingKeys.Count > 0 && (s.WaitingKeys.Max(k => k.Age) > LongestWait || s.WaitingKeys.Any(k => k.Problem is not null)))
        {
            WaitingKey worst = s.WaitingKeys.FirstOrDefault(k => k.Problem is not null) ?? s.WaitingKeys[0];
            yield return new(StatusPart.Keys, "KeysWaiting", null, Warning,
                FormattableString.Invariant($"{s.WaitingKeys.Count} one-time keys wait for their officer, since {At(s.WaitingKeys.Min(k => k.Since))} at the longest.")
                + (worst.Problem is null ? "" : $" That of {worst} cannot be received: {worst.Problem}"),
                "Receive them with Receive-HsmBackupKey: while they are on this machine alone, a backup is only as safe as it is.");
        }
        if (s.Audit is { Passed: false } audit)
        {
            yield return new(StatusPart.Audit, "AuditDamaged", null, Critical, $"The audit log did not pass its test. {audit.Summary}",
                "Run Test-HsmAuditLog, and find out who changed it.");
        }
        if (s.Runbook is { IsReliable: false } runbook)
        {
            yield return new(StatusPart.Runbook, runbook.Status == RunbookStatus.Missing ? "RunbookMissing" : "RunbookOutdated",
                null, Warning,
                $"The runbook cannot be relied on any more: {runbook.Problem}.", "Make a new one with Export-HsmRunbook, and hand it out.");
        }
        if (s.DamagedAlerts.Count > 0)
        {
            yield return new(StatusPart.Alerts, "AlertsDamaged", null, Warning,
                FormattableString.Invariant($"{s.DamagedAlerts.Count} records of alerts cannot be read: {string.Join(", ", s.DamagedAlerts.Take(5))}."),
                "Find out what damaged them, then remove them. What HsmBackup sees by itself is told anew; raise alerts of your own again.");
        }
        if (s.Cluster.IdentityCertificate is { } text)
        {
            using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(Convert.FromBase64String(text));
            if (new DateTimeOffset(certificate.NotAfter) - s.Time < ExpirySoon)
            {
                yield return new(StatusPart.Keys, "CertificateExpires", null, Warning,
                    $"The certificate of the cluster's identity key expires at {At(new DateTimeOffset(certificate.NotAfter))}.",
                    "Make a new identity key.");
            }
        }
    }

    // Of backups in stores that are down, the stores are told.
    private static IEnumerable<AlertCondition> Look(ClusterStatus s) =>
        s.Unknown.Where(u => u.Value is not null && u.Key != StatusPart.Backups).OrderBy(u => u.Key)
        .Select(u => new AlertCondition(u.Key, "LookFailed", u.Key.ToString(), Warning,
            $"Nobody could look at the {u.Key.ToString().ToLowerInvariant()}: {u.Value}",
            "What is wrong there is not seen until that is put right."));

    /// <summary>Names the stores that may show otherwise.</summary>
    private static string Unseen(ClusterStatus s)
    {
        string[] away = [.. s.Stores.Where(t => t.Error is not null && !t.IsAway).Select(t => $"'{t.Name}'")];
        return away.Length == 0 ? "" : $", as far as that can be seen: nobody could look into {string.Join(", ", away)}";
    }

    private static string At(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    private static string Span(TimeSpan span) => span.ToString(span.TotalDays >= 1 ? "d'd 'hh':'mm':'ss" : "hh':'mm':'ss",
        CultureInfo.InvariantCulture);
}
