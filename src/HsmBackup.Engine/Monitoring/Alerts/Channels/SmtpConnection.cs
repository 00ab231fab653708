using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Monitoring.Alerts.Channels;

/// <summary>
/// Hands a mail to a server (RFC 5321), always under TLS. The platform's own SmtpClient knows neither TLS from the beginning nor
/// authorities of a connection's own.
/// </summary>
internal sealed class SmtpConnection : IDisposable
{
    private const int MaxReply = 64 * 1024;

    private readonly AlertChannel _channel;
    private readonly TcpClient _client = new();
    private readonly ServerTrust _trust;
    private Stream _stream = Stream.Null;
    private readonly byte[] _buffer = new byte[4096];
    private int _start;
    private int _end;
    private IReadOnlyList<string> _extensions = [];

    private SmtpConnection(AlertChannel channel)
    {
        _channel = channel;
        _trust = new ServerTrust(channel.CertificateAuthority, channel.CertificatePin);
    }

    /// <summary>Hands a mail over.</summary>
    /// <param name="channel">The server, and who sends it.</param>
    /// <param name="password">The password; null where the server wants none.</param>
    /// <param name="recipients">Who gets it.</param>
    /// <param name="mail">The mail: lines that end with CR LF, none of which begins with a dot.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>Recipients that the server refused, where it took others.</returns>
    /// <exception cref="AlertNotSentException">It was not taken.</exception>
    public static IReadOnlyList<UnreachedAddress> Send(
        AlertChannel channel, Pin? password, IReadOnlyList<string> recipients, byte[] mail, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(channel.Timeout);
        using var connection = new SmtpConnection(channel);
        // Reading and writing end when the connection does.
        using CancellationTokenRegistration end = limit.Token.Register(connection._client.Dispose);
        try
        {
            connection.Connect(limit.Token);
            if (password is not null)
            {
                connection.LogIn(channel.User!, password);
            }
            return connection.HandOver(recipients, mail);
        }
        catch (Exception e) when (e is IOException or SocketException or AuthenticationException or ObjectDisposedException
            or OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new AlertNotSentException(
                limit.IsCancellationRequested ? FormattableString.Invariant($"the mail server did not answer within {channel.Timeout.TotalSeconds} seconds")
                : connection._trust.Refusal is { } refusal ? $"the mail server is not trusted: {refusal}"
                : $"the mail server was not reached: {e.Message.TrimEnd('.')}", passes: true, e)
            { ConcernsAll = !limit.IsCancellationRequested };
        }
    }

    public void Dispose()
    {
        _stream.Dispose();
        _client.Dispose();
    }

    private void Connect(CancellationToken cancellationToken)
    {
        bool tls = _channel.Security == MailSecurity.Tls;
        _client.ConnectAsync(_channel.Server!.Trim('[', ']'), _channel.Port ?? (tls ? 465 : 587), cancellationToken).AsTask().GetAwaiter()
            .GetResult();
        _stream = _client.GetStream();
        if (tls)
        {
            Encrypt(cancellationToken);
        }
        Expect(220, "greet");
        Hello();
        if (!tls)
        {
            if (!_extensions.Contains("STARTTLS", StringComparer.OrdinalIgnoreCase))
            {
                throw new AlertNotSentException("the mail server offers no STARTTLS, and nothing is said to it in the clear", passes: true)
                { ConcernsAll = true };
            }
            Say("STARTTLS", 220);
            // What came after the answer came from anybody, and must not pass for the server's (CVE-2011-0411).
            if (_start < _end)
            {
                throw new AlertNotSentException("the mail server said more than it was asked before the connection was encrypted",
                    passes: true)
                { ConcernsAll = true };
            }
            Encrypt(cancellationToken);
            Hello();
        }
    }

    private void Encrypt(CancellationToken cancellationToken)
    {
        var tls = new SslStream(_stream);
        _stream = tls;
        SslClientAuthenticationOptions options = _trust.Options();
        options.TargetHost = _channel.Server!.Trim('[', ']');
        tls.AuthenticateAsClientAsync(options, cancellationToken).GetAwaiter().GetResult();
    }

    // An address of this connection says all that the server may need to know of this computer.
    private void Hello()
    {
        IPAddress own = ((IPEndPoint)_client.Client.LocalEndPoint!).Address;
        own = own.IsIPv4MappedToIPv6 ? own.MapToIPv4() : own;
        string name = own.AddressFamily == AddressFamily.InterNetworkV6 ? $"[IPv6:{own}]" : $"[{own}]";
        _extensions = [.. Say($"EHLO {name}", 250).Skip(1)];
    }

