using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>A request as the fault server got it, without its body.</summary>
internal sealed record DavRequest(string Method, string Path, IReadOnlyDictionary<string, string> Headers)
{
    public string Name => Uri.UnescapeDataString(Path[(Path.LastIndexOf('/') + 1)..]);

    public bool IsTemporary => Name.StartsWith('.');
}

/// <summary>What goes wrong with a request; nothing where all is left out.</summary>
internal sealed record DavFault
{
    /// <summary>The answer is this, and nothing is done.</summary>
    public int? Status { get; init; }

    /// <summary>More headers of the answer.</summary>
    public string Headers { get; init; } = "";

    /// <summary>The body of the answer, in place of the right one; with a status of its own or 207.</summary>
    public string? Body { get; init; }

    /// <summary>The connection is cut after so many bytes of what is sent to the server; it keeps them.</summary>
    public int? CutUploadAt { get; init; }

    /// <summary>The connection is cut after so many bytes of the answer's body.</summary>
    public int? CutAnswerAt { get; init; }

    /// <summary>All is done, and the connection is cut instead of an answer.</summary>
    public bool CutAfter { get; init; }

    /// <summary>Nothing is done or said.</summary>
    public bool Silent { get; init; }

    /// <summary>Ranges are not heeded.</summary>
    public bool IgnoreRange { get; init; }

    /// <summary>What is stored, or sent, is another byte somewhere.</summary>
    public bool Corrupt { get; init; }

    /// <summary>What happens before the answer.</summary>
    public Action? Before { get; init; }
}

/// <summary>A small WebDAV server in memory, over TLS, that does wrong what a test wants.</summary>
internal sealed class FaultServer : IDisposable
{
    public const string Collection = "/dav/";

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly TlsIdentity _identity;
    private readonly ConcurrentDictionary<TcpClient, bool> _clients = new();

