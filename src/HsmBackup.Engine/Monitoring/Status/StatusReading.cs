using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Handover;
using HsmBackup.Engine.Monitoring.Alerts;
using HsmBackup.Engine.Reporting;
using HsmBackup.Engine.Scheduling;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Monitoring.Status;

/// <summary>Looks at the parts of a cluster, one after the other.</summary>
internal sealed class StatusReading(ClusterStatusRequest request)
{
    // Schedulers start runs a little late, and a run takes its time.
    private static readonly TimeSpan Grace = TimeSpan.FromHours(1);

    private readonly ClusterDefinition _cluster = request.Cluster;
    private readonly DateTimeOffset _now = request.Clock.GetUtcNow();
    private readonly Dictionary<StatusPart, string?> _unknown = [];

    public ClusterStatus Read(CancellationToken cancellationToken)
    {
        var status = new ClusterStatus { Cluster = _cluster, Time = _now, Unknown = _unknown };
        status = Try(StatusPart.Runs, status, ReadRuns);
        status = Try(StatusPart.Backups, status, s => ReadBackups(s, cancellationToken));
        status = Try(StatusPart.Keys, status, s => s with
        {
            WaitingKeys = WaitingKeys.Of(_cluster, request.StateFolder, null, request.Clock).List(),
        });
        status = Try(StatusPart.Drills, status, s => ReadDrills(s, request.StateFolder));
        status = Try(StatusPart.Runbook, status, s => s with { Runbook = RunbookRecords.StateOf(request.StateFolder, _cluster) });
        status = Try(StatusPart.Audit, status, s => ReadAudit(s, cancellationToken));
        status = Try(StatusPart.Alerts, status, ReadAlerts);
        return Try(StatusPart.Nodes, status, s => ReadNodes(s, cancellationToken));
    }

    private ClusterStatus Try(StatusPart part, ClusterStatus status, Func<ClusterStatus, ClusterStatus> read)
    {
        try
        {
            return read(status);
        }
        catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
        {
            _unknown[part] = e.Message;
            if (part == StatusPart.Backups)
            {
                // Nobody can say what is in the stores either.
                _unknown[StatusPart.Stores] = e.Message;
            }
            return status;
        }
    }

    private ClusterStatus ReadRuns(ClusterStatus status)
    {
        RunRecords records = RunRecords.Of(request.StateFolder, _cluster.Id);
        status = status with { Runs = records.ListSettled() };
        if (_cluster.Schedule is null)
        {
            return status;
        }
        var times = new ScheduleTimes(_cluster.Schedule, request.Clock.LocalTimeZone);
        DateTimeOffset lastDue = times.LastDue(_now - Grace);
        // A run that is under way counts, or a long one would be missed while it is made.
        DateTimeOffset? served = status.Runs.Where(r => r.Result is RunResult.Running or RunResult.Succeeded or RunResult.Failed
            && r.Started <= _now)
            .Select(r => (DateTimeOffset?)r.Started).Max() ?? DefinedSince();
        return status with { Schedule = new ScheduleStatus(lastDue, times.NextDue(_now), served is null || served < lastDue) };
    }

    // Of a schedule that is new, nothing was due before it was written.
    private DateTimeOffset? DefinedSince() =>
        _cluster.DefinitionPath is { } path && File.Exists(path) ? new DateTimeOffset(File.GetLastWriteTimeUtc(path)) : null;

    private ClusterStatus ReadBackups(ClusterStatus status, CancellationToken cancellationToken)
    {
        var opened = new List<IBackupStore>();
        var errors = new Dictionary<string, HsmBackupException>(StringComparer.Ordinal);
        try
        {
            foreach (ClusterStore store in _cluster.Stores)
            {
                try
                {
                    opened.Add(request.OpenStore(store));
                }
                catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
                {
                    errors[store.Name] = e;
                }
            }
            var catalogue = ClusterCatalogue.Read(new CatalogueRequest
            {
                Stores = opened,
                ClusterId = _cluster.Id,
                MaximumProofAge = _cluster.RetentionPolicy.MaximumVerificationAge,
                StateFolder = request.StateFolder,
                Clock = request.Clock,
            }, cancellationToken);
            foreach (MissingStore missing in catalogue.MissingStores)
            {
                errors[missing.Store] = missing.Error;
            }
            status = status with
            {
                Backups = catalogue.Backups,
                Stores = [.. _cluster.Stores.Select(s => Describe(s, errors.GetValueOrDefault(s.Name), catalogue))]
            };
        }
        finally
        {
            opened.ForEach(s => s.Dispose());
        }
        if (status.Stores.FirstOrDefault(s => s.Error is not null && !s.IsAway) is { } away)
        {
            _unknown[StatusPart.Backups] = $"The store '{away.Name}' could not be looked into.";
        }
        return status;
    }

