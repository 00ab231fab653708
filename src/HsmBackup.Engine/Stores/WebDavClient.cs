using System.Net;
using System.Net.Http.Headers;

namespace HsmBackup.Engine.Stores;

/// <summary>
/// Sends single requests to one server and repeats what is safe to repeat. Name and password go along with each request, and no request
/// goes anywhere else: redirections are not followed, and all addresses are made here.
/// </summary>
internal sealed class WebDavClient : IDisposable
{
    private readonly HttpMessageInvoker _http;
    private readonly WebDavCredentials? _credentials;

    public WebDavClient(IBackupStore store, WebDavSettings settings)
    {
        Patience = settings.Patience;
        _credentials = settings.Credentials;
        var trust = new ServerTrust(settings.CertificateAuthority, settings.CertificatePin);
        Errors = new WebDavErrors(store, trust, Patience.Clock);
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            // What is stored is what is transferred: positions in it must be those in the file.
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ConnectTimeout = Patience.Connect,
            MaxConnectionsPerServer = 16,
            // Shorter than servers keep a connection open, so that few are found closed.
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(4),
            SslOptions = trust.Options(),
        });
    }

    /// <summary>How long and how often.</summary>
    public WebDavPatience Patience { get; }

    /// <summary>What failures mean.</summary>
    public WebDavErrors Errors { get; }

    /// <summary>Sends one request once. The answer may have any status.</summary>
    /// <exception cref="TransientFailure">There was no answer.</exception>
    /// <exception cref="HsmBackupException">StoreUntrusted.</exception>
    public WebDavAnswer Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Version = HttpVersion.Version11;
        request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
        request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
        request.Headers.Authorization = _credentials?.ForRequest();
        // The connection has its own limit, and a server that is just being connected to is not silent.
        var watch = new SilenceWatch(Patience.Connect + Patience.Silence, Patience.Silence, cancellationToken);
        try
        {
            if (request.Content is WebDavUpload upload)
            {
                upload.Watch = watch;
            }
            return new WebDavAnswer(_http.Send(request, watch.Token), watch, this);
        }
        catch (Exception e) when (IsOfConnection(e, cancellationToken))
        {
            watch.Dispose();
            throw Errors.OfConnection(e, watch.IsSilent);
        }
        catch
        {
            watch.Dispose();
            throw;
        }
        finally
        {
            // So that the string with the password in it can go as soon as it is possible.
            request.Headers.Authorization = null;
        }
    }

    /// <summary>Does again what failed for a reason that passes, a limited number of times.</summary>
    public T Repeat<T>(Func<T> work, CancellationToken cancellationToken)
    {
        for (int failures = 1; ; failures++)
        {
            try
            {
                return work();
            }
            catch (TransientFailure e)
            {
                Pause(e, failures, cancellationToken);
            }
        }
    }

    /// <summary>Waits before the next attempt.</summary>
    /// <exception cref="HsmBackupException">There is no next attempt: the failure itself.</exception>
    public void Pause(TransientFailure failure, int failures, CancellationToken cancellationToken)
    {
        if (failures >= Patience.Attempts || failure.RetryAfter > Patience.LongestRetryAfter)
        {
            throw failure.Error;
        }
        Patience.Wait(Patience.DelayAfter(failures, failure.RetryAfter), cancellationToken);
    }

    public void Dispose()
    {
        _http.Dispose();
        _credentials?.Dispose();
    }

    /// <summary>Whether an exception means that a connection did not come about, broke, or was silent.</summary>
    public static bool IsOfConnection(Exception error, CancellationToken cancellationToken) =>
        error is HttpRequestException or IOException || (error is OperationCanceledException && !cancellationToken.IsCancellationRequested);
}

/// <summary>An answer, whose body may still be on its way.</summary>
internal sealed class WebDavAnswer(HttpResponseMessage message, SilenceWatch watch, WebDavClient client) : IDisposable
{
    private WatchedStream? _body;

    /// <summary>Status and headers.</summary>
    public HttpResponseMessage Message { get; } = message;

    /// <summary>The status.</summary>
    public int Status => (int)Message.StatusCode;

    /// <summary>Whether it was done.</summary>
    public bool IsSuccess => Message.IsSuccessStatusCode;

    /// <summary>The body. Reading it throws <see cref="TransientFailure"/> where the connection breaks or is silent.</summary>
    public Stream Body => _body ??= new WatchedStream(Message.Content.ReadAsStream(watch.Token), watch, client.Errors);

    public void Dispose()
    {
        Message.Dispose();
        watch.Dispose();
    }
}
