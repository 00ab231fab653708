using System.Net.Http.Headers;

namespace HsmBackup.Engine.Stores;

/// <summary>
/// Writes one file to a WebDAV server: to a temporary name, read back and compared, moved into place, and confirmed. What became of a
/// request whose answer was lost is found out, not guessed.
/// </summary>
internal sealed class WebDavAddition(IBackupStore store, WebDavClient client, WebDavCollection collection, string name, CancellationToken cancellationToken)
{
    private static readonly HttpMethod Move = new("MOVE");

    /// <summary>Whether the server was asked to give the file its name: from then on it may have it, whatever fails.</summary>
    public bool WasAsked { get; private set; }

    private string _temporary = "";
    private byte[] _digest = [];
    private long _length;

    /// <summary>Writes the file.</summary>
    /// <param name="content">What is in it.</param>
    /// <param name="overwrite">True where it takes the place of another.</param>
    public WebDavResource Run(Stream content, bool overwrite)
    {
        _length = content.Length;
        try
        {
            client.Repeat(() => Put(content), cancellationToken);
            if (!new WebDavDownload(store, client, collection, _temporary, cancellationToken).Digest().AsSpan().SequenceEqual(_digest))
            {
                throw StoreErrors.NotKept(store, name, "the SHA-256 of what the server gives back is another one");
            }
            client.Repeat(() => MoveIntoPlace(overwrite), cancellationToken);
        }
        catch
        {
            RemoveTemporary();
            throw;
        }
        return Confirm(overwrite);
    }

    /// <summary>Each attempt has a name of its own: nobody knows what the server still does with the one before.</summary>
    private bool Put(Stream content)
    {
        RemoveTemporary();
        _temporary = StoreName.Temporary(name);
        using var upload = new WebDavUpload(content, cancellationToken);
        using var request = new HttpRequestMessage(HttpMethod.Put, collection.AddressOf(_temporary)) { Content = upload };
        request.Headers.IfNoneMatch.Add(EntityTagHeaderValue.Any);
        // A server that will not have it says so before the file is sent, rather than by cutting the connection.
        request.Headers.ExpectContinue = content.Length > HashedCopy.BufferSize;
        using WebDavAnswer answer = client.Send(request, cancellationToken);
        if (!answer.IsSuccess)
        {
            throw client.Errors.OfAnswer(answer.Message, $"take '{name}'");
        }
        _digest = upload.Digest ?? throw client.Errors.Unavailable("it says that it has the file before it was sent", "Look into the log of the server.");
        return true;
    }

    private bool MoveIntoPlace(bool overwrite)
    {
        Exception failure;
        WasAsked = true;
        try
        {
            using var request = new HttpRequestMessage(Move, collection.AddressOf(_temporary));
            request.Headers.Add("Destination", collection.AddressOf(name).AbsoluteUri);
            request.Headers.Add("Overwrite", overwrite ? "T" : "F");
            using WebDavAnswer answer = client.Send(request, cancellationToken);
            if (answer.IsSuccess && answer.Status != 207)
            {
                return true;
            }
            failure = answer.Status == 412 && !overwrite ? StoreErrors.Exists(store, name) : client.Errors.OfAnswer(answer.Message, $"give '{name}' its name");
        }
        catch (TransientFailure e)
        {
            failure = e;
        }
        // 412 and 404 too: the platform itself sends a request again when an old connection turns out to be closed.
        return WasMoved() ? true : throw failure;
    }

    /// <summary>Whether the file has its name, whatever was answered.</summary>
    private bool WasMoved()
    {
        if (collection.Find(name, cancellationToken) is not { } there || there.Length != _length
            || !new WebDavDownload(store, client, collection, name, cancellationToken).Digest().AsSpan().SequenceEqual(_digest))
        {
            return false;
        }
        bool moved = collection.Find(_temporary, cancellationToken) is null;
        if (!moved)
        {
            // The same content twice: somebody else has added it, or the server copied it and was stopped before it removed the first.
            RemoveTemporary();
        }
        return moved;
    }

    private WebDavResource Confirm(bool overwrite)
    {
        WebDavResource? there = collection.Find(name, cancellationToken);
        if (there?.Length == _length)
        {
            return there;
        }
        // Where it was to take the place of another, it may be the next one's by now, and that is not ours to remove.
        if (there is not null && !overwrite)
        {
            Remove(name);
        }
        throw StoreErrors.NotKept(store, name, there is null ? "it is not there after it was moved into place" : "it has another length after it was moved into place");
    }

    private void RemoveTemporary()
    {
        if (_temporary.Length > 0)
        {
            Remove(_temporary);
        }
    }

    /// <summary>Once, also for a caller who gave up. What stays has a name that is never listed, and goes with a later file.</summary>
    private void Remove(string leftover)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Delete, collection.AddressOf(leftover));
            client.Send(request, CancellationToken.None).Dispose();
        }
        catch (Exception e) when (e is TransientFailure or HsmBackupException)
        {
            // The failure itself is on its way already.
        }
    }
}
