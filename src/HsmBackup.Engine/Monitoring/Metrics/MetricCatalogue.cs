using System.Reflection;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Monitoring.Status;
using HsmBackup.Engine.Reporting;
using HsmBackup.Engine.Scheduling;

namespace HsmBackup.Engine.Monitoring.Metrics;

/// <summary>Every series that there is. docs/metrics.md describes them, and a test holds the two together.</summary>
public static class MetricCatalogue
{
    /// <summary>All of them, in the order of the page.</summary>
    public static IReadOnlyList<Metric> All { get; } =
    [
        .. OfTheLook(), .. OfRuns(), .. OfBackups(), .. OfStores(), .. OfVerification(), .. OfNodes(), .. OfDrills(), .. OfRetention(),
        .. OfTheRest(),
    ];

    private static IEnumerable<Metric> OfTheLook() =>
    [
        Single("hsmbackup_cluster_info", "Always 1; the labels tell the id of the cluster and the version of HsmBackup.",
            s => new MetricSample(1, ("cluster_id", s.Cluster.Id), ("version", Version)), "cluster_id", "version"),
        Time("hsmbackup_metrics_timestamp_seconds", "When these metrics were written.", s => s.Time),
        Several("hsmbackup_look_success", "Whether a part of the cluster could be looked at: 1, or 0 where its other series are missing or incomplete.",
            s => Enum.GetValues<StatusPart>().Where(p => p != StatusPart.Stores
                && !(s.Unknown.TryGetValue(p, out string? why) && why is null))
                .Select(p => new MetricSample(Flag(s.Knows(p)), ("part", Word(p)))), "part"),
    ];

    private static IEnumerable<Metric> OfRuns() =>
    [
        Time("hsmbackup_run_timestamp_seconds", "When the last scheduled run that has ended began.", s => s.LastRun?.Started),
        Value("hsmbackup_run_success", "Whether the last scheduled run did all that it should: 1 or 0.", s => s.LastRun is { } run
            ? Flag(run.Result == RunResult.Succeeded) : null),
        Time("hsmbackup_run_last_success_timestamp_seconds", "When the last scheduled run began that did all that it should.",
            s => s.PastRuns.LastOrDefault(r => r.Result == RunResult.Succeeded)?.Started),
        Value("hsmbackup_run_duration_seconds", "How long the last scheduled run took.",
            s => (s.LastRun?.Ended - s.LastRun?.Started)?.TotalSeconds),
        Value("hsmbackup_run_consecutive_failures", "How many scheduled runs failed since the last one that did not.",
            s => s.LastRun is null ? null : s.PastRuns.Reverse().Where(r => r.Result != RunResult.Running)
                .TakeWhile(r => r.Result != RunResult.Succeeded).Count()),
        Time("hsmbackup_schedule_next_timestamp_seconds", "When the next scheduled run is due.", s => s.Schedule?.NextDue),
        Value("hsmbackup_schedule_missed", "Whether no run was made since the last one was due, an hour ago or longer: 1 or 0.",
            s => s.Schedule is { } schedule ? Flag(schedule.IsMissed) : null),
    ];

    private static IEnumerable<Metric> OfBackups() =>
    [
        Value("hsmbackup_backups", "How many backups of the cluster are in its stores.", s => HasStores(s) ? s.Backups.Count : null),
        Time("hsmbackup_backup_timestamp_seconds", "When the newest backup was made.", s => s.NewestBackup?.Created),
        Value("hsmbackup_backup_complete", "Whether all objects of the token are in the newest backup, but for those that the token never gives away: 1 or 0.",
            s => s.NewestBackup is { } b ? Flag(b.Complete) : null),
        Several("hsmbackup_backup_objects", "How many objects got which verdict in the newest backup.",
            s => s.NewestBackup is { } b ? Verdicts(b.Verdicts) : [], "verdict"),
        Value("hsmbackup_backup_objects_not_captured", "How many objects of the token are not whole in the newest backup.",
            s => s.NewestBackup is { } b ? b.Objects - b.Captured : null),
        Value("hsmbackup_backup_size_bytes", "Length of the newest backup's file.", s => s.NewestBackup?.Length),
        Value("hsmbackup_backup_copies", "How many good copies the newest backup has; none where those that are missing may be on a medium that is put away.",
            s => s.NewestBackup is null || s.MayHaveMoreCopies ? null : s.GoodCopies),
        Value("hsmbackup_backup_copies_required", "How many copies a backup must have.", s => s.Cluster.RetentionPolicy.MinimumCopies),
    ];

