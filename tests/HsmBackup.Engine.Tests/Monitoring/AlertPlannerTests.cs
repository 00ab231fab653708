using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Monitoring.Alerts;
using HsmBackup.Engine.Monitoring.Status;
using HsmBackup.Engine.Reporting;
using HsmBackup.Engine.Scheduling;
using HsmBackup.Engine.Stores;
using Xunit;

namespace HsmBackup.Engine.Tests.Monitoring;

public sealed class AlertPlannerTests
{
    private static readonly AlertTrial Trial = new(
        new { name = "all", kind = "command", program = "/bin/true" },
        new { name = "pager", kind = "command", program = "/bin/true", minimumSeverity = "Critical" });

    private static readonly DateTimeOffset Now = StatusSample.Now;

    public static TheoryData<string, AlertSeverity, ClusterStatus> Wrong()
    {
        ClusterStatus well = StatusSample.Well;
        BackupInfo backup = StatusSample.Backup;
        var copies = new Dictionary<CopyState, int> { [CopyState.Different] = 1 };
        var down = new HsmBackupException(ErrorCode.StoreUnavailable, "It is down.", "See to it.");
        HsmBackupException untrusted = new(ErrorCode.StoreUntrusted, "It is another.", "See to it.");
        TestRecord failed = StatusSample.Proof with { Passed = false, Error = "no" };
        return new TheoryData<string, AlertSeverity, ClusterStatus>
        {
            { "RunFailed", AlertSeverity.Warning, well with { Runs = [StatusSample.Run
                with { Result = RunResult.Failed, ErrorCode = ErrorCode.CopyFailed }] } },
            { "RunFailed", AlertSeverity.Critical, well with { Runs = [StatusSample.Run
                with { Result = RunResult.Interrupted, BackupId = null }] } },
            { "RunMissed", AlertSeverity.Critical, well with { Schedule = well.Schedule! with { IsMissed = true } } },
            { "NoBackup", AlertSeverity.Critical, well with { Backups = [] } },
            { "BackupTooOld", AlertSeverity.Critical, well with { Backups = [backup with { Created = Now.AddDays(-4.1) }] } },
            { "BackupPartial", AlertSeverity.Warning, well with { Backups = [backup, backup
                with { Complete = false, Captured = 7, Created = Now.AddHours(-1) }] } },
            { "CopiesMissing", AlertSeverity.Warning, well with { Backups = [backup
                with { Copies = [backup.Copies[0], backup.Copies[1] with { State = CopyState.Damaged }] }] } },
            { "CopyBad:local", AlertSeverity.Critical, well with { Stores = [well.Stores[0] with { Copies = copies }] } },
            { "NothingRestorable", AlertSeverity.Critical, well with { Backups = [backup with { ProofExpired = true }] } },
            { "VerificationTooOld", AlertSeverity.Warning, well
                with { Backups = [backup with { Created = Now.AddDays(-5) }, backup with { Proof = null }] } },
            { "VerificationFailed", AlertSeverity.Critical, well with { Backups = [backup with { LastTest = failed }] } },
            { "StoreDown:remote", AlertSeverity.Warning, well
                with { Stores = [.. well.Stores.Select(s => s.Name == "remote" ? s with { Error = down } : s)] } },
            { "StoreUntrusted:remote", AlertSeverity.Critical, well
                with { Stores = [.. well.Stores.Select(s => s.Name == "remote" ? s with { Error = untrusted } : s)] } },
            { "NodeDegraded:n", AlertSeverity.Information, well with { Nodes = [StatusSample.Node("n", HealthState.Degraded)] } },
            { "NodeOutOfSync:n", AlertSeverity.Warning, well with { Nodes = [StatusSample.Node("n", HealthState.OutOfSync)] } },
            { "NodePinProblem:n", AlertSeverity.Critical, well with { Nodes = [StatusSample.Node("n", HealthState.PinProblem)] } },
            { "NodeUninitialized:n", AlertSeverity.Warning, well with { Nodes = [StatusSample.Node("n", HealthState.Uninitialized)] } },
            { "NodeUnreachable:n", AlertSeverity.Critical, well with { Nodes = [StatusSample.Node("n", HealthState.Unreachable)] } },
            { "ClusterDown", AlertSeverity.Critical, well with { Nodes = [StatusSample.Node("n", HealthState.Unreachable,
                HealthState.Unreachable)] } },
            { "ClusterDown", AlertSeverity.Critical, well with { Nodes = [StatusSample.Node("n", HealthState.Uninitialized,
                HealthState.Uninitialized)] } },
            { "ClusterDown", AlertSeverity.Critical, well with { Nodes = [StatusSample.Node("n", HealthState.PinProblem,
                HealthState.PinProblem)] } },
            { "DrillTooOld", AlertSeverity.Warning, well with { Drills = [] } },
            { "DrillTooOld", AlertSeverity.Warning, well with { Drills = [StatusSample.Drill with { Started = Now.AddDays(-101) }] } },
            { "DrillFailed:ClusterLoss", AlertSeverity.Critical, well
                with { Drills = [StatusSample.Drill, StatusSample.Drill with { Result = DrillResult.Failed }] } },
            { "DrillFailed:ClusterLoss", AlertSeverity.Critical, well with
                { Drills = [StatusSample.Drill with { Result = DrillResult.Failed }, StatusSample.Drill
                    with { Result = DrillResult.Interrupted, Started = Now.AddHours(-1) }] } },
            { "RecoveryTimeMissed:ClusterLoss", AlertSeverity.Warning,
                well with { Drills = [StatusSample.Drill with { Measures = StatusSample.Drill.Measures
                    with { RecoveryTime = TimeSpan.FromHours(5) } }] } },
            { "DrillAltered", AlertSeverity.Critical, well with { DoubtfulDrills = [new DrillRecord
                { Id = "x", Folder = "/x", Integrity = DrillIntegrity.Altered }] } },
            { "KeysWaiting", AlertSeverity.Warning, well with { WaitingKeys = [well.WaitingKeys[0] with { Age = TimeSpan.FromDays(8) }] } },
            { "AuditDamaged", AlertSeverity.Critical, well with { Audit = well.Audit!
                with { Findings = [new AuditFinding(AuditFindingKind.Removed, true, "f", 1, 1, "gone")] } } },
            { "LookFailed:Drills", AlertSeverity.Warning, well
                with { Unknown = new Dictionary<StatusPart, string?> { [StatusPart.Drills] = "no", [StatusPart.Nodes] = null } } },
            { "RunbookOutdated", AlertSeverity.Warning, well with { Runbook = well.Runbook!
                with { Status = RunbookStatus.Outdated, Problem = "nodes" } } },
            { "RunbookMissing", AlertSeverity.Warning, well with { Runbook = well.Runbook!
                with { Status = RunbookStatus.Missing, Path = "/runbook.html", Problem = "it is gone" } } },
            { "AlertsDamaged", AlertSeverity.Warning, well with { DamagedAlerts = ["/state/alerts/x.json"] } },
            { "CertificateExpires", AlertSeverity.Warning, well with { Time = DateTimeOffset.UnixEpoch.AddYears(100).AddDays(-20) } },
        };
    }

