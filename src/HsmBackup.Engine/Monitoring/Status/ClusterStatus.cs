using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Monitoring.Alerts;
using HsmBackup.Engine.Reporting;
using HsmBackup.Engine.Scheduling;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Monitoring.Status;

/// <summary>A part of what is looked at. Each can fail without the others.</summary>
public enum StatusPart
{
    /// <summary>The records of scheduled runs.</summary>
    Runs,

    /// <summary>The stores themselves.</summary>
    Stores,

    /// <summary>The backups in the stores. Not known while a store is away that should be there.</summary>
    Backups,

    /// <summary>The nodes.</summary>
    Nodes,

    /// <summary>The records of drills.</summary>
    Drills,

    /// <summary>One-time keys that wait.</summary>
    Keys,

    /// <summary>The audit log.</summary>
    Audit,

    /// <summary>The runbook.</summary>
    Runbook,

    /// <summary>The alerts that are open.</summary>
    Alerts,
}

/// <summary>When backups were and are due.</summary>
/// <param name="LastDue">The last time that was due, an hour ago or longer.</param>
/// <param name="NextDue">The next time that is due.</param>
/// <param name="IsMissed">Whether no run was made since that last time.</param>
public sealed record ScheduleStatus(DateTimeOffset LastDue, DateTimeOffset NextDue, bool IsMissed);

/// <summary>How a store is.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Error">Why it could not be looked into; null where it could.</param>
/// <param name="Copies">How many copies are in it in each state; empty where it could not be looked into.</param>
public sealed record StoreStatus(string Name, StoreKind Kind, HsmBackupException? Error, IReadOnlyDictionary<CopyState, int> Copies)
{
    /// <summary>Whether it is a medium that is put away, which is no fault.</summary>
    public bool IsAway => Kind == StoreKind.Offline && Error?.Code == ErrorCode.StoreUnmounted;
}

/// <summary>What is known of a cluster at one moment: metrics and alerts are made from this and from nothing else.</summary>
public sealed record ClusterStatus
{
    /// <summary>The cluster.</summary>
    public required ClusterDefinition Cluster { get; init; }

    /// <summary>When it was looked at, in UTC.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>What could not be looked at, with the reason; null where it was not asked for.</summary>
    public IReadOnlyDictionary<StatusPart, string?> Unknown { get; init; } = new Dictionary<StatusPart, string?>();

    /// <summary>The scheduled runs on record, the oldest first.</summary>
    public IReadOnlyList<BackupRun> Runs { get; init; } = [];

    /// <summary>The schedule; null where there is none.</summary>
    public ScheduleStatus? Schedule { get; init; }

    /// <summary>The stores, as the definition names them.</summary>
    public IReadOnlyList<StoreStatus> Stores { get; init; } = [];

    /// <summary>The cluster's backups in the stores that could be looked into, the oldest first.</summary>
    public IReadOnlyList<BackupInfo> Backups { get; init; } = [];

    /// <summary>The nodes; empty where nobody looked.</summary>
    public IReadOnlyList<NodeHealth> Nodes { get; init; } = [];

    /// <summary>
    /// The drills that count, the oldest first: signed ones where the cluster has an identity key, else those that were not changed.
    /// </summary>
    public IReadOnlyList<DrillReport> Drills { get; init; } = [];

    /// <summary>Records of drills that were changed, or are not signed and should be.</summary>
    public IReadOnlyList<DrillRecord> DoubtfulDrills { get; init; } = [];

    /// <summary>One-time keys that wait, the oldest first.</summary>
    public IReadOnlyList<WaitingKey> WaitingKeys { get; init; } = [];

    /// <summary>The audit log; null where none is kept.</summary>
    public AuditTestResult? Audit { get; init; }

    /// <summary>The runbook; null where it is not known.</summary>
    public RunbookState? Runbook { get; init; }

    /// <summary>The alerts that are open, or of which not everybody has been told yet.</summary>
    public IReadOnlyList<Alert> Alerts { get; init; } = [];