    private static StoreStatus Describe(ClusterStore store, HsmBackupException? error, ClusterCatalogue catalogue) =>
        new(store.Name, store.Kind, error,
        catalogue.Backups.SelectMany(b => b.Copies).Where(c => c.Store == store.Name).Select(c => c.State)
            .Concat(catalogue.Unreadable.Where(u => u.Store == store.Name
                && !catalogue.Backups.Any(b => b.Copies.Any(c => c.Location == u.Location))).Select(_ => CopyState.Unreadable))
            .GroupBy(s => s).ToDictionary(g => g.Key, g => g.Count()));

    /// <summary>Drills and runbook alone.</summary>
    public static RecoveryPreparation? ReadPreparation(ClusterDefinition cluster, string? stateFolder)
    {
        var empty = new ClusterStatus { Cluster = cluster, Time = TimeProvider.System.GetUtcNow() };
        return (ReadDrills(empty, stateFolder) with { Runbook = RunbookRecords.StateOf(stateFolder, cluster) }).Preparation;
    }

    private static ClusterStatus ReadDrills(ClusterStatus status, string? stateFolder)
    {
        IReadOnlyList<DrillRecord> records = DrillRecords.Of(stateFolder, status.Cluster.Id).List(CertificateOf(status.Cluster));
        return status with
        {
            Drills = [.. records.Where(r => r.CountsFor(status.Cluster)).Select(r => r.Report!)],
            DoubtfulDrills = [.. records.Where(r => !r.CountsFor(status.Cluster))],
        };
    }

    private ClusterStatus ReadAudit(ClusterStatus status, CancellationToken cancellationToken)
    {
        try
        {
            return TestAudit(status, cancellationToken);
        }
        catch (HsmBackupException e) when (e.Code == ErrorCode.AuditDamaged)
        {
            return status with { Audit = Broken(AuditFindingKind.Changed, e.Message) };
        }
    }

    private static AuditTestResult Broken(AuditFindingKind kind, string why) => new()
    {
        Entries = 0,
        Files = 0,
        Checkpoints = 0,
        VerifiedCheckpoints = 0,
        Confirmed = 0,
        Facts = 0,
        Findings = [new AuditFinding(kind, true, null, null, null, why)],
    };

    private ClusterStatus TestAudit(ClusterStatus status, CancellationToken cancellationToken)
    {
        var log = new AuditLog(request.StateFolder, request.Clock);
        // Backups of other machines speak of other logs. Those that were made here speak of this one, or it was replaced.
        HashSet<string?> madeHere = [.. status.Runs.Select(r => r.BackupId)];
        if (log.ReadHead(cancellationToken) is not { } head)
        {
            return status.Backups.LastOrDefault(b => b.Audit is not null && madeHere.Contains(b.BackupId)) is not { } witness
                ? status : status with
                {
                    Audit = Broken(AuditFindingKind.Removed, $"there is no audit log, and the backup '{witness.BackupId}', which was made here, vouches for one"),
                };
        }
        return status with
        {
            Audit = log.Test(new AuditFacts
            {
                Signers = new Dictionary<string, ReadOnlyMemory<byte>?> { [_cluster.Id] = CertificateOf(_cluster) },
                Heads = [.. status.Backups.Where(b => b.Audit is not null && (b.Audit.Log == head.Log || madeHere.Contains(b.BackupId)))
                    .Select(b => new AuditFact($"The backup '{b.Path}'", b.Audit!))],
            }, cancellationToken),
        };
    }

    // With a plain conditional the missing certificate would become an empty one.
    private static ReadOnlyMemory<byte>? CertificateOf(ClusterDefinition cluster) =>
        cluster.IdentityCertificate is { } text ? (ReadOnlyMemory<byte>?)Convert.FromBase64String(text) : null;

    private ClusterStatus ReadAlerts(ClusterStatus status)
    {
        var outbox = AlertOutbox.Of(request.StateFolder, _cluster.Id);
        return status with { Alerts = outbox.ListUnfinished(), DamagedAlerts = outbox.ListDamaged() };
    }

    private ClusterStatus ReadNodes(ClusterStatus status, CancellationToken cancellationToken)
    {
        if (request.SkipHealth)
        {
            _unknown[StatusPart.Nodes] = null;
            return status;
        }
        return status with
        {
            Nodes = ClusterHealthOperation.Run(new ClusterHealthRequest
            {
                Cluster = _cluster,
                OpenPin = request.OpenPin,
                OnePinForAll = request.OnePinForAll,
                Backups = status.Knows(StatusPart.Backups) ? status.Backups : null,
                WaitingKeys = status.WaitingKeys,
                Preparation = status.Preparation,
                Clock = request.Clock,
            }, cancellationToken),
        };
    }
}
