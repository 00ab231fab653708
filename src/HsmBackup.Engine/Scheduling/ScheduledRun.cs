using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Handover;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Scheduling;

/// <summary>What a scheduled run needs.</summary>
public sealed record ScheduledRunRequest
{
    /// <summary>The cluster, with its schedule.</summary>
    public required ClusterDefinition Cluster { get; init; }

    /// <summary>Fetches the PIN of a node.</summary>
    public required Func<ClusterNode, Pin?> OpenPin { get; init; }

    /// <summary>Opens a store of the cluster; the run disposes it.</summary>
    public required Func<ClusterStore, IBackupStore> OpenStore { get; init; }

    /// <summary>What is told of the run when it has ended: metrics, alerts.</summary>
    public IReadOnlyList<Action<BackupRun>> AfterRun { get; init; } = [];

    /// <summary>Whoever can reach vaults; null where nobody can.</summary>
    public IKeyVault? Vault { get; init; }

    /// <summary>The audit log that the header of the backup vouches for; null for none.</summary>
    public AuditLog? Audit { get; init; }

    /// <summary>Run only what was missed or is due.</summary>
    public bool IfDue { get; init; }

    /// <summary>
    /// Why no backup may be made: the run fails with it, which is on record and told as any other failure; null where nothing is in its
    /// way.
    /// </summary>
    public HsmBackupException? Obstacle { get; init; }

    /// <summary>The state folder; null for that of this account.</summary>
    public string? StateFolder { get; init; }

    /// <summary>The clock, with the time zone of the computer.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>
/// A run of a schedule: back up to the stores, the key to where it waits; let retention go over them; leave a record. One at a time for a
/// cluster, and what goes wrong on the way is in the record, whatever it is.
/// </summary>
public static class ScheduledRun
{
    /// <summary>Makes the run.</summary>
    /// <returns>Its record. What went wrong is in it, and thrown by nobody.</returns>
    /// <exception cref="HsmBackupException">
    /// ScheduleNotFound; Busy: another run is under way; DestinationUnwritable, DiskFull: of the state folder, in which no record could be
    /// left.
    /// </exception>
    public static BackupRun Run(ScheduledRunRequest request, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        ClusterDefinition cluster = request.Cluster;
        ClusterSchedule schedule = cluster.Schedule ?? throw NoSchedule(cluster);
        var times = new ScheduleTimes(schedule, request.Clock.LocalTimeZone);
        RunRecords records = RunRecords.Of(request.StateFolder, cluster.Id);
        DateTimeOffset now = request.Clock.GetUtcNow();
        using IDisposable held = records.Lock(cluster.Name, now);
        var run = new BackupRun
        {
            Id = RunRecords.NewId(now),
            Cluster = cluster.Name,
            ClusterId = cluster.Id,
            Node = (schedule.Node is null ? cluster.Nodes[0] : cluster.Node(schedule.Node)).Name,
            Started = now,
            Result = RunResult.Running,
            NextDue = times.NextDue(now),
        };
        if (request.IfDue && !times.IsDue(records.LastServed(now), now))
        {
            return run with { Result = RunResult.Skipped, Ended = now };
        }
        records.Write(run);
        run = Finish(BackUpAndRetain(run, request, progress, cancellationToken), request);
        records.Write(run);
        return Tell(run, request, records);
    }

    /// <summary>The error of a cluster that has no schedule.</summary>
    public static HsmBackupException NoSchedule(ClusterDefinition cluster)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        return new HsmBackupException(ErrorCode.ScheduleNotFound,
            $"The definition of cluster '{cluster.Name}' has no schedule.", "Register one with Register-HsmBackupSchedule.")
        { Target = cluster.Name };
    }

