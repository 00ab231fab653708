using HsmBackup.Engine.Clusters.Definitions;

namespace HsmBackup.Engine.Monitoring.Alerts.Channels;

/// <summary>Calls an address to say that all went well. The message is that it was called.</summary>
internal sealed class HeartbeatSender : AlertSender
{
    private readonly Uri _address;
    private readonly WebRequests _requests;

    public HeartbeatSender(AlertChannel channel, PinAsker asker)
    {
        _address = OpenAddress(channel, asker);
        _requests = new WebRequests(channel);
    }

    /// <summary>Calls it.</summary>
    /// <exception cref="AlertNotSentException">It did not answer as it should.</exception>
    public void Beat(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, _address);
        _requests.Send(request, cancellationToken);
    }

    public override string? Send(AlertMessage message, CancellationToken cancellationToken)
    {
        Beat(cancellationToken);
        return null;
    }

    public override void Dispose() => _requests.Dispose();
}
