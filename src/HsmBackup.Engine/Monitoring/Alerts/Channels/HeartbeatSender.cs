using HsmBackup.Engine.Clusters.Definitions;

namespace HsmBackup.Engine.Monitoring.Alerts.Channels;

/// <summary>Calls an address to say that all went well. The message is that it was called.</summary>
internal sealed class HeartbeatSender : IDisposable
{
    private readonly Uri _address;
    private readonly WebRequests _requests;

    public HeartbeatSender(AlertChannel channel, PinAsker asker)
    {
        _address = AlertSender.OpenAddress(channel, asker);
        _requests = new WebRequests(channel, _address);
    }

    /// <summary>Calls it.</summary>
    /// <exception cref="AlertNotSentException">It did not answer as it should.</exception>
    public void Beat(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, _address);
        _requests.Send(request, cancellationToken);
    }

    public void Dispose() => _requests.Dispose();
}
