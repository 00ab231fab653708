using System.Net;
using System.Net.Sockets;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>Passes connections on to a real server, and cuts some of them after a number of bytes.</summary>
internal sealed class CutProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _target;
    private long _received;

    public CutProxy(int target)
    {
        _target = target;
        _listener.Start();
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How many of the next connections are cut.</summary>
    public int Cuts { get; set; }

    /// <summary>After how many bytes to the server.</summary>
    public long SentAtMost { get; set; } = long.MaxValue;

    /// <summary>After how many bytes from the server.</summary>
    public long ReceivedAtMost { get; set; } = long.MaxValue;

    /// <summary>How many bytes came from the server in all.</summary>
    public long Received => Interlocked.Read(ref _received);

    public int Connections { get; private set; }

    public void Dispose() => _listener.Dispose();

    private void Accept()
    {
        try
        {
            while (true)
            {
                TcpClient client = _listener.AcceptTcpClient();
                var server = new TcpClient();
                server.Connect(IPAddress.Loopback, _target);
                bool cut = Connections++ < Cuts;
                Pump(client, server, cut ? SentAtMost : long.MaxValue, null);
                Pump(server, client, cut ? ReceivedAtMost : long.MaxValue, n => Interlocked.Add(ref _received, n));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // Disposed.
        }
    }

    private static void Pump(TcpClient from, TcpClient to, long atMost, Action<int>? note) => new Thread(() =>
    {
        using (from)
        using (to)
        {
            try
            {
                byte[] buffer = new byte[16 * 1024];
                for (long left = atMost; left > 0;)
                {
                    int read = from.GetStream().Read(buffer, 0, (int)Math.Min(buffer.Length, left));
                    if (read == 0)
                    {
                        return;
                    }
                    to.GetStream().Write(buffer, 0, read);
                    note?.Invoke(read);
                    left -= read;
                }
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
            {
                // The other direction was cut.
            }
        }
    })
    { IsBackground = true }.Start();
}