    private static IEnumerable<Metric> OfStores() =>
    [
        Several("hsmbackup_store_up", "Whether the store could be looked into: 1 or 0. An offline medium that is put away has none.",
            s => s.Stores.Where(t => !t.IsAway).Select(t => new MetricSample(Flag(t.Error is null), ("store", t.Name),
                ("kind", Word(t.Kind)))), "store", "kind"),
        Several("hsmbackup_store_copies", "How many copies of backups are in the store, by their state.",
            s => s.Stores.Where(t => t.Error is null).SelectMany(t => Enum.GetValues<CopyState>()
                .Select(state => new MetricSample(t.Copies.GetValueOrDefault(state), ("store", t.Name), ("state", Word(state))))),
                    "store", "state"),
        Several("hsmbackup_store_newest_backup_timestamp_seconds", "When the newest backup was made of which the store has a good copy.",
            s => s.Stores.Where(t => t.Error is null).Select(t => (Store: t.Name, Newest: s.Backups
                .Where(b => b.Created <= s.Time.AddMinutes(5) && b.Copies.Any(c => c.Store == t.Name && c.State == CopyState.Present
                    && !c.Pending)).MaxBy(b => b.Created)))
                .Where(t => t.Newest is not null).Select(t => new MetricSample(Unix(t.Newest!.Created), ("store", t.Store))), "store"),
    ];

    private static IEnumerable<Metric> OfVerification() =>
    [
        Value("hsmbackup_restorable_backups", "How many backups are complete, were proven lately, and have a copy that is what was proven.",
            s => HasStores(s) ? s.Backups.Count(b => b.Restorable) : null),
        Time("hsmbackup_restorable_backup_timestamp_seconds", "When the newest of them was made.", s => s.NewestRestorable?.Created),
        Time("hsmbackup_verification_timestamp_seconds", "When a backup last passed a test that proves it.",
            s => s.LastVerification?.Tested),
        Value("hsmbackup_backups_failing_verification", "How many backups did not pass their last test.",
            s => HasStores(s) ? s.Backups.Count(b => b.LastTest is { Passed: false }) : null),
        Value("hsmbackup_policy_maximum_verification_age_seconds", "How long a passed test counts.",
            s => s.Cluster.RetentionPolicy.MaximumVerificationAge.TotalSeconds),
        Value("hsmbackup_policy_maximum_backup_age_seconds", "How old the newest backup may be.",
            s => s.Cluster.Policy?.MaximumBackupAge?.TotalSeconds),
    ];

    private static IEnumerable<Metric> OfNodes() =>
    [
        Several("hsmbackup_cluster_state", "1 for the state that the cluster is in, 0 for the others.",
            s => s.Nodes.Count == 0 ? [] : OneOf(s.Nodes[0].ClusterState), "state"),
        Several("hsmbackup_node_up", "Whether the node answers and serves: 1 or 0.",
            s => s.Nodes.Select(n => new MetricSample(Flag(n.Serves), ("node", n.Node), ("zone", n.Zone))),
            "node", "zone"),
        Several("hsmbackup_node_state", "1 for the state that the node is in, 0 for the others.",
            s => s.Nodes.SelectMany(n => OneOf(n.State).Select(one => one with { Labels = [("node", n.Node), .. one.Labels] })),
            "node", "state"),
        Several("hsmbackup_node_objects", "How many objects the node holds, as far as they were to be seen.",
            s => s.Nodes.Where(n => n.Objects is not null).Select(n => new MetricSample(n.Objects!.Value, ("node", n.Node))), "node"),
        Several("hsmbackup_node_drift_objects", "How many objects the node lacks, has beyond, or has otherwise than the majority of the cluster; none without a login.",
            s => s.Nodes.Where(n => n.Objects is not null && n.SeesPrivate).SelectMany(n => Enum.GetValues<DriftKind>()
                .Select(kind => new MetricSample(n.Drift.Count(d => d.Kind == kind), ("node", n.Node), ("kind", Word(kind))))),
                    "node", "kind"),
        Several("hsmbackup_node_latency_seconds", "How long the node took to answer one question.",
            s => s.Nodes.Where(n => n.Latency is not null).Select(n =>
                new MetricSample(n.Latency!.Value.TotalSeconds, ("node", n.Node))), "node"),
        Several("hsmbackup_node_has_cluster_key", "Whether the node holds the cluster key: 1 or 0.",
            s => s.Nodes.Where(n => n.HasClusterKey is not null)
                .Select(n => new MetricSample(Flag(n.HasClusterKey!.Value), ("node", n.Node))), "node"),
        Several("hsmbackup_node_pin_locked", "Whether the user PIN of the node is locked: 1 or 0.",
            s => s.Nodes.Where(n => n.TokenLabel is not null).Select(n => new MetricSample(Flag(n.PinLocked), ("node", n.Node))), "node"),
        Several("hsmbackup_node_pin_count_low", "Whether a wrong PIN was entered since the last right one: 1 or 0.",
            s => s.Nodes.Where(n => n.TokenLabel is not null).Select(n => new MetricSample(Flag(n.PinCountLow), ("node", n.Node))), "node"),
    ];