    public FaultServer(TlsIdentity identity)
    {
        _identity = identity;
        _listener.Start();
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>What it holds: names, contents and entity tags.</summary>
    public ConcurrentDictionary<string, (byte[] Content, string ETag)> Files { get; } = new();

    /// <summary>All requests so far.</summary>
    public ConcurrentQueue<DavRequest> Requests { get; } = new();

    /// <summary>How many connections there were.</summary>
    public int Connections;

    /// <summary>Decides what goes wrong.</summary>
    public Func<DavRequest, DavFault?> Fault { get; set; } = _ => null;

    public int Count(string method) => Requests.Count(r => r.Method == method);

    public void Dispose()
    {
        _listener.Dispose();
        foreach (TcpClient client in _clients.Keys)
        {
            client.Dispose();
        }
    }

    private void Accept()
    {
        try
        {
            while (true)
            {
                TcpClient client = _listener.AcceptTcpClient();
                Interlocked.Increment(ref Connections);
                _clients[client] = true;
                new Thread(() => Serve(client)) { IsBackground = true }.Start();
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // Disposed.
        }
    }

    private void Serve(TcpClient client)
    {
        try
        {
            using (client)
            using (var tls = new SslStream(client.GetStream()))
            {
                tls.AuthenticateAsServer(_identity.Certificate);
                while (ReadHead(tls) is { } request && Answer(request, tls))
                {
                }
            }
        }
        catch (Exception e) when (e is IOException or AuthenticationException or ObjectDisposedException or InvalidOperationException or SocketException)
        {
            // The client went away, or does not trust us.
        }
        finally
        {
            _clients.TryRemove(client, out _);
        }
    }

    private static DavRequest? ReadHead(Stream stream)
    {
        var head = new StringBuilder();
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            int read = stream.ReadByte();
            if (read < 0)
            {
                return null;
            }
            head.Append((char)read);
        }
        string[] lines = head.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        string[] first = lines[0].Split(' ');
        return new DavRequest(first[0], first[1], lines.Skip(1).Select(l => l.Split(": ", 2)).ToDictionary(l => l[0], l => l[1], StringComparer.OrdinalIgnoreCase));
    }

    private bool Answer(DavRequest request, Stream stream)
    {
        Requests.Enqueue(request);
        DavFault fault = Fault(request) ?? new DavFault();
        fault.Before?.Invoke();
        if (fault.Silent)
        {
            Thread.Sleep(Timeout.Infinite);
        }
        int length = request.Headers.TryGetValue("Content-Length", out string? text) ? int.Parse(text, CultureInfo.InvariantCulture) : 0;
        if (fault.Status is { } early && request.Headers.ContainsKey("Expect"))
        {
            Send(stream, early, fault.Headers + "Connection: close\r\n", [], null);
            return false;
        }
        if (request.Headers.ContainsKey("Expect"))
        {
            stream.Write("HTTP/1.1 100 Continue\r\n\r\n"u8);
        }
        byte[] body = new byte[Math.Min(length, fault.CutUploadAt ?? int.MaxValue)];
        stream.ReadExactly(body);
        if (fault.CutUploadAt is not null)
        {
            // As bad as it gets: half a file under the name that was asked for.
            Put(request.Name, body);
            return false;
        }
        if (fault.Status is not null || fault.Body is not null)
        {
            return Send(stream, fault.Status ?? 207, fault.Headers, Encoding.UTF8.GetBytes(fault.Body ?? ""), fault.CutAnswerAt);
        }
        (int status, string headers, byte[] content) = Do(request, body, fault);
        return !fault.CutAfter && Send(stream, status, headers + fault.Headers, content, fault.CutAnswerAt);
    }

    private (int Status, string Headers, byte[] Content) Do(DavRequest request, byte[] body, DavFault fault)
    {
        switch (request.Method)
        {
            case "PUT":
                if (fault.Corrupt)
                {
                    body[^1] ^= 1;
                }
                Put(request.Name, body);
                return (201, "", []);
            case "DELETE":
                return (Files.TryRemove(request.Name, out _) ? 204 : 404, "", []);
            case "MOVE":
                return (Move(request), "", []);
            case "PROPFIND":
                return Describe(request);
            case "GET":
                return Get(request, fault);
            default:
                return (405, "", []);
        }
    }

    private void Put(string name, byte[] content) => Files[name] = (content, '"' + Convert.ToHexStringLower(SHA256.HashData(content))[..12] + '"');

    private int Move(DavRequest request)
    {
        string to = new DavRequest("", new Uri(request.Headers["Destination"]).AbsolutePath, request.Headers).Name;
        if (!Files.TryGetValue(request.Name, out (byte[] Content, string ETag) file))
        {
            return 404;
        }
        if (request.Headers["Overwrite"] == "F" && !Files.TryAdd(to, file))
        {
            return 412;
        }
        Files[to] = file;
        Files.TryRemove(request.Name, out _);
        return 201;
    }

    private (int Status, string Headers, byte[] Content) Describe(DavRequest request)
    {
        var xml = new StringBuilder("<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\">");
        if (request.Name.Length == 0)
        {
            xml.Append("<D:response><D:href>").Append(Collection).Append("</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop>"
                + "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>");
            foreach (string name in Files.Keys)
            {
                xml.Append(Member(name));
            }
        }
        else if (Files.ContainsKey(request.Name))
        {
            xml.Append(Member(request.Name));
        }
        else
        {
            return (404, "", []);
        }
        return (207, "", Encoding.UTF8.GetBytes(xml.Append("</D:multistatus>").ToString()));
    }

    private string Member(string name) => Response(Collection + Uri.EscapeDataString(name), Files[name].Content.Length);

    /// <summary>A member of a listing.</summary>
    public static string Response(string address, int length) => $"<D:response><D:href>{address}</D:href><D:propstat><D:prop><D:resourcetype/>"
        + $"<D:getcontentlength>{length}</D:getcontentlength><D:getlastmodified>Sat, 21 Nov 2026 22:53:00 GMT</D:getlastmodified></D:prop>"
        + "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>";

    private (int Status, string Headers, byte[] Content) Get(DavRequest request, DavFault fault)
    {
        if (!Files.TryGetValue(request.Name, out (byte[] Content, string ETag) file))
        {
            return (404, "", []);
        }
        byte[] content = [.. file.Content];
        if (fault.Corrupt)
        {
            content[^1] ^= 1;
        }
        string headers = $"ETag: {file.ETag}\r\n";
        bool same = !request.Headers.TryGetValue("If-Range", out string? version) || version == file.ETag;
        if (!same || fault.IgnoreRange || !request.Headers.TryGetValue("Range", out string? range))
        {
            return (200, headers, content);
        }
        string[] ends = range["bytes=".Length..].Split('-');
        int from = int.Parse(ends[0], CultureInfo.InvariantCulture);
        int to = Math.Min(content.Length - 1, ends[1].Length > 0 ? int.Parse(ends[1], CultureInfo.InvariantCulture) : int.MaxValue);
        return from >= content.Length ? (416, headers, [])
            : (206, $"{headers}Content-Range: bytes {from}-{to}/{content.Length}\r\n", content[from..(to + 1)]);
    }

    private static bool Send(Stream stream, int status, string headers, byte[] content, int? cutAt)
    {
        stream.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"HTTP/1.1 {status} Whatever\r\nDate: {DateTimeOffset.UtcNow:r}\r\nContent-Length: {content.Length}\r\n{headers}\r\n")));
        stream.Write(content, 0, Math.Min(content.Length, cutAt ?? int.MaxValue));
        stream.Flush();
        return cutAt is null;
    }
}
