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
        GiveUpLostChannels();
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
                _ = Repeat(() =>
                {
                    sender.Beat(cancellationToken);
                    return null;
                }, cancellationToken);
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
        (Alert Alert, AlertNotice Notice)[] waiting = [.. outbox.List().SelectMany(a => a.Notices.Select(n => (Alert: a, Notice: n)))
            .Where(w => w.Notice.Deliveries.Any(d => d.Channel == channel.Name && d.IsPending)).OrderBy(w => w.Notice.Created)];
        if (waiting.Length == 0)
        {
            return;
        }
        try
        {
            using AlertSender sender = AlertSender.Open(channel, SecretVariables(), request.Asker);
            foreach ((Alert alert, AlertNotice notice) in waiting)
            {
                if (!TrySend(channel, sender, alert, notice, cancellationToken))
                {
                    // What keeps one notice from going out now keeps the others as well.
                    break;
                }
            }
        }
        catch (HsmBackupException e) when (e.Code is not (ErrorCode.Cancelled or ErrorCode.Busy or ErrorCode.DestinationUnwritable or ErrorCode.DiskFull))
        {
            // The channel's secret is not there.
            _failures.Add(new AlertFailure(channel.Name, null, e.Message));
            Record(waiting[0].Alert.Id, waiting[0].Notice.Id, channel.Name, d => d with { Error = e.Message });
        }
    }

    private bool TrySend(AlertChannel channel, AlertSender sender, Alert alert, AlertNotice notice, CancellationToken cancellationToken)
    {
        try
        {
            AlertMessage message = AlertMessage.Of(_cluster, alert, notice);
            string? remark = Repeat(() => sender.Send(message, cancellationToken), cancellationToken);
            DateTimeOffset now = request.Clock.GetUtcNow();
            Record(alert.Id, notice.Id, channel.Name, d => d with { Attempts = d.Attempts + 1, Delivered = now, Error = remark });
            return true;
        }
        catch (AlertNotSentException e)
        {
            _failures.Add(new AlertFailure(channel.Name, alert, e.Message));
            Record(alert.Id, notice.Id, channel.Name, d => d with { Attempts = d.Attempts + 1, Error = DisplayText.Harmless(e.Message) });
            return !e.Passes;
        }
    }

    private string? Repeat(Func<string?> send, CancellationToken cancellationToken)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                cancellationToken.ThrowIfCancellationRequested();
                return send();
            }
            catch (AlertNotSentException e) when (e.Passes && attempt < request.Pauses.Count)
            {
                _ = cancellationToken.WaitHandle.WaitOne(request.Pauses[attempt]);
            }
        }
    }

    private void Record(string alertId, string noticeId, string channel, Func<AlertDelivery, AlertDelivery> change) => outbox.Update(
        all => [.. all.Where(a => a.Id == alertId).Select(a => a with
        {
            Notices = [.. a.Notices.Select(n => n.Id != noticeId ? n : n with { Deliveries = [.. n.Deliveries.Select(d => d.Channel == channel ? change(d) : d)] })],
        })], request.Clock.GetUtcNow());

    /// <summary>What was to go out on a channel that the definition names no longer, or that is a heartbeat by now, is for nobody.</summary>
    private void GiveUpLostChannels() => outbox.Update(
        all => [.. all.Where(a => a.Notices.Any(n => n.Deliveries.Any(IsLost))).Select(a => a with
        {
            Notices = [.. a.Notices.Select(n => n with { Deliveries = [.. n.Deliveries.Select(d => IsLost(d) ? d with { GivenUp = true, Error = "The definition names no such channel any more." } : d)] })],
        })], request.Clock.GetUtcNow());

    private bool IsLost(AlertDelivery delivery) => delivery.IsPending && Channels.All(c => c.Name != delivery.Channel || c.Kind == AlertChannelKind.Heartbeat);

    private string[] SecretVariables() => [.. _cluster.Nodes.Select(n => n.Pin).Concat(_cluster.Stores.Select(s => s.Password))
        .Concat(Channels.SelectMany(c => new[] { c.Key, c.Token, c.Password, c.Url?.Source })).OfType<EnvironmentPin>().Select(p => p.Variable).Distinct(StringComparer.Ordinal)];
}