    private void LogIn(string user, Pin password)
    {
        string offered = _extensions.FirstOrDefault(e => e.StartsWith("AUTH ", StringComparison.OrdinalIgnoreCase)) ?? "";
        if (offered.Split(' ').Contains("PLAIN", StringComparer.OrdinalIgnoreCase))
        {
            byte[] name = Encoding.UTF8.GetBytes(user);
            using var plain = new SecretBuffer(name.Length + password.Bytes.Length + 2);
            name.CopyTo(plain.Span[1..]);
            password.Bytes.CopyTo(plain.Span[(name.Length + 2)..]);
            SaySecret("AUTH PLAIN ", plain.Span, 235);
        }
        else if (offered.Split(' ').Contains("LOGIN", StringComparer.OrdinalIgnoreCase))
        {
            Say("AUTH LOGIN", 334);
            SaySecret("", Encoding.UTF8.GetBytes(user), 334);
            SaySecret("", password.Bytes, 235);
        }
        else
        {
            throw new AlertNotSentException("the mail server offers no way to log in that is known here (PLAIN, LOGIN)", passes: true)
            { ConcernsAll = true };
        }
    }

    private List<UnreachedAddress> HandOver(IReadOnlyList<string> recipients, byte[] mail)
    {
        Say($"MAIL FROM:<{_channel.From}>", 250);
        var refused = new List<UnreachedAddress>();
        AlertNotSentException? last = null;
        foreach (string recipient in recipients)
        {
            try
            {
                Say($"RCPT TO:<{recipient}>", 250, 251);
            }
            catch (AlertNotSentException e)
            {
                refused.Add(new UnreachedAddress(recipient, e.Message, e.Passes));
                last = e;
            }
        }
        if (refused.Count == recipients.Count)
        {
            throw last!;
        }
        Say("DATA", 354);
        _stream.Write(mail);
        Say(".", 250);
        TryQuit();
        return refused;
    }

    // The mail is the server's by now, whatever becomes of the farewell.
    private void TryQuit()
    {
        try
        {
            _stream.Write("QUIT\r\n"u8);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            return;
        }
    }

    private List<string> Say(string command, params int[] expected)
    {
        _stream.Write(Encoding.UTF8.GetBytes(command + "\r\n"));
        return Expect(expected, command.Split(' ', ':')[0]);
    }

    private void SaySecret(string command, ReadOnlySpan<byte> secret, int expected)
    {
        using var line = new SecretBuffer(command.Length + Base64.GetMaxEncodedToUtf8Length(secret.Length) + 2);
        int length = Encoding.ASCII.GetBytes(command, line.Span);
        _ = Base64.EncodeToUtf8(secret, line.Span[length..], out _, out int encoded);
        length += encoded;
        "\r\n"u8.CopyTo(line.Span[length..]);
        _stream.Write(line.Span[..(length + 2)]);
        Expect([expected], "AUTH", isSecret: true);
    }

    private List<string> Expect(int expected, string what) => Expect([expected], what);

    private List<string> Expect(int[] expected, string what, bool isSecret = false)
    {
        var lines = new List<string>();
        string line;
        int length = 0;
        do
        {
            line = ReadLine();
            length += line.Length;
            if (line.Length < 3 || !int.TryParse(line.AsSpan(0, 3), NumberStyles.None, CultureInfo.InvariantCulture, out _)
                || length > MaxReply)
            {
                throw new AlertNotSentException("what answers is not a mail server", passes: true) { ConcernsAll = true };
            }
            lines.Add(line.Length > 4 ? line[4..] : "");
        }
        while (line.Length > 3 && line[3] == '-');
        int code = int.Parse(line.AsSpan(0, 3), CultureInfo.InvariantCulture);
        // A server may repeat what it was told.
        string said = isSecret ? "" : $": {DisplayText.Harmless(lines[^1])}";
        return expected.Contains(code) ? lines : throw new AlertNotSentException(
            FormattableString.Invariant($"the mail server answered {code} to {what}{said}"),
            // A password that was refused is not said again at once: that locks accounts.
            passes: code < 500 || what is "greet" or "EHLO" or "STARTTLS")
        { ConcernsAll = what is "AUTH" or "greet" or "EHLO" or "STARTTLS" };
    }

    private string ReadLine()
    {
        var line = new StringBuilder();
        while (line.Length <= MaxReply)
        {
            if (_start == _end)
            {
                _start = 0;
                _end = _stream.Read(_buffer);
                if (_end == 0)
                {
                    throw new EndOfStreamException("it ended the connection");
                }
            }
            char next = (char)_buffer[_start++];
            if (next == '\n')
            {
                return line.ToString().TrimEnd('\r');
            }
            line.Append(next);
        }
        return line.ToString();
    }
}
