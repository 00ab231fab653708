using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Monitoring.Alerts.Channels;

namespace HsmBackup.Engine.Monitoring.Alerts;

/// <summary>Sends what waits in an outbox. That a notice was delivered is on disk before the next one is sent.</summary>
internal sealed class AlertDispatch(AlertRequest request, AlertOutbox outbox)
{
    private readonly ClusterDefinition _cluster = request.Cluster;
    private readonly List<AlertFailure> _failures = [];

    private IReadOnlyList<AlertChannel> Channels => _cluster.Alerts?.Channels ?? [];

    public IReadOnlyList<AlertFailure> Run(CancellationToken cancellationToken)
    {
        if (outbox.ListUnfinished().All(a => a.Pending == 0))
        {
            return [];
        }
        using IDisposable held = outbox.LockDelivery();
        GiveUpLost();
        foreach (AlertChannel channel in Channels)
        {
            Deliver(channel, cancellationToken);
        }
        return _failures;
    }

    public IReadOnlyList<AlertFailure> Beat(CancellationToken cancellationToken)
    {
        foreach (AlertChannel channel in Channels.Where(c => c.Kind == AlertChannelKind.Heartbeat))
        {
            try
            {
                using var sender = new HeartbeatSender(channel, request.Asker);
                Repeat(() => sender.Beat(cancellationToken), cancellationToken);
            }
            catch (Exception e) when (e is AlertNotSentException or HsmBackupException { Code: not ErrorCode.Cancelled })
            {
                _failures.Add(new AlertFailure(channel.Name, null, e.Message));
            }
        }
        return _failures;
    }

    private void Deliver(AlertChannel channel, CancellationToken cancellationToken)
    {
        // What has arrived somewhere, and is only for the rest of its recipients, comes after what nobody has yet.
        Errand[] waiting = [.. outbox.List().SelectMany(a => a.Notices.SelectMany(n => n.Deliveries.Select(d => new Errand(a, n, d))))
            .Where(e => e.Delivery.IsOn(channel) && e.Delivery.IsPending).OrderBy(e => e.Delivery.IsRest).ThenBy(e => e.Notice.Created)];
        if (waiting.Length == 0)
        {
            return;
        }
        try
        {
            using AlertSender sender = AlertSender.Open(channel, SecretVariables(), request.Asker);
            int failed = 0;
            foreach (Errand errand in waiting)
            {
                AlertNotSentException? error = TrySend(channel, sender, errand, cancellationToken);
                failed = error is null ? 0 : failed + (error.Passes && !errand.Delivery.IsRest ? 1 : 0);
                // What kept two notices from going out keeps the others as well; with one alone, it may be something about that one.
                if (error is { ConcernsAll: true } || failed == 2)
                {
                    break;
                }
            }
        }
        catch (HsmBackupException e) when (e.Code is ErrorCode.Busy or ErrorCode.DestinationUnwritable or ErrorCode.DiskFull)
        {
            // It is not the channel that fails, and the next one may find the state folder writable again.
            _failures.Add(new AlertFailure(channel.Name, null, e.Message));
        }
        catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
        {
            // The channel's secret is not there.
            _failures.Add(new AlertFailure(channel.Name, null, e.Message));
            TryRecord(waiting[0].Alert, waiting[0].Notice, channel, e.Message);
        }
    }

    private AlertNotSentException? TrySend(AlertChannel channel, AlertSender sender, Errand errand, CancellationToken cancellationToken)
    {
        (Alert alert, AlertNotice notice, AlertDelivery delivery) = errand;
        AlertMessage message = AlertMessage.Of(_cluster, alert, notice);
        // The definition may name them no longer.
        string[] rest = [.. delivery.Waiting.Intersect(channel.To.Concat(message.Addresses), StringComparer.OrdinalIgnoreCase)];
        if (delivery.IsRest && rest.Length == 0)
        {
            RecordSent(channel, alert, notice, []);
            return null;
        }
        // Before it goes out: where this cannot be written, that it was sent could not be either, and it would go out each time.
        Record(alert.Id, notice.Id, channel, d => d with { Attempts = d.Attempts + 1 });
        try
        {
            IReadOnlyList<UnreachedAddress> unreached = [];
            Repeat(() => unreached = sender.Send(message with { Only = rest }, cancellationToken), cancellationToken);
            RecordSent(channel, alert, notice, unreached);
            return null;
        }
        catch (AlertNotSentException e)
        {
            _failures.Add(new AlertFailure(channel.Name, alert, e.Message));
            // Where others have it, what is refused for good is over, as it is in the first attempt.
            bool isOver = delivery.IsRest && !e.Passes && !e.ConcernsAll;
            DateTimeOffset now = request.Clock.GetUtcNow();
            Record(alert.Id, notice.Id, channel, d => d with
            {
                Delivered = isOver ? now : null,
                Waiting = isOver ? [] : d.Waiting,
                Error = DisplayText.Harmless(e.Message),
            });
            return e;
        }
    }

