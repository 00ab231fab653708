using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Monitoring.Alerts.Channels;

/// <summary>
/// Posts JSON, as Standard Webhooks describe it (standardwebhooks.com): webhook-id is the notice's, and the same in every attempt;
/// webhook-signature is the HMAC-SHA256 of id, timestamp and body, with dots between them.
/// </summary>
internal sealed class WebhookSender : AlertSender
{
    // How keys are handed out as text there; any other text is a key as it stands.
    private const string KeyPrefix = "whsec_";

    private readonly Uri _address;
    private readonly WebRequests _requests;
    private readonly WebDavCredentials? _token;
    private readonly SecretBuffer? _key;

    public WebhookSender(AlertChannel channel, PinAsker asker)
    {
        _address = OpenAddress(channel, asker);
        _requests = new WebRequests(channel, _address);
        try
        {
            _key = OpenKey(channel, asker);
            _token = OpenToken(channel, asker);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public override IReadOnlyList<UnreachedAddress> Send(AlertMessage message, CancellationToken cancellationToken)
    {
        string timestamp = DateTimeOffset.UtcNow.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        using var request = new HttpRequestMessage(HttpMethod.Post, _address) { Content = new ByteArrayContent(message.Json) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add("webhook-id", message.Id);
        request.Headers.Add("webhook-timestamp", timestamp);
        if (_key is not null)
        {
            request.Headers.Add("webhook-signature", $"v1,{Signature(_key.Span, message.Id, timestamp, message.Json)}");
        }
        request.Headers.Authorization = _token?.ForRequest();
        _requests.Send(request, cancellationToken);
        return [];
    }

    /// <summary>The signature, in base64.</summary>
    internal static string Signature(ReadOnlySpan<byte> key, string id, string timestamp, ReadOnlySpan<byte> body)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        hmac.AppendData(Encoding.UTF8.GetBytes($"{id}.{timestamp}."));
        hmac.AppendData(body);
        return Convert.ToBase64String(hmac.GetHashAndReset());
    }

    public override void Dispose()
    {
        _key?.Dispose();
        _token?.Dispose();
        _requests.Dispose();
    }

    private static SecretBuffer? OpenKey(AlertChannel channel, PinAsker asker)
    {
        using Pin? secret = OpenSecret(channel, channel.Key, asker);
        if (secret is null)
        {
            return null;
        }
        ReadOnlySpan<byte> prefix = Encoding.ASCII.GetBytes(KeyPrefix);
        if (!secret.Bytes.StartsWith(prefix))
        {
            return Copy(secret.Bytes);
        }
        using var decoded = new SecretBuffer(secret.Bytes.Length);
        return System.Buffers.Text.Base64.DecodeFromUtf8(secret.Bytes[prefix.Length..], decoded.Span, out _,
            out int length) == System.Buffers.OperationStatus.Done && length > 0
            ? Copy(decoded.Span[..length])
            : throw new HsmBackupException(ErrorCode.PinUnavailable,
                $"The key of the alert channel '{channel.Name}' begins with {KeyPrefix} and is not base64 after that.",
                "Copy it from the receiver once more.")
            { Target = channel.Name };
    }

    private static SecretBuffer Copy(ReadOnlySpan<byte> bytes)
    {
        var copy = new SecretBuffer(bytes.Length);
        bytes.CopyTo(copy.Span);
        return copy;
    }

    private static WebDavCredentials? OpenToken(AlertChannel channel, PinAsker asker)
    {
        Pin? secret = OpenSecret(channel, channel.Token, asker);
        try
        {
            return secret is null ? null : WebDavCredentials.Bearer(secret);
        }
        catch
        {
            secret?.Dispose();
            throw;
        }
    }
}
