using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace HsmBackup.Engine.Stores;

/// <summary>
/// Reads a file, or its beginning. A connection that breaks is taken up where it broke, as long as the server says by a strong entity tag
/// that it is the same version (RFC 9110, 13.1.5); else all is read again from the beginning, so that two versions are never mixed.
/// </summary>
internal sealed class WebDavDownload(IBackupStore store, WebDavClient client, WebDavCollection collection, string name, CancellationToken cancellationToken)
{
    private long _position;
    private EntityTagHeaderValue? _version;

    /// <summary>The first bytes.</summary>
    public byte[] Start(int count) => client.Repeat(() =>
    {
        using HttpRequestMessage request = Get();
        request.Headers.Range = new RangeHeaderValue(0, Math.Max(0, count - 1));
        using WebDavAnswer answer = client.Send(request, cancellationToken);
        if (answer.Status == 416)
        {
            // An empty file has no first byte.
            return [];
        }
        Check(answer, from: 0);
        // A server that knows no ranges sends the whole file; the connection is closed then.
        byte[] start = new byte[Math.Min(count, answer.Message.Content.Headers.ContentLength ?? count)];
        return start[..answer.Body.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
    }, cancellationToken);

    /// <summary>All of it.</summary>
    public void To(Stream destination)
    {
        long origin = destination.CanSeek ? destination.Position : 0;
        Run(part => destination.Write(part), () =>
        {
            if (!destination.CanSeek)
            {
                throw client.Errors.Unavailable($"the connection broke in the middle of '{name}', and there is no way to go on with the same version of it", "Run the command again.");
            }
            destination.Position = origin;
            destination.SetLength(origin);
        });
    }

    /// <summary>The SHA-256 of all of it.</summary>
    public byte[] Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Run(part => hash.AppendData(part), () => hash.GetHashAndReset());
        return hash.GetHashAndReset();
    }

    private void Run(Action<ReadOnlySpan<byte>> take, Action restart)
    {
        int failures = 0;
        int resumptions = 0;
        byte[] buffer = new byte[HashedCopy.BufferSize];
        while (true)
        {
            long before = _position;
            try
            {
                using WebDavAnswer answer = Open(restart);
                before = _position;
                for (int read; (read = answer.Body.Read(buffer)) > 0;)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    take(buffer.AsSpan(0, read));
                    _position += read;
                }
                CheckEnd(answer);
                return;
            }
            catch (TransientFailure e)
            {
                // What has to be read again is no progress.
                failures = _position > before && _version is not null ? 1 : failures + 1;
                client.Pause(e, ++resumptions > client.Patience.Resumptions ? int.MaxValue : failures, cancellationToken);
            }
        }
    }

    private WebDavAnswer Open(Action restart)
    {
        if (_position > 0 && _version is null)
        {
            restart();
            _position = 0;
        }
        using HttpRequestMessage request = Get();
        if (_position > 0)
        {
            request.Headers.Range = new RangeHeaderValue(_position, null);
            request.Headers.IfRange = new RangeConditionHeaderValue(_version!);
        }
        WebDavAnswer answer = client.Send(request, cancellationToken);
        try
        {
            EntityTagHeaderValue? version = answer.Message.Headers.ETag is { IsWeak: false } tag ? tag : null;
            bool goesOn = answer.Status == 206 && _position > 0 && Equals(version, _version);
            if (_position > 0 && !goesOn)
            {
                restart();
                _position = 0;
                _version = null;
                if (answer.Status is 206 or 416)
                {
                    // A part of another version, or of none.
                    throw new TransientFailure(Changed());
                }
            }
            Check(answer, _position);
            _version = version;
            return answer;
        }
        catch
        {
            answer.Dispose();
            throw;
        }
    }

    private HttpRequestMessage Get() => new(HttpMethod.Get, collection.AddressOf(name));

    private void Check(WebDavAnswer answer, long from)
    {
        if (answer.Status is 404 or 410)
        {
            throw StoreErrors.NotFound(store, name);
        }
        if (answer.Status != 200 && answer.Status != 206)
        {
            throw client.Errors.OfAnswer(answer.Message, $"send '{name}'");
        }
        bool asked = answer.Status == 200 || answer.Message.Content.Headers.ContentRange is { Unit: "bytes", From: { } first } && first == from;
        if (!asked)
        {
            throw client.Errors.Unavailable($"it sent another part of '{name}' than was asked for", "Look into the log of the server.");
        }
    }

    /// <summary>The platform notices a body that ends too early, where the server said how long it is. Where it did not, it is asked now.</summary>
    private void CheckEnd(WebDavAnswer answer)
    {
        bool told = answer.Message.Content.Headers.ContentLength is not null || answer.Message.Headers.TransferEncodingChunked == true;
        if (!told && collection.Find(name, cancellationToken)?.Length != _position)
        {
            throw new TransientFailure(Changed());
        }
    }

    private HsmBackupException Changed() => client.Errors.Unavailable(
        string.Create(CultureInfo.InvariantCulture, $"'{name}' changed or broke off while it was read"), "Run the command again when nobody writes to the store.");
}