    private static IEnumerable<Metric> OfDrills() =>
    [
        Several("hsmbackup_drill_timestamp_seconds", "When the last drill of the scenario began.",
            s => s.LastDrills.Select(d => new MetricSample(Unix(d.Started), Scenario(d))), "scenario"),
        Several("hsmbackup_drill_success", "Whether the last drill of the scenario passed: 1 or 0.",
            s => s.LastDrills.Select(d => new MetricSample(Flag(d.Result == DrillResult.Passed), Scenario(d))), "scenario"),
        Time("hsmbackup_drill_last_success_timestamp_seconds", "When the last drill of any scenario began that passed.",
            s => s.LastPassedDrill?.Started),
        Several("hsmbackup_drill_recovery_time_seconds", "How long the recovery took in the last drill of the scenario.",
            s => s.LastDrills.Where(d => d.Measures.RecoveryTime is not null)
                .Select(d => new MetricSample(d.Measures.RecoveryTime!.Value.TotalSeconds, Scenario(d))), "scenario"),
        Several("hsmbackup_drill_recovery_point_seconds", "How old the backup was that the last drill of the scenario used.",
            s => s.LastDrills.Where(d => d.Measures.RecoveryPoint is not null)
                .Select(d => new MetricSample(d.Measures.RecoveryPoint!.Value.TotalSeconds, Scenario(d))), "scenario"),
        Several("hsmbackup_drill_keys", "How many keys were expected, recovered, proven, used and skipped in the last drill of the scenario.",
            s => s.LastDrills.SelectMany(d => Keys(d.Measures).Select(k => new MetricSample(k.Count, Scenario(d), ("result", k.Result)))),
            "scenario", "result"),
        Value("hsmbackup_drill_records_altered", "How many records of drills were changed, or lack the signature that they should have.",
            s => s.Knows(StatusPart.Drills) ? s.DoubtfulDrills.Count : null),
        Value("hsmbackup_policy_maximum_drill_age_seconds", "How long ago the last passed drill may be.",
            s => s.Cluster.Policy?.MaximumDrillAge?.TotalSeconds),
        Value("hsmbackup_target_recovery_time_seconds", "Recovery time objective.", s => s.Cluster.Targets?.Rto?.TotalSeconds),
        Value("hsmbackup_target_recovery_point_seconds", "Recovery point objective.", s => s.Cluster.Targets?.Rpo?.TotalSeconds),
    ];

    private static IEnumerable<Metric> OfRetention() =>
    [
        Value("hsmbackup_retention_kept_backups", "How many backups the last scheduled run kept.",
            s => s.PastRuns.LastOrDefault(r => r.Retention is not null)?.Retention!.Kept),
        Value("hsmbackup_retention_pending_copies", "How many copies are to be removed when their delay is over.",
            s => HasStores(s) ? s.Backups.SelectMany(b => b.Copies).Count(c => c.Pending) : null),
        Value("hsmbackup_retention_held_backups", "How many backups are held.", s => HasStores(s)
            ? s.Backups.Count(b => b.Copies.Any(c => c.Held)) : null),
        Value("hsmbackup_retention_success", "Whether retention did all that it should in the last scheduled run that came to it: 1 or 0.",
            s => s.PastRuns.LastOrDefault(r => r.Retention is not null) is { } run ? Flag(run.Retention!.Problem is null) : null),
    ];

