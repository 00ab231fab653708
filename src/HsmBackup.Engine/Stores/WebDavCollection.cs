using System.Text;
using System.Xml;

namespace HsmBackup.Engine.Stores;

/// <summary>A collection of a WebDAV server: the addresses of its members, and what it says of them.</summary>
internal sealed class WebDavCollection(WebDavClient client, Uri address)
{
    private static readonly HttpMethod Propfind = new("PROPFIND");
    private static readonly HttpMethod Mkcol = new("MKCOL");

    private readonly string[] _path = PartsOf(address);

    /// <summary>Its address, with a slash at its end.</summary>
    public Uri Address => address;

    /// <summary>The address of a member.</summary>
    public Uri AddressOf(string name) => new(address, Uri.EscapeDataString(name));

    /// <summary>All members, with temporary and foreign ones; null where there is no such collection.</summary>
    /// <param name="now">The server's time.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public Dictionary<string, WebDavResource>? Members(out DateTimeOffset? now, CancellationToken cancellationToken)
    {
        DateTimeOffset? date = null;
        Dictionary<string, WebDavResource>? members = client.Repeat(() => Ask(address, "1", "list its members", answer =>
        {
            date = answer.Message.Headers.Date;
            return ReadMembers(answer);
        }, cancellationToken), cancellationToken);
        now = date;
        return members;
    }

    /// <summary>What the server says of one member; null where there is none.</summary>
    public WebDavResource? Find(string name, CancellationToken cancellationToken) => client.Repeat(() => Ask(AddressOf(name), "0", $"describe '{name}'",
        answer => WebDavListing.Read(answer.Body).ToList() is [{ Status: null or 200 } only] ? only
            : throw client.Errors.Unavailable("what it says of one file is not about one file", "Look into the log of the server."),
        cancellationToken), cancellationToken);

    /// <summary>Makes the collection; what it is to be made in must be there.</summary>
    public void Create(CancellationToken cancellationToken) => client.Repeat(() =>
    {
        using var request = new HttpRequestMessage(Mkcol, address);
        using WebDavAnswer answer = client.Send(request, cancellationToken);
        return answer.Status switch
        {
            // 405: somebody else has made it meanwhile, or an attempt of ours whose answer was lost.
            201 or 405 => true,
            409 => throw client.Errors.Unavailable("the collection is not there, nor the one that it is to be made in", "Make the collection on the server, or correct the address."),
            _ => throw client.Errors.OfAnswer(answer.Message, "make the collection"),
        };
    }, cancellationToken);

    private T? Ask<T>(Uri target, string depth, string what, Func<WebDavAnswer, T> read, CancellationToken cancellationToken)
        where T : class
    {
        using var request = new HttpRequestMessage(Propfind, target) { Content = new StringContent(WebDavListing.Request, Encoding.UTF8, "application/xml") };
        request.Headers.Add("Depth", depth);
        using WebDavAnswer answer = client.Send(request, cancellationToken);
        if (answer.Status is 404 or 410)
        {
            return null;
        }
        if (answer.Status != 207)
        {
            throw answer.IsSuccess ? client.Errors.Unavailable("it does no WebDAV at this address", "Check the address of the collection, and that WebDAV is turned on for it.")
                : client.Errors.OfAnswer(answer.Message, what);
        }
        try
        {
            return read(answer);
        }
        catch (XmlException e)
        {
            throw client.Errors.Unavailable($"its answer to PROPFIND cannot be read: {e.Message.TrimEnd('.')}",
                "Check that the address is that of a WebDAV collection, and look into the log of the server.", e);
        }
    }

    private Dictionary<string, WebDavResource> ReadMembers(WebDavAnswer answer)
    {
        var members = new Dictionary<string, WebDavResource>(StringComparer.Ordinal);
        bool whole = !IsPart(answer.Message);
        bool self = false;
        foreach (WebDavResource resource in WebDavListing.Read(answer.Body))
        {
            string? name = NameOf(resource.Address);
            if (name is { Length: 0 })
            {
                // RFC 6578, 3.6 and RFC 5323, 2.3.2: a list that was cut says so by a status of the collection itself.
                self |= resource is { Status: null, IsCollection: true };
                whole &= resource.Status is null;
            }
            else if (name is not null && resource.Status is null)
            {
                members.TryAdd(name, resource);
            }
            else if (name is not null && StoreName.IsValid(name) && resource.Status is not (404 or 410))
            {
                whole = false;
            }
        }
        return !whole ? throw client.Errors.Unavailable("it lists only a part of the collection", "Raise the limit of the server for listings (PROPFIND), or use several collections.")
            : !self ? throw client.Errors.Unavailable("what it lists is not the collection at this address",
                "Check that the address is that of a collection, as the server itself writes it; a proxy before it must not change addresses.")
            : members;
    }

    private static bool IsPart(HttpResponseMessage message) => message.Headers.TryGetValues("Link", out IEnumerable<string>? links)
        && links.Any(l => l.Contains("rel=next", StringComparison.OrdinalIgnoreCase) || l.Contains("rel=\"next\"", StringComparison.OrdinalIgnoreCase));

    /// <summary>The name of a member, "" for the collection itself, null for what is elsewhere.</summary>
    private string? NameOf(string written)
    {
        if (written.Length == 0 || !Uri.TryCreate(address, written, out Uri? target)
            || target.Query.Length > 0 || target.Fragment.Length > 0 || target.UserInfo.Length > 0
            || Uri.Compare(target, address, UriComponents.SchemeAndServer, UriFormat.UriEscaped, StringComparison.OrdinalIgnoreCase) != 0)
        {
            return null;
        }
        string[] parts = PartsOf(target);
        return !parts.AsSpan(0, Math.Min(parts.Length, _path.Length)).SequenceEqual(_path) ? null
            : parts.Length == _path.Length ? ""
            : parts.Length == _path.Length + 1 ? parts[^1]
            : null;
    }

    // Part by part, after which a slash in a name is no separator any more.
    private static string[] PartsOf(Uri target) => [.. target.AbsolutePath.Split('/', StringSplitOptions.RemoveEmptyEntries).Select(Uri.UnescapeDataString)];
}