    /// <summary>Files that should hold alerts and cannot be read.</summary>
    public IReadOnlyList<string> DamagedAlerts { get; init; } = [];

    /// <summary>The runs that do not claim to be of the future: one that did would stay the last one for ever.</summary>
    public IEnumerable<BackupRun> PastRuns => Runs.Where(r => IsPast(r.Started));

    /// <summary>The last run that has ended; null where there is none.</summary>
    public BackupRun? LastRun => PastRuns.LastOrDefault(r => r.Result is RunResult.Succeeded or RunResult.Failed or RunResult.Interrupted);

    /// <summary>The newest backup that does not claim to be of the future; null where there is none.</summary>
    public BackupInfo? NewestBackup => Backups.Where(b => IsPast(b.Created)).MaxBy(b => b.Created);

    /// <summary>How many copies of the newest backup are as they should be.</summary>
    internal int GoodCopies => NewestBackup?.Copies.Count(c => c.State == CopyState.Present && !c.Pending) ?? 0;

    /// <summary>Whether the copies that the newest backup lacks may be on media that are put away.</summary>
    internal bool MayHaveMoreCopies => GoodCopies is var there && there < Cluster.RetentionPolicy.MinimumCopies
        && there + Stores.Count(s => s.IsAway) >= Cluster.RetentionPolicy.MinimumCopies;

    /// <summary>The newest backup that is known to restore; null where there is none.</summary>
    public BackupInfo? NewestRestorable => Backups.Where(b => b.Restorable && IsPast(b.Created)).MaxBy(b => b.Created);

    /// <summary>The newest test of any backup that proves it; null where there is none.</summary>
    public TestRecord? LastVerification => Backups.Select(b => b.Proof).OfType<TestRecord>().Where(p => IsPast(p.Tested))
        .MaxBy(p => p.Tested);

    /// <summary>The last drill of each scenario that came to its end: one that was stopped says nothing about a recovery.</summary>
    public IEnumerable<DrillReport> LastDrills => Drills.Where(d => d.Result != DrillResult.Interrupted && IsPast(d.Started))
        .GroupBy(d => d.Scenario).OrderBy(g => g.Key).Select(g => g.Last());

    /// <summary>The last drill that passed; null where none did.</summary>
    public DrillReport? LastPassedDrill => Drills.LastOrDefault(d => d.Result == DrillResult.Passed && IsPast(d.Started));

    /// <summary>How well a recovery is prepared; null where nobody looked at the drills.</summary>
    public RecoveryPreparation? Preparation => !Knows(StatusPart.Drills) ? null : new RecoveryPreparation
    {
        LastDrill = LastPassedDrill?.Started,
        RunbookProblem = Runbook is { IsReliable: false } ? Runbook.Problem : null,
    };

    /// <summary>Whether a part was looked at.</summary>
    public bool Knows(StatusPart part) => !Unknown.ContainsKey(part);

    // Clocks differ a little.
    private bool IsPast(DateTimeOffset at) => at <= Time.AddMinutes(5);

    /// <summary>How long ago something was.</summary>
    public TimeSpan AgeOf(DateTimeOffset at) => Time - at;

    /// <summary>Looks at the drills and the runbook alone.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="stateFolder">The state folder; null for that of this account.</param>
    /// <exception cref="HsmBackupException">DestinationUnwritable: the records cannot be read.</exception>
    public static RecoveryPreparation? ReadPreparation(ClusterDefinition cluster, string? stateFolder) =>
        StatusReading.ReadPreparation(cluster, stateFolder);

    /// <summary>
    /// Looks at a cluster. What cannot be looked at is named in <see cref="Unknown"/>, and the rest is looked at all the same.
    /// </summary>
    /// <param name="request">What, and how.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HsmBackupException">Cancelled.</exception>
    public static ClusterStatus Read(ClusterStatusRequest request, CancellationToken cancellationToken) => new StatusReading(request)
        .Read(cancellationToken);
}
