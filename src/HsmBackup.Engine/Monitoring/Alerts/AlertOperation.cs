using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Monitoring.Status;

namespace HsmBackup.Engine.Monitoring.Alerts;

/// <summary>
/// The alerts of a cluster: what is wrong is written down first (<see cref="Evaluate"/>, <see cref="Raise"/>), and sent after
/// (<see cref="Deliver"/>), now or when it can be.
/// </summary>
public sealed class AlertOperation
{
    private const string OwnKey = "own:";
    private const string TestKey = "test:";

    private readonly AlertRequest _request;
    private readonly AlertOutbox _outbox;

    /// <summary>The alerts of a cluster. Nothing is read or made yet.</summary>
    public AlertOperation(AlertRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        _request = request;
        _outbox = AlertOutbox.Of(request.StateFolder, request.Cluster.Id);
    }

    private ClusterDefinition Cluster => _request.Cluster;

    private DateTimeOffset Now => _request.Clock.GetUtcNow();

    /// <summary>Tells what would be new or changed, and changes nothing.</summary>
    /// <param name="status">What is known of the cluster.</param>
    public IReadOnlyList<Alert> Plan(ClusterStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        return AlertPlanner.Plan(Cluster, _outbox.List(), AlertConditions.Of(status), a => AlertEvidence.IsOver(status, a), Now);
    }

    /// <summary>Opens what is newly wrong, resolves what is over, and has the rest climb the escalation. Nobody is told yet.</summary>
    /// <param name="status">What is known of the cluster.</param>
    /// <returns>The alerts that are new or changed.</returns>
    /// <exception cref="HsmBackupException">Busy, DestinationUnwritable, DiskFull.</exception>
    public IReadOnlyList<Alert> Evaluate(ClusterStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        IReadOnlyList<AlertCondition> wrong = AlertConditions.Of(status);
        return _outbox.Update(all => AlertPlanner.Plan(Cluster, all, wrong, a => AlertEvidence.IsOver(status, a), Now), Now);
    }

    /// <summary>Opens an alert of somebody's own. While one of the name is open, there is no second one.</summary>
    /// <param name="name">What is wrong, as one word.</param>
    /// <param name="severity">How bad it is.</param>
    /// <param name="message">What is wrong, in a sentence.</param>
    /// <exception cref="HsmBackupException">InvalidArgument, Busy, DestinationUnwritable, DiskFull.</exception>
    public Alert Raise(string name, AlertSeverity severity, string message)
    {
        CheckName(name);
        DateTimeOffset now = Now;
        return _outbox.Update(all => all.FirstOrDefault(a => a.IsOpen && a.Key == OwnKey + name) is { } open
            ? [AlertPlanner.Renew(Cluster, open, severity, message, null, now)]
            : [AlertPlanner.Open(Cluster, OwnKey + name, name, severity, message, null, null, now)], now)[0];
    }

    /// <summary>An alert of somebody's own is over.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>Null where none is open.</returns>
    /// <exception cref="HsmBackupException">InvalidArgument, Busy, DestinationUnwritable, DiskFull.</exception>
    public Alert? Resolve(string name)
    {
        CheckName(name);
        DateTimeOffset now = Now;
        return _outbox.Update(all => [.. all.Where(a => a.IsOpen && a.Key == OwnKey + name)
            .Select(a => AlertPlanner.Resolve(Cluster, a, now))], now) is [Alert alert, ..] ? alert : null;
    }

    /// <summary>
    /// Writes a notice that says that nothing is wrong, for every channel but the heartbeats: a call there says that a run went well.
    /// </summary>
    /// <exception cref="HsmBackupException">Busy, DestinationUnwritable, DiskFull.</exception>
    public Alert Test()
    {
        DateTimeOffset now = Now;
        string id = AlertOutbox.NewId(now);
        int level = AlertPlanner.LevelAfter(Cluster, TimeSpan.Zero);
        var alert = new Alert
        {
            Id = id,
            Cluster = Cluster.Name,
            ClusterId = Cluster.Id,
            Key = TestKey + id,
            Name = "Test",
            Severity = AlertSeverity.Information,
            Message = "This is a test: somebody wanted to see whether alerts arrive. Nothing is wrong.",
            Opened = now,
            Resolved = now,
            Level = level,
            Contacts = AlertPlanner.ContactsOf(Cluster, 0, level),
            Notices =
            [
                new AlertNotice
                {
                    Id = AlertOutbox.NewId(now),
                    Kind = AlertNoticeKind.Test,
                    Level = level,
                    Contacts = AlertPlanner.ContactsOf(Cluster, 0, level),
                    Created = now,
                    Deliveries = [.. (Cluster.Alerts?.Channels ?? []).Where(c => c.Kind != AlertChannelKind.Heartbeat)
                        .Select(c => new AlertDelivery { Channel = c.Name })],
                },
            ],
        };
        return _outbox.Update(_ => [alert], now)[0];
    }

    /// <summary>Sends what is to be sent, on all channels, the oldest first.</summary>
    /// <param name="cancellationToken">Stops it. What was sent by then is on record.</param>
    /// <returns>What could not be sent now.</returns>
    /// <exception cref="HsmBackupException">Busy: somebody else delivers; DestinationUnwritable, DiskFull.</exception>
    public IReadOnlyList<AlertFailure> Deliver(CancellationToken cancellationToken) => new AlertDispatch(_request, _outbox)
        .Run(cancellationToken);

    /// <summary>Calls the addresses that are called when all went well.</summary>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>Those that did not answer. Nothing of it is kept: a heartbeat that comes late says nothing.</returns>
    public IReadOnlyList<AlertFailure> Beat(CancellationToken cancellationToken) => new AlertDispatch(_request, _outbox)
        .Beat(cancellationToken);

    private static void CheckName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!DefinitionTypes.IsName(name))
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument,
                "The name of an alert is 1 to 64 ASCII letters, digits, dots, hyphens and underscores.",
                "Name it by one word, such as RoomTooWarm, and say the rest in the message.")
            { Target = name };
        }
    }
}
