using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>A request that was received.</summary>
internal sealed record WebRequest(string Method, string Path, IReadOnlyDictionary<string, string> Headers, string Body);

/// <summary>Receives web requests on loopback, as the target of a webhook does. It can go away and come back on its port.</summary>
internal sealed class WebReceiver : IDisposable
{
    private TcpListener? _listener;

    public WebReceiver() => Start();

    public int Port { get; private set; }

    public string Url => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Port}/alerts?team=hsm");

    /// <summary>What was received and answered with success.</summary>
    public ConcurrentQueue<WebRequest> Taken { get; } = new();

    /// <summary>All that was received.</summary>
    public ConcurrentQueue<WebRequest> Received { get; } = new();

    /// <summary>The status of the answer to a request, with headers after it where there are some.</summary>
    public Func<WebRequest, string> Answer { get; set; } = _ => "204 No Content";

    public void Start()
    {
        _listener = new TcpListener(IPAddress.Loopback, Port);
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        TcpListener own = _listener;
        new Thread(() => Accept(own)) { IsBackground = true }.Start();
    }

    public void Stop() => _listener?.Stop();

    public void Dispose() => Stop();

    private void Accept(TcpListener listener)
    {
        try
        {
            while (true)
            {
                using TcpClient client = listener.AcceptTcpClient();
                Serve(client.GetStream());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException or IOException)
        {
            // Stopped.
            return;
        }
    }

    private void Serve(NetworkStream stream)
    {
        var head = new StringBuilder();
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            int read = stream.ReadByte();
            if (read < 0)
            {
                return;
            }
            head.Append((char)read);
        }
        string[] lines = head.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        var headers = lines.Skip(1).Select(l => l.Split(": ", 2)).ToDictionary(l => l[0], l => l[1], StringComparer.OrdinalIgnoreCase);
        byte[] body = new byte[headers.TryGetValue("Content-Length", out string? length) ? int.Parse(length, CultureInfo.InvariantCulture) : 0];
        stream.ReadExactly(body);
        string[] first = lines[0].Split(' ');
        var request = new WebRequest(first[0], first[1], headers, Encoding.UTF8.GetString(body));
        Received.Enqueue(request);
        string answer = Answer(request);
        if (answer.StartsWith('2'))
        {
            Taken.Enqueue(request);
        }
        stream.Write(Encoding.ASCII.GetBytes($"HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
    }
}
