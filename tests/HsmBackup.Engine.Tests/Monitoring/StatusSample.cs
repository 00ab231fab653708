using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Monitoring.Alerts;
using HsmBackup.Engine.Monitoring.Status;
using HsmBackup.Engine.Reporting;
using HsmBackup.Engine.Scheduling;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Clusters.Definitions;

namespace HsmBackup.Engine.Tests.Monitoring;

/// <summary>A cluster with which all is well, and of which everything is known.</summary>
internal static class StatusSample
{
    public static readonly DateTimeOffset Now = new(2026, 11, 22, 12, 0, 0, TimeSpan.Zero);

    public static ClusterDefinition Cluster { get; } = TestDefinition.Read(TestDefinition.Full().ToJsonString());

    public static ClusterStatus Well => new()
    {
        Cluster = Cluster,
        Time = Now,
        Runs = [Run],
        Schedule = new ScheduleStatus(Now.AddHours(-9), Now.AddHours(15), IsMissed: false),
        Stores = [.. Cluster.Stores.Select(s => new StoreStatus(s.Name, s.Kind, null, new Dictionary<CopyState,
            int> { [CopyState.Present] = 1 }))],
        Backups = [Backup],
        Nodes = [.. Cluster.Nodes.Select(n => Node(n.Name))],
        Drills = [Drill],
        WaitingKeys = [new WaitingKey { BackupId = Backup.BackupId, Since = Backup.Created, Age = Now - Backup.Created }],
        Audit = new AuditTestResult
        {
            Entries = 12,
            Files = 1,
            Checkpoints = 1,
            VerifiedCheckpoints = 1,
            Confirmed = 12,
            Facts = 1,
            Findings = []
        },
        Runbook = new RunbookState { Cluster = Cluster.Name, Status = RunbookStatus.Current },
    };

    public static BackupRun Run => new()
    {
        Id = "20261122T023000Z-00000001",
        Cluster = Cluster.Name,
        ClusterId = Cluster.Id,
        Node = Cluster.Nodes[0].Name,
        Started = Now.AddHours(-9.5),
        Ended = Now.AddHours(-9.5).AddSeconds(12.5),
        Result = RunResult.Succeeded,
        BackupId = "20261122T023000Z-payments-0000abcd",
        Retention = new RunRetention { Kept = 4 },
    };

    public static BackupInfo Backup => new()
    {
        BackupId = "20261122T023000Z-payments-0000abcd",
        Path = "/srv/hsmbackup/20261122T023000Z-payments-0000abcd.hsmbackup",
        Created = Now.AddHours(-9.5),
        ClusterName = Cluster.Name,
        ClusterId = Cluster.Id,
        Mode = BackupMode.ClusterBound,
        Objects = 8,
        Captured = 8,
        Complete = true,
        Verdicts = new VerdictCounts(8, 0, 0, 0, 0),
        RetentionClass = RetentionClass.Online,
        Length = 54321,
        KeyCheck = new string('0', 32),
        Binding = new string('1', 64),
        LastTest = Proof,
        Proof = Proof,
        Copies = [.. Cluster.Stores.Select(s => new BackupCopy
        {
            Store = s.Name,
            Kind = s.Kind,
            RetentionClass = RetentionClass.Online,
            FileName = "20261122T023000Z-payments-0000abcd.hsmbackup",
            Location = $"{s.Location}/20261122T023000Z-payments-0000abcd.hsmbackup",
            IsLocal = s.Kind != StoreKind.WebDav,
            Length = 54321,
            Modified = Now.AddHours(-9.5),
            State = CopyState.Present,
        })],
    };

    public static TestRecord Proof => new()
    {
        BackupId = "20261122T023000Z-payments-0000abcd",
        ClusterId = Cluster.Id,
        Location = "/srv/hsmbackup/20261122T023000Z-payments-0000abcd.hsmbackup",
        Level = TestLevel.Content,
        Passed = true,
        Tested = Now.AddHours(-9),
        By = "backup@host",
    };

    public static DrillReport Drill => new()
    {
        Id = "20261101T090000Z-00000001",
        Cluster = Cluster.Name,
        ClusterId = Cluster.Id,
        Scenario = DrillScenario.ClusterLoss,
        Result = DrillResult.Passed,
        Started = Now.AddDays(-21),
        Ended = Now.AddDays(-21).AddMinutes(5),
        Measures = new DrillMeasures
        {
            RecoveryTime = TimeSpan.FromSeconds(95.25),
            RecoveryPoint = TimeSpan.FromHours(6),
            KeysExpected = 8,
            KeysRecovered = 8,
            KeysProven = 8,
            KeysUsed = 7,
            KeysSkipped = 1,
            RecoveryTimeTarget = TimeSpan.FromHours(4),
        },
        Environment = new DrillEnvironment
        {
            Computer = "host",
            User = "backup",
            OperatingSystem = "Debian",
            ToolVersion = "1.0",
            SoftwareTargets = true
        },
    };

    public static NodeHealth Node(string name, HealthState state = HealthState.Online, HealthState cluster = HealthState.Online) => new()
    {
        Cluster = Cluster.Name,
        Node = name,
        Zone = "ZH-1",
        State = state,
        Reason = state == HealthState.Online ? "" : "somebody said so",
        Elapsed = TimeSpan.FromMilliseconds(40),
        Latency = TimeSpan.FromMilliseconds(1.5),
        Objects = 8,
        HasClusterKey = true,
        LoggedIn = true,
        SeesPrivate = true,
        TokenLabel = name,
        Drift = state == HealthState.OutOfSync ? [new DriftItem(DriftKind.Missing,
            new ObjectSummary(0, "CKO_SECRET_KEY", "CKK_AES", "aes", "03", Engine.Tokens.Verdict.Captured, null), [])] : [],
        ClusterState = cluster,
        ClusterReason = "",
    };

    public static Alert OpenAlert => AlertPlanner.Open(Cluster, "StoreDown:remote", "StoreDown",
        Engine.Clusters.Definitions.AlertSeverity.Warning,
        "The store is down.", "See to it.", StatusPart.Stores, Now);
}