    // Those who have it do not get it again for the sake of the others.
    private void RecordSent(AlertChannel channel, Alert alert, AlertNotice notice, IReadOnlyList<UnreachedAddress> unreached)
    {
        _failures.AddRange(unreached.Select(u => new AlertFailure(channel.Name, alert, $"not to {u.Address}: {u.Reason}")));
        string[] waiting = [.. unreached.Where(u => u.Passes).Select(u => u.Address)];
        string? error = unreached.Count == 0 ? null
            : DisplayText.Harmless(string.Join("; ", unreached.Select(u => $"not to {u.Address}: {u.Reason}")));
        DateTimeOffset now = request.Clock.GetUtcNow();
        Record(alert.Id, notice.Id, channel, d => d with
        {
            Delivered = waiting.Length == 0 ? now : null,
            Waiting = waiting,
            Error = error
        });
    }

    private void TryRecord(Alert alert, AlertNotice notice, AlertChannel channel, string error)
    {
        try
        {
            Record(alert.Id, notice.Id, channel, d => d with { Error = error });
        }
        catch (HsmBackupException e) when (e.Code is ErrorCode.Busy or ErrorCode.DestinationUnwritable or ErrorCode.DiskFull)
        {
            _failures.Add(new AlertFailure(channel.Name, alert, e.Message));
        }
    }

    private void Repeat(Action send, CancellationToken cancellationToken)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                cancellationToken.ThrowIfCancellationRequested();
                send();
                return;
            }
            catch (AlertNotSentException e) when (e.Passes && attempt < request.Pauses.Count)
            {
                _ = cancellationToken.WaitHandle.WaitOne(request.Pauses[attempt]);
            }
        }
    }

    private void Record(string alertId, string noticeId, AlertChannel channel, Func<AlertDelivery, AlertDelivery> change) => outbox.Update(
        all => [.. all.Where(a => a.Id == alertId).Select(a => a with
        {
            Notices = [.. a.Notices.Select(n => n.Id != noticeId ? n : n
                with { Deliveries = [.. n.Deliveries.Select(d => d.IsOn(channel) ? change(d) : d)] })],
        })], request.Clock.GetUtcNow());

    /// <summary>
    /// What was to go out on a channel that the definition names no longer, or that reaches nobody, is for nobody. That is told once.
    /// </summary>
    private void GiveUpLost()
    {
        var lost = new List<AlertFailure>();
        _ = outbox.Update(all => [.. all.Where(a => a.Notices.Any(n => n.Deliveries.Any(d => Obstacle(n, d) is not null)))
            .Select(a => a with
        {
            Notices = [.. a.Notices.Select(n => n with { Deliveries = [.. n.Deliveries.Select(d => GiveUp(a, n, d, lost))] })],
        })], request.Clock.GetUtcNow());
        _failures.AddRange(lost);
    }

    private AlertDelivery GiveUp(Alert alert, AlertNotice notice, AlertDelivery delivery, List<AlertFailure> lost)
    {
        if (Obstacle(notice, delivery) is not { } why)
        {
            return delivery;
        }
        lost.Add(new AlertFailure(delivery.Channel, alert, why));
        return delivery with { GivenUp = true, Error = why };
    }

    private string? Obstacle(AlertNotice notice, AlertDelivery delivery) => !delivery.IsPending ? null
        : Channels.FirstOrDefault(delivery.IsOn) is not { Kind: not AlertChannelKind.Heartbeat } channel
            ? "the definition names no such channel any more, and the notice is given up"
        : AlertPlanner.Reaches(_cluster, channel, notice.Contacts) ? null
        : "there is nobody to send it to: the channel names no address, and the contacts of this step of the escalation have none";

    private string[] SecretVariables() => [.. _cluster.Nodes.Select(n => n.Pin).Concat(_cluster.Stores.Select(s => s.Password))
        .Concat(Channels.SelectMany(c => new[] { c.Key, c.Token, c.Password, c.Url?.Source })).OfType<EnvironmentPin>()
            .Select(p => p.Variable).Distinct(StringComparer.Ordinal)];

    private sealed record Errand(Alert Alert, AlertNotice Notice, AlertDelivery Delivery);
}