    private static BackupRun BackUpAndRetain(BackupRun run, ScheduledRunRequest request, IProgress<OperationProgress>? progress,
        CancellationToken cancellationToken)
    {
        var stores = new List<IBackupStore>();
        try
        {
            if (request.Obstacle is { } obstacle)
            {
                throw obstacle;
            }
            run = OpenStores(run, request, stores);
            run = BackUp(run, request, [.. stores.Where(s => IsWanted(request.Cluster, s.Name))], progress, cancellationToken);
            // Only after a backup: while none come to be, none are given up.
            run = run with { Retention = ScheduledRetention.Apply(request, stores, cancellationToken) };
            return run.Retention.Problem is { } problem ? Fail(run, ErrorCode.RunFailed, problem) : run;
        }
        catch (OperationCanceledException)
        {
            return run with { Result = RunResult.Interrupted, ErrorCode = ErrorCode.Cancelled, Error = "The run was stopped." };
        }
        catch (HsmBackupException e) when (e.Code == ErrorCode.Cancelled)
        {
            return run with { Result = RunResult.Interrupted, ErrorCode = e.Code, Error = e.Message };
        }
#pragma warning disable CA1031 // Whatever it is, nobody else is there to be told: the record must say it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return Fail(run, CodeOf(e), e is HsmBackupException own ? $"{own.Message} {own.RecommendedAction}" : e.Message);
        }
        finally
        {
            stores.ForEach(s => s.Dispose());
        }
    }

    // All stores, because retention must see every copy that there is. One that cannot even be opened fails its copy and no other.
    private static BackupRun OpenStores(BackupRun run, ScheduledRunRequest request, List<IBackupStore> stores)
    {
        foreach (ClusterStore store in request.Cluster.Stores)
        {
            try
            {
                stores.Add(request.OpenStore(store));
            }
            catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
            {
                run = IsWanted(request.Cluster, store.Name)
                    ? Fail(run with { Copies = [.. run.Copies, new RunCopy(store.Name, CopyOutcome.Failed, e.Message)] }, e.Code,
                        $"{store.Name}: {e.Message}")
                    : run;
            }
        }
        return stores.Exists(s => IsWanted(request.Cluster, s.Name)) ? run
            : throw new HsmBackupException(run.ErrorCode ?? ErrorCode.ScheduleInvalid,
            run.Error ?? $"The cluster '{run.Cluster}' has no store that a scheduled backup could go to.",
            "Add stores to its definition, or see to those that it has.");
    }

    private static bool IsWanted(ClusterDefinition cluster, string store) => cluster.Schedule!.Stores.Count == 0
        || cluster.Schedule.Stores.Contains(store);

    private static BackupRun BackUp(BackupRun run, ScheduledRunRequest request, IReadOnlyList<IBackupStore> stores,
        IProgress<OperationProgress>? progress,
        CancellationToken cancellationToken)
    {
        ClusterDefinition cluster = request.Cluster;
        ClusterNode node = cluster.Node(run.Node);
        using UnattendedHandover handover = UnattendedHandover.Of(cluster,
            WaitingKeys.Of(cluster, request.StateFolder, request.Vault, request.Clock));
        using Pin? pin = request.OpenPin(node);
        BackupResult result = BackupOperation.Run(new BackupRequest
        {
            Token = node.Address,
            Pin = pin,
            Cluster = cluster.ForBackup(node),
            Mode = cluster.ClusterKey is null ? BackupMode.OneTimeKey : BackupMode.ClusterBound,
            Stores = stores,
            Handover = handover,
            KeyFreeFolders = cluster.StoreFolders(),
            Audit = request.Audit,
            StateFolder = request.StateFolder,
            Clock = request.Clock,
        }, progress, cancellationToken);
        IReadOnlyList<TestRecord> tests = result.ToTestRecords();
        TestRecords.Add(request.StateFolder, tests);
        run = run with
        {
            BackupId = result.Id.ToString(),
            Copies = [.. run.Copies, .. result.Copies.Select(c => new RunCopy(c.Store, c.Outcome, c.Error?.Message))],
            Verified = tests.Count,
        };
        return result.Copies.FirstOrDefault(c => !c.IsThere) is { Error: { } error } failed
            ? Fail(run, ErrorCode.CopyFailed, $"{failed.Store}: {error.Message}") : run;
    }

    private static BackupRun Finish(BackupRun run, ScheduledRunRequest request) => run with
    {
        Result = run.Result == RunResult.Running ? run.ErrorCode is null ? RunResult.Succeeded : RunResult.Failed : run.Result,
        Ended = request.Clock.GetUtcNow(),
    };

    private static BackupRun Tell(BackupRun run, ScheduledRunRequest request, RunRecords records)
    {
        foreach (Action<BackupRun> told in request.AfterRun)
        {
            try
            {
                told(run);
            }
#pragma warning disable CA1031 // The backup is made; what comes after it fails the run, and nothing else that comes after it.
            catch (Exception e)
#pragma warning restore CA1031
            {
                run = Fail(run, CodeOf(e), e.Message) with { Result = run.Result == RunResult.Succeeded ? RunResult.Failed : run.Result };
                run = TryWrite(run, records);
            }
        }
        return run;
    }

    // On a full disk the others are to be told all the same.
    private static BackupRun TryWrite(BackupRun run, RunRecords records)
    {
        try
        {
            records.Write(run);
            return run;
        }
        catch (Exception e) when (e is HsmBackupException || FileErrors.Covers(e))
        {
            return Fail(run, CodeOf(e), e.Message);
        }
    }

    private static ErrorCode CodeOf(Exception error) => error switch
    {
        HsmBackupException own => own.Code,
        Pkcs11Exception => ErrorCode.TokenError,
        _ => ErrorCode.RunFailed,
    };

    // What went wrong first is what the run is known by.
    // But that somebody could not be told must not hide what people are to be told the next time.
    private static BackupRun Fail(BackupRun run, ErrorCode code, string error) => run with
    {
        ErrorCode = run.ErrorCode is null or ErrorCode.AlertUndelivered ? code : run.ErrorCode,
        Error = run.Error is null ? error : run.Error.Contains(error, StringComparison.Ordinal) ? run.Error : $"{run.Error} {error}",
        PinRefused = run.PinRefused || code is ErrorCode.PinIncorrect or ErrorCode.PinLocked,
    };
}