    private static IEnumerable<Metric> OfTheRest() =>
    [
        Value("hsmbackup_waiting_keys", "How many one-time keys of unattended backups nobody has received.", s => s.Knows(StatusPart.Keys)
            ? s.WaitingKeys.Count : null),
        Time("hsmbackup_waiting_key_oldest_timestamp_seconds", "When the backup was made of whose key that is true the longest.",
            s => s.WaitingKeys.Count == 0 ? null : s.WaitingKeys.Min(k => k.Since)),
        Value("hsmbackup_audit_valid", "Whether the audit log passes its test: 1 or 0.", s => s.Audit is { } audit
            ? Flag(audit.Passed) : null),
        Counter("hsmbackup_audit_entries_total", "How many entries the audit log has.", s => s.Audit?.Entries),
        Value("hsmbackup_runbook_current", "Whether there is a runbook and it matches the definition: 1 or 0.",
            s => s.Runbook is { } runbook ? Flag(runbook.Status == RunbookStatus.Current) : null),
        Time("hsmbackup_identity_certificate_expiry_timestamp_seconds", "When the certificate of the cluster's identity key expires.",
            s => ExpiryOf(s.Cluster.IdentityCertificate)),
        Several("hsmbackup_alerts_open", "How many alerts are open, by severity.",
            s => !s.Knows(StatusPart.Alerts) ? [] : Enum.GetValues<AlertSeverity>()
                .Select(severity => new MetricSample(s.Alerts.Count(a => a.IsOpen && a.Severity == severity),
                    ("severity", Word(severity)))), "severity"),
        Value("hsmbackup_alerts_undelivered", "How many notices of alerts are not delivered yet.", s => s.Knows(StatusPart.Alerts)
            ? s.Alerts.Sum(a => a.Pending) : null),
    ];

    private static string Version { get; } = typeof(MetricCatalogue).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "";

    private static Metric Single(string name, string help, Func<ClusterStatus, MetricSample?> sample, params string[] labels) =>
        new() { Name = name, Help = help, Labels = labels, Samples = s => sample(s) is { } one ? [one] : [] };

    private static Metric Several(string name, string help, Func<ClusterStatus, IEnumerable<MetricSample>> samples,
        params string[] labels) =>
        new() { Name = name, Help = help, Labels = labels, Samples = samples };

    private static Metric Value(string name, string help, Func<ClusterStatus, double?> value) =>
        Single(name, help, s => value(s) is { } known ? new MetricSample(known) : null);

    private static Metric Counter(string name, string help, Func<ClusterStatus, double?> value) => Value(name, help, value) with
    {
        Type = MetricType.Counter,
    };

    private static Metric Time(string name, string help, Func<ClusterStatus, DateTimeOffset?> time) =>
        Value(name, help, s => time(s) is { } at ? Unix(at) : null);

    private static double Unix(DateTimeOffset at) => at.ToUnixTimeMilliseconds() / 1000.0;

    private static double Flag(bool value) => value ? 1 : 0;

    // Names of values as Prometheus has them: out_of_sync.
    private static string Word<T>(T value) where T : struct, Enum =>
        string.Concat(value.ToString().Select((c, i) => i > 0 && char.IsAsciiLetterUpper(c)
            ? $"_{char.ToLowerInvariant(c)}" : char.ToLowerInvariant(c).ToString()));

    private static IEnumerable<MetricSample> OneOf<T>(T actual) where T : struct, Enum =>
        Enum.GetValues<T>().Select(value => new MetricSample(Flag(value.Equals(actual)), ("state", Word(value))));

    private static (string, string?) Scenario(DrillReport drill) => ("scenario", Word(drill.Scenario));

    private static IEnumerable<(string Result, int Count)> Keys(DrillMeasures m) =>
        [("expected", m.KeysExpected), ("recovered", m.KeysRecovered), ("proven", m.KeysProven), ("used", m.KeysUsed),
            ("skipped", m.KeysSkipped)];

    private static IEnumerable<MetricSample> Verdicts(VerdictCounts v) =>
        new[] { ("captured", v.Captured), ("not_extractable", v.NotExtractable), ("not_wrappable", v.NotWrappable), ("inexact", v.Inexact),
            ("unreadable", v.Unreadable) }
            .Select(verdict => new MetricSample(verdict.Item2, ("verdict", verdict.Item1)));

    private static bool HasStores(ClusterStatus status) => status.Stores.Any(s => s.Error is null);

    private static DateTimeOffset? ExpiryOf(string? certificate)
    {
        if (certificate is null)
        {
            return null;
        }
        using X509Certificate2 read = X509CertificateLoader.LoadCertificate(Convert.FromBase64String(certificate));
        return new DateTimeOffset(read.NotAfter);
    }
}