    [Theory]
    [MemberData(nameof(Wrong))]
    public void What_is_wrong_is_seen(string key, AlertSeverity severity, ClusterStatus status)
    {
        AlertCondition seen = Assert.Single(AlertConditions.Of(status), c => c.Key == key);
        Assert.Equal(severity, seen.Severity);
        Assert.Contains(seen.Name, AlertConditions.Names);
        Assert.NotEmpty(seen.Action);
    }

    [Fact]
    public void Every_condition_that_has_a_name_can_be_seen_and_is_on_the_page()
    {
        string page = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "docs", "alerts.md"));
        Assert.Equal(AlertConditions.Names.Order(StringComparer.Ordinal), Wrong().Select(w => ((string)w[0]).Split(':')[0]).Distinct()
            .Order(StringComparer.Ordinal));
        Assert.All(AlertConditions.Names, n => Assert.Contains($"| `{n}` |", page, StringComparison.Ordinal));
    }

    [Fact]
    public void An_alert_about_a_backup_says_about_which_and_about_which_it_is_now()
    {
        BackupInfo failing = StatusSample.Backup with { LastTest = StatusSample.Proof with { Passed = false, Error = "no" } };
        ClusterStatus status = StatusSample.Well with { Backups = [failing] };
        Alert alert = Assert.Single(AlertPlanner.Plan(Trial.Cluster, [], AlertConditions.Of(status), _ => false, Now),
            a => a.Name == "VerificationFailed");
        Assert.Equal(failing.BackupId, alert.BackupId);
        status = status with { Backups = [failing, failing with { BackupId = "another" }] };
        alert = Assert.Single(AlertPlanner.Plan(Trial.Cluster, [alert], AlertConditions.Of(status), _ => false, Now),
            a => a.Name == "VerificationFailed");
        Assert.Equal("another", alert.BackupId);
    }

    [Fact]
    public void Where_all_is_well_there_is_nothing() => Assert.Empty(AlertConditions.Of(StatusSample.Well));

    [Fact]
    public void That_nobody_could_be_told_of_a_run_is_no_failure_of_the_next_one() => Assert.Empty(AlertConditions.Of(
        StatusSample.Well with { Runs = [StatusSample.Run with { Result = RunResult.Failed, ErrorCode = ErrorCode.AlertUndelivered }] }));

    [Fact]
    public void A_runbook_that_was_never_exported_here_may_be_elsewhere() => Assert.Empty(AlertConditions.Of(
        StatusSample.Well with
        {
            Runbook = new RunbookState
            {
                Cluster = "payments",
                Status = RunbookStatus.Missing,
                Problem = "no runbook was exported on this machine"
            }
        }));

    [Fact]
    public void A_medium_that_is_put_away_is_no_fault() => Assert.Empty(AlertConditions.Of(StatusSample.Well with
    {
        Stores = [new StoreStatus("safe", StoreKind.Offline, new HsmBackupException(ErrorCode.StoreUnmounted, "Away.", "Bring it."),
            new Dictionary<CopyState, int>())],
    }));

    [Fact]
    public void What_stays_wrong_climbs_step_by_step_and_calls_who_stands_there()
    {
        Alert alert = Assert.Single(Plan([], 0));
        Assert.Equal((1, "Duty desk"), (alert.Level, Assert.Single(alert.Contacts)));
        Assert.Empty(Plan([alert], 29));
        alert = Assert.Single(Plan([alert], 30));
        Assert.Equal((2, AlertNoticeKind.Escalated, "A. Muster"),
            (alert.Level, alert.Notices[^1].Kind, Assert.Single(alert.Notices[^1].Contacts)));
        Assert.Empty(Plan([alert], 119));
        alert = Assert.Single(Plan([alert], 121));
        Assert.Equal(3, alert.Level);
        Assert.Equal(["A. Muster", "Duty desk"], alert.Notices[^1].Contacts);
        Assert.Empty(Plan([alert], 9999));
    }

    [Fact]
    public void Who_was_passed_over_while_nobody_looked_is_called_as_well()
    {
        Alert alert = Assert.Single(Plan(Plan([], 0), 500));
        Assert.Equal(["A. Muster", "Duty desk"], alert.Notices[^1].Contacts);
        Assert.Equal([AlertNoticeKind.Raised, AlertNoticeKind.Escalated], alert.Notices.Select(n => n.Kind));
    }

    [Fact]
    public void It_is_over_when_it_is_seen_to_be_over_and_not_when_nobody_looked()
    {
        IReadOnlyList<Alert> open = Plan([], 0);
        Assert.Empty(AlertPlanner.Plan(Trial.Cluster, open, [], a => a.Part != StatusPart.Nodes, Now.AddMinutes(1)));
        Alert over = Assert.Single(AlertPlanner.Plan(Trial.Cluster, open, [], _ => true, Now.AddMinutes(1)));
        Assert.Equal((Now.AddMinutes(1), AlertNoticeKind.Resolved), (over.Resolved!.Value, over.Notices[^1].Kind));
        Assert.Empty(AlertPlanner.Plan(Trial.Cluster, [over], [], _ => true, Now.AddMinutes(2)));
        Assert.NotEqual(over.Id, Assert.Single(Plan([over], 3)).Id);
    }

    [Fact]
    public void What_gets_worse_is_told_to_who_was_not_told_before_and_so_is_its_end()
    {
        Alert alert = Assert.Single(Plan([], 0));
        Assert.Equal(["all"], alert.Notices[0].Deliveries.Select(d => d.Channel));
        alert = Assert.Single(Plan([alert], 1, AlertSeverity.Critical));
        Assert.Equal(["all", "pager"], alert.Notices[1].Deliveries.Select(d => d.Channel));
        alert = Assert.Single(Plan([alert], 2));
        Assert.Equal(2, alert.Notices.Count);
        alert = Assert.Single(AlertPlanner.Plan(Trial.Cluster, [alert], [], _ => true, Now.AddMinutes(3)));
        Assert.Equal(["all", "pager"], alert.Notices[2].Deliveries.Select(d => d.Channel));
    }

    [Fact]
    public void It_is_repeated_where_that_is_asked_for_and_the_last_notice_has_arrived()
    {
        ClusterDefinition cluster = Trial.Cluster with
        {
            Escalation = [],
            Alerts = Trial.Cluster.Alerts! with { Repeat = TimeSpan.FromHours(1) },
        };
        Alert alert = Assert.Single(AlertPlanner.Plan(cluster, [], [Condition(AlertSeverity.Warning)], _ => true, Now));
        Assert.Equal(0, alert.Level);
        Assert.Empty(AlertPlanner.Plan(cluster, [alert], [Condition(AlertSeverity.Warning)], _ => true, Now.AddHours(2)));
        alert = alert with { Notices = [alert.Notices[0] with { Deliveries = [alert.Notices[0].Deliveries[0] with { Delivered = Now }] }] };
        Assert.Empty(AlertPlanner.Plan(cluster, [alert], [Condition(AlertSeverity.Warning)], _ => true, Now.AddMinutes(59)));
        Assert.Equal(AlertNoticeKind.Repeated, Assert.Single(AlertPlanner.Plan(cluster, [alert], [Condition(AlertSeverity.Warning)],
            _ => true, Now.AddHours(1))).Notices[^1].Kind);
    }

    [Fact]
    public void A_channel_that_is_new_or_renamed_is_told_what_is_open_and_only_once()
    {
        Alert alert = Assert.Single(Plan([], 0));
        AlertChannel all = Trial.Cluster.Alerts!.Channels[0];
        ClusterDefinition cluster = Trial.Cluster with
        {
            Alerts = new ClusterAlerts { Channels = [all with { Name = "ALL" }, all with { Name = "other" }] },
        };
        alert = Assert.Single(AlertPlanner.Plan(cluster, [alert], [Condition(AlertSeverity.Warning)], _ => true, Now.AddMinutes(1)));
        Assert.Equal(["all", "other"], Assert.Single(alert.Notices).Deliveries.Select(d => d.Channel));
        Assert.Empty(AlertPlanner.Plan(cluster, [alert], [Condition(AlertSeverity.Warning)], _ => true, Now.AddMinutes(2)));
    }

    [Fact]
    public void An_alert_from_a_clock_that_was_ahead_climbs_from_now_on()
    {
        Alert alert = Assert.Single(Plan(Plan([], 100_000), 0));
        Assert.Equal(Now, alert.Opened);
        Assert.Equal(2, Assert.Single(Plan([alert], 30)).Level);
    }

    [Fact]
    public void One_channel_that_does_not_answer_keeps_no_other_from_being_reminded()
    {
        AlertChannel all = Trial.Cluster.Alerts!.Channels[0];
        ClusterDefinition cluster = Trial.Cluster with
        {
            Escalation = [],
            Alerts = new ClusterAlerts { Channels = [all, all with { Name = "dead" }], Repeat = TimeSpan.FromHours(1) },
        };
        Alert alert = Assert.Single(AlertPlanner.Plan(cluster, [], [Condition(AlertSeverity.Warning)], _ => true, Now));
        alert = alert with
        {
            Notices = [alert.Notices[0] with { Deliveries = [alert.Notices[0].Deliveries[0] with { Delivered = Now },
            alert.Notices[0].Deliveries[1]] }]
        };
        alert = Assert.Single(AlertPlanner.Plan(cluster, [alert], [Condition(AlertSeverity.Warning)], _ => true, Now.AddHours(1)));
        Assert.Equal(["all"], alert.Notices[1].Deliveries.Select(d => d.Channel));
    }

    [Fact]
    public void What_a_store_or_a_file_says_moves_no_terminal()
    {
        AlertCondition hostile = Condition(AlertSeverity.Warning) with { Message = "a\u001b[2Jb" };
        Assert.Equal("a\uFFFD[2Jb", Assert.Single(AlertPlanner.Plan(Trial.Cluster, [], [hostile], _ => true, Now)).Message);
    }

    private static AlertCondition Condition(AlertSeverity severity) =>
        new(StatusPart.Nodes, "NodeUnreachable", "bern", severity, "It is gone.", "See to it.");

    private static IReadOnlyList<Alert> Plan(IReadOnlyList<Alert> alerts, int minutes, AlertSeverity severity = AlertSeverity.Warning) =>
        AlertPlanner.Plan(Trial.Cluster, alerts, [Condition(severity)], _ => true, Now.AddMinutes(minutes));
}
