using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Monitoring.Alerts;
using HsmBackup.Engine.Monitoring.Metrics;
using HsmBackup.Engine.Monitoring.Status;
using HsmBackup.Engine.Scheduling;

namespace HsmBackup.Engine.Monitoring;

/// <summary>
/// What happens after a scheduled run: metrics are written; alerts are written down and sent, of what failed there too; and where all went
/// well, and everybody was told what they had to be told, the heartbeat is sent. Whoever waits for that hears of everything else by its
/// absence.
/// </summary>
public sealed class AfterRun
{
    private static readonly TimeSpan LongestAfterStop = TimeSpan.FromMinutes(1);

    private readonly ClusterStatusRequest _look;
    private readonly AlertRequest _alerts;
    private readonly CancellationToken _stop;
    private ClusterStatus? _status;

    private AfterRun(ClusterStatusRequest look, AlertRequest alerts, CancellationToken stop)
    {
        _look = look;
        _alerts = alerts;
        _stop = stop;
    }

    private ClusterDefinition Cluster => _look.Cluster;

    private AlertOperation Operation => new(_alerts);

    /// <summary>What is to be told of a run, in its order; nothing where the definition names neither metrics nor alerts.</summary>
    /// <param name="look">How the cluster is looked at.</param>
    /// <param name="alerts">How alerts go out.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static IReadOnlyList<Action<BackupRun>> Of(ClusterStatusRequest look, AlertRequest alerts, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(look);
        ArgumentNullException.ThrowIfNull(alerts);
        var after = new AfterRun(look, alerts, cancellationToken);
        var steps = new List<Action<BackupRun>>();
        if (look.Cluster.Metrics is not null)
        {
            steps.Add(run => after.Tell(run, after.WriteMetrics));
        }
        if (look.Cluster.Alerts is not null)
        {
            steps.Add(run => after.Tell(run, after.SendAlerts));
        }
        if (look.Cluster.Metrics is not null && look.Cluster.Alerts is not null)
        {
            // Once more, with what the alerts have become.
            steps.Add(run => after.Tell(run, after.WriteMetrics));
        }
        if (look.Cluster.Alerts is not null)
        {
            steps.Add(run => after.Tell(run, after.SendHeartbeat));
        }
        return steps;
    }

    /// <summary>The error of what could not be delivered.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="failures">At least one.</param>
    public static HsmBackupException Undelivered(ClusterDefinition cluster, IReadOnlyList<AlertFailure> failures)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        ArgumentNullException.ThrowIfNull(failures);
        return new HsmBackupException(ErrorCode.AlertUndelivered,
            $"Not everybody could be told of cluster '{cluster.Name}': {string.Join("; ", failures.DistinctBy(f => (f.Channel, f.Reason)))}.",
            "See to the channel. What was not delivered is kept; Send-HsmAlert tries again.")
        {
            Target = failures[0].Channel,
        };
    }

    // Whoever stopped the run did not mean that nobody should hear of it.
    private void Tell(BackupRun run, Action<BackupRun, CancellationToken> step)
    {
        using var own = new CancellationTokenSource(LongestAfterStop);
        step(run, run.Result == RunResult.Interrupted ? own.Token : _stop);
    }

    private void SendAlerts(BackupRun run, CancellationToken stop)
    {
        _ = Operation.Evaluate(Look(run, stop));
        Check(Deliver(stop));
    }

    // Nodes and stores are not looked at twice; what became of this run, and of alerts, is read anew.
    private ClusterStatus Look(BackupRun run, CancellationToken stop) => _status = _status is null
        // A PIN that the run was refused with is not tried again: that could lock the token.
        ? ClusterStatus.Read(run.PinRefused ? _look with { OpenPin = null } : _look, stop)
        : _status with
        {
            Runs = RunRecords.Of(_look.StateFolder, Cluster.Id).List(),
            Alerts = AlertOutbox.Of(_look.StateFolder, Cluster.Id).ListUnfinished(),
        };

    // Somebody else who delivers just now is no failure of the backup; what he does not take with him is kept.
    private IReadOnlyList<AlertFailure> Deliver(CancellationToken stop)
    {
        try
        {
            return Operation.Deliver(stop);
        }
        catch (HsmBackupException e) when (e.Code == ErrorCode.Busy)
        {
            return [new AlertFailure("all", null, e.Message)];
        }
    }

    private void WriteMetrics(BackupRun run, CancellationToken stop) => MetricFile.Write(Cluster.Metrics!.Path, Look(run, stop));

    private void SendHeartbeat(BackupRun run, CancellationToken stop)
    {
        // Where something could not be looked at, nobody can say that all is well.
        if (run.Result == RunResult.Succeeded && _status is { } status && status.Unknown.Values.All(why => why is null))
        {
            Check(Operation.Beat(stop));
        }
    }

    private void Check(IReadOnlyList<AlertFailure> failures)
    {
        if (failures.Count > 0)
        {
            throw Undelivered(Cluster, failures);
        }
    }
}
