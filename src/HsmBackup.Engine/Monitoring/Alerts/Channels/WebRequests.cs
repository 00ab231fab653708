using System.Net;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Monitoring.Alerts.Channels;

/// <summary>Sends single requests to the address of a channel, and nowhere else: redirections are not followed.</summary>
internal sealed class WebRequests : IDisposable
{
    private readonly AlertChannel _channel;
    private readonly ServerTrust _trust;
    private readonly HttpMessageInvoker _http;

    /// <exception cref="HsmBackupException">StoreUntrusted: the authorities cannot be read.</exception>
    public WebRequests(AlertChannel channel, Uri address)
    {
        _channel = channel;
        _trust = new ServerTrust(channel.CertificateAuthority, channel.CertificatePin);
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            // What is for this computer stays on it: to a proxy it would go in the clear.
            UseProxy = !address.IsLoopback,
            ConnectTimeout = channel.Timeout,
            SslOptions = _trust.Options(),
        });
    }

    /// <summary>Sends a request; the receiver takes it, or this throws.</summary>
    /// <exception cref="AlertNotSentException">It was not taken.</exception>
    public void Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.UserAgent.ParseAdd("HsmBackup/1");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_channel.Timeout);
        try
        {
            using HttpResponseMessage answer = _http.Send(request, limit.Token);
            if (!answer.IsSuccessStatusCode)
            {
                throw new AlertNotSentException(FormattableString.Invariant($"the receiver answered {(int)answer.StatusCode}"),
                    IsPassing(answer.StatusCode));
            }
        }
        catch (HttpRequestException e)
        {
            string? refusal = _trust.Refusal;
            throw new AlertNotSentException(refusal is null ? $"the receiver was not reached: {e.Message.TrimEnd('.')}"
                : $"the receiver is not trusted: {refusal}", passes: true, e)
            { ConcernsAll = true };
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new AlertNotSentException(FormattableString.Invariant($"the receiver did not answer within {_channel.Timeout.TotalSeconds} seconds"), passes: true, e);
        }
        finally
        {
            // So that the string with the token in it can go as soon as it is possible.
            request.Headers.Authorization = null;
        }
    }

    public void Dispose() => _http.Dispose();

    private static bool IsPassing(HttpStatusCode status) => status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests
        || (int)status is 425 or >= 500;
}
