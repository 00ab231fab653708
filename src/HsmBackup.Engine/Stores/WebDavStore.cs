using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Stores;

/// <summary>A collection of a WebDAV server (RFC 4918), over TLS only.</summary>
public sealed class WebDavStore : IBackupStore
{
    // No transfer of one file takes as long.
    private static readonly TimeSpan TemporaryAtMost = TimeSpan.FromDays(1);

    private readonly WebDavClient _client;
    private readonly WebDavCollection _collection;
    private bool _isReady;

    /// <summary>Makes the store. Nothing is asked of the server yet.</summary>
    /// <param name="settings">What it takes to reach it. Its credentials belong to the store from now on.</param>
    /// <exception cref="HsmBackupException">InvalidArgument: the address is none of https, or the pin is none. StoreUntrusted: the file with the authorities cannot be used.</exception>
    public WebDavStore(WebDavSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        Uri address = settings.Collection;
        if (!address.IsAbsoluteUri || address.Scheme != Uri.UriSchemeHttps || address.UserInfo.Length > 0 || address.Query.Length > 0 || address.Fragment.Length > 0)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, "The address of a WebDAV store must begin with https:// and have no user, password, query or fragment in it.",
                "Give the address of the collection alone; user and password have members of their own.");
        }
        Uri collection = address.AbsolutePath.EndsWith('/') ? address : new Uri(address.AbsoluteUri + "/");
        Location = collection.AbsoluteUri;
        Name = settings.Name ?? Location;
        _client = new WebDavClient(this, settings);
        _collection = new WebDavCollection(_client, collection);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public StoreKind Kind => StoreKind.WebDav;

    /// <inheritdoc/>
    public string Location { get; }

    /// <inheritdoc/>
    public RetentionClass RetentionClass => RetentionClass.Online;

    /// <inheritdoc/>
    public IReadOnlyList<StoreItem> List(CancellationToken cancellationToken) => Run<IReadOnlyList<StoreItem>>(
        () => _collection.Members(out _, cancellationToken) is not { } members ? []
            : [.. members.Where(m => StoreName.IsValid(m.Key) && !m.Value.IsCollection).Select(m => ItemOf(m.Key, m.Value)).OrderBy(i => i.Name, StringComparer.Ordinal)],
        cancellationToken);

    /// <summary>Always null: its files are on another machine.</summary>
    /// <param name="name">The file's name.</param>
    public string? LocalPath(string name)
    {
        StoreName.Check(name);
        return null;
    }

    /// <inheritdoc/>
    public byte[] ReadStart(string name, int count, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        StoreName.Check(name);
        return Run(() => Download(name, cancellationToken).Start(count), cancellationToken);
    }

    /// <inheritdoc/>
    public void Read(string name, Stream destination, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(destination);
        StoreName.Check(name);
        Run(() =>
        {
            Download(name, cancellationToken).To(destination);
            return true;
        }, cancellationToken);
    }

    /// <inheritdoc/>
    public StoreItem Add(string name, Stream content, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(content);
        StoreName.Check(name);
        var addition = new WebDavAddition(this, _client, _collection, name, cancellationToken);
        try
        {
            return Run(() =>
            {
                MakeReady(cancellationToken);
                // Before a long transfer rather than after it. Whoever comes in between is found when the file gets its name.
                return _collection.Find(name, cancellationToken) is null ? ItemOf(name, addition.Run(content, overwrite: false)) : throw StoreErrors.Exists(this, name);
            }, cancellationToken);
        }
        catch (HsmBackupException e) when (addition.WasAsked && e.Code != ErrorCode.CopyExists)
        {
            throw AdditionInDoubt.About(e);
        }
    }

    /// <inheritdoc/>
    public void Replace(string name, Stream content, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(content);
        StoreName.Check(name);
        Run(() =>
        {
            MakeReady(cancellationToken);
            return ItemOf(name, new WebDavAddition(this, _client, _collection, name, cancellationToken).Run(content, overwrite: true));
        }, cancellationToken);
    }

    /// <inheritdoc/>
    public void Remove(string name, CancellationToken cancellationToken)
    {
        StoreName.Check(name);
        Run(() => Delete(name, cancellationToken), cancellationToken);
    }

    /// <summary>Closes the connections and wipes the credentials.</summary>
    public void Dispose() => _client.Dispose();

    private WebDavDownload Download(string name, CancellationToken cancellationToken) => new(this, _client, _collection, name, cancellationToken);

    private bool Delete(string name, CancellationToken cancellationToken) => _client.Repeat(() =>
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, _collection.AddressOf(name));
        using WebDavAnswer answer = _client.Send(request, cancellationToken);
        return (answer.IsSuccess && answer.Status != 207) || answer.Status is 404 or 410 ? true : throw _client.Errors.OfAnswer(answer.Message, $"remove '{name}'");
    }, cancellationToken);

    /// <summary>Makes the collection where it is not there, and removes what earlier runs have left in it; once is enough.</summary>
    private void MakeReady(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _isReady))
        {
            return;
        }
        if (_collection.Members(out DateTimeOffset? now, cancellationToken) is not { } members)
        {
            _collection.Create(cancellationToken);
        }
        else if (now is { } serverTime)
        {
            // By the server's clock, which set the other time too.
            foreach (string left in members.Where(m => StoreName.IsTemporary(m.Key) && serverTime - m.Value.Modified > TemporaryAtMost).Select(m => m.Key))
            {
                Delete(left, cancellationToken);
            }
        }
        Volatile.Write(ref _isReady, true);
    }

    private StoreItem ItemOf(string name, WebDavResource resource) => new(
        name,
        resource.Length ?? throw _client.Errors.Unavailable($"it does not say how long '{name}' is (getcontentlength)", "Look into the log of the server, or remove that file if it is not one of the backups."),
        resource.Modified ?? DateTimeOffset.UnixEpoch,
        resource.ETag);

    private T Run<T>(Func<T> work, CancellationToken cancellationToken)
    {
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            return work();
        }
        catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested)
        {
            throw StoreErrors.Cancelled(this, e);
        }
    }
}
