using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace HsmBackup.Engine.Stores;

/// <summary>Something failed that may well succeed the next time.</summary>
/// <param name="error">What it is when it does not.</param>
/// <param name="retryAfter">For how long the server asks to be left alone.</param>
internal sealed class TransientFailure(HsmBackupException error, TimeSpan? retryAfter = null) : Exception(error.Message, error)
{
    /// <summary>What it is when it does not.</summary>
    public HsmBackupException Error { get; } = error;

    /// <summary>For how long the server asks to be left alone.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;
}

/// <summary>What the answers of a WebDAV server, and its silence, mean for the person who waits.</summary>
internal sealed class WebDavErrors(IBackupStore store, ServerTrust trust, TimeProvider clock)
{
    /// <summary>No answer, or a connection that broke.</summary>
    public Exception OfConnection(Exception cause, bool silent)
    {
        bool tls = cause is HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError };
        if (tls && trust.Refusal is { } refusal)
        {
            return Make(ErrorCode.StoreUntrusted, $"It is not known who answers for the store {Named}: {refusal}. Nothing was sent to it.",
                "Renew the certificate, or give its authority or its new pin in the definition (certificateAuthority, certificatePin). Do so only after you asked those who run the server.", cause);
        }
        string fault = silent ? "it was silent for too long"
            : tls ? $"no secure connection comes about: {Innermost(cause)}"
            : $"the connection failed: {Innermost(cause)}";
        return new TransientFailure(Unavailable(fault, "Check that the server runs, that its name is right and that this machine can reach it; then run the command again.", cause));
    }

    /// <summary>An answer that is not the one that was asked for.</summary>
    /// <param name="answer">The answer.</param>
    /// <param name="what">What was asked for, as in "does not …".</param>
    public Exception OfAnswer(HttpResponseMessage answer, string what)
    {
        int status = (int)answer.StatusCode;
        string said = string.Create(CultureInfo.InvariantCulture, $"it did not {what} (HTTP status {status})");
        return status switch
        {
            401 => Make(ErrorCode.StoreRefused, $"The store {Named} does not accept the user name and password, or token, of the definition (HTTP status 401).",
                "Check user, password and authentication of the store in the definition, and that the account is not locked."),
            403 => Make(ErrorCode.StoreRefused, $"The store {Named} does not let this account do that: {said}.",
                "Give the account the rights to read, write, move and delete in the collection, on the server."),
            413 or 507 => Make(ErrorCode.DiskFull, $"There is no room for it in the store {Named}: {said}.",
                "Free space on the server, or raise its limit or the quota of the account, then run the command again."),
            423 => Unavailable($"{said}; somebody holds a lock", "Find out who holds the lock on the server, then run the command again."),
            405 or 501 => Unavailable($"{said}; it does no WebDAV at this address", "Check the address of the collection, and that WebDAV is turned on for it."),
            >= 300 and < 400 => Unavailable($"it sends us elsewhere ({Elsewhere(answer)}), which is not followed",
                "Put the right address into the definition, after you made sure that it is the right one."),
            408 or 429 or 500 or 502 or 503 or 504 => Later(answer, said),
            _ => Unavailable(said, "Look into the log of the server, then run the command again."),
        };
    }

    /// <summary>An answer that no WebDAV server should give.</summary>
    public HsmBackupException Unavailable(string fault, string action, Exception? cause = null) =>
        Make(ErrorCode.StoreUnavailable, $"The store {Named} cannot be used: {fault}.", action, cause);

    private string Named => StoreErrors.Named(store);

    /// <summary>A server that asks for more time than anybody waits for is taken by its word.</summary>
    private TransientFailure Later(HttpResponseMessage answer, string said)
    {
        TimeSpan? asked = answer.Headers.RetryAfter is { } header ? Asked(header, answer.Headers.Date) : null;
        string until = asked is { } time ? string.Create(CultureInfo.InvariantCulture, $", and asks to be left alone for {time.TotalSeconds:F0} s") : "";
        return new TransientFailure(Unavailable(said + until, answer.StatusCode == HttpStatusCode.BadGateway
            ? "Look into the logs of the server and of any proxy before it. A proxy must pass the header Destination on with the address that the server has for itself."
            : "Wait until the server is well again, and look into its log; then run the command again."), asked);
    }

    // Both times are the server's, so that its clock may be wrong.
    private TimeSpan Asked(RetryConditionHeaderValue header, DateTimeOffset? now) =>
        header.Delta ?? header.Date!.Value - (now ?? clock.GetUtcNow());

    // The address without what might be a secret in it.
    private static string Elsewhere(HttpResponseMessage answer) => answer.Headers.Location is not { } location ? "it does not say where"
        : location.IsAbsoluteUri ? location.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped)
        : location.OriginalString.Split('?', '#')[0];

    private static string Innermost(Exception error) => error.GetBaseException().Message.TrimEnd('.');

    private HsmBackupException Make(ErrorCode code, string message, string action, Exception? cause = null) => new(code, message, action, cause) { Target = store.Location };
}
