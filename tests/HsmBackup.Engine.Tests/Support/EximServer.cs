using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using HsmBackup.Engine.Tests.Protection;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>A mail that the server took.</summary>
internal sealed record TakenMail(string Envelope, string Body)
{
    /// <summary>To whom it goes: in exim's own file, after the line for those who have it already, which here is nobody.</summary>
    public IReadOnlyList<string> Recipients => [.. Envelope.Split('\n').SkipWhile(line => line != "XX").Skip(2).TakeWhile(line => line.Length > 0)];
}

/// <summary>Debian's exim on loopback, which takes mail under TLS from who knows the password, and keeps it in its queue.</summary>
internal sealed partial class EximServer : IDisposable
{
    public const string User = "hsmbackup";
    public const string Password = "sésame&%";

    private readonly TestFolder _folder = new();
    private Process? _process;

    public EximServer(bool tlsFromTheBeginning = false)
    {
        Identity = new TlsIdentity(_folder.File("tls"));
        Port = FreePort();
        // Braces are exim's own: both texts must be those that are expected.
        string condition = "${if and{{eq{$auth2}{" + User + "}}{eq{$auth3}{" + Password + "}}}}";
        string putOff = "${if exists{" + Sign("busy") + "}{later}}", refused = "${if exists{" + Sign("strict") + "}{later : refused}{refused}}";
        File.WriteAllText(Configuration, $$$"""
            spool_directory = {{{_folder.Folder("spool")}}}
            log_file_path = {{{_folder.Folder("log")}}}/%slog
            exim_user = {{{IdOf("-u")}}}
            exim_group = {{{IdOf("-g")}}}
            primary_hostname = localhost
            domainlist local_domains = example.com
            local_interfaces = 127.0.0.1
            daemon_smtp_ports = {{{Port}}}
            tls_on_connect_ports = {{{(tlsFromTheBeginning ? Port : 465)}}}
            tls_advertise_hosts = *
            tls_certificate = {{{Identity.CertificateFile}}}
            tls_privatekey = {{{Identity.KeyFile}}}
            auth_advertise_hosts = ${if def:tls_in_cipher {*}}
            acl_smtp_rcpt = recipients
            host_lookup =
            keep_environment =
            queue_only
            queue_only_override = false
            begin acl
            recipients:
              deny local_parts = {{{refused}}}
              defer local_parts = {{{putOff}}}
              accept authenticated = *
                     domains = +local_domains
              deny message = who are you
            begin authenticators
            plain:
              driver = plaintext
              public_name = PLAIN
              server_prompts = :
              server_condition = {{{condition}}}

            """);
        Start();
    }

    public TlsIdentity Identity { get; }

    public int Port { get; }

    /// <summary>Whether it puts mail for "later" off, as servers do that have never heard of a sender.</summary>
    public bool IsBusy
    {
        set => Set("busy", value);
    }

    /// <summary>Whether it refuses mail for "later" for good.</summary>
    public bool IsStrict
    {
        set => Set("strict", value);
    }

    private string Configuration => _folder.File("exim.conf");

    /// <summary>The mails in its queue, in the order of their ids.</summary>
    public IReadOnlyList<TakenMail> Mails
    {
        get
        {
            string input = _folder.File("spool/input");
            return !Directory.Exists(input) ? [] : [.. Directory.GetFiles(input, "*-H").Order(StringComparer.Ordinal).Select(head => new TakenMail(
                File.ReadAllText(head, Encoding.Latin1),
                Encoding.UTF8.GetString(Convert.FromBase64String(string.Concat(File.ReadLines(head[..^1] + "D").Skip(1))))))];
        }
    }

    public void Start()
    {
        _process = Process.Start(new ProcessStartInfo("/usr/sbin/exim4", ["-C", Configuration, "-bdf", "-oP", _folder.File("pid")]) { RedirectStandardError = true })!;
        for (int i = 0; i < 600 && !IsThere(); i++)
        {
            if (_process.HasExited)
            {
                throw new InvalidOperationException($"exim4 ended: {_process.StandardError.ReadToEnd()}");
            }
            Thread.Sleep(50);
        }
    }

    public void Stop()
    {
        _process?.Kill(entireProcessTree: true);
        _process?.WaitForExit();
        _process?.Dispose();
        _process = null;
    }

    public void Dispose()
    {
        Stop();
        Identity.Dispose();
        _folder.Dispose();
    }

    private string Sign(string name) => _folder.File(name);

    private void Set(string name, bool value)
    {
        if (value)
        {
            File.WriteAllText(Sign(name), "");
        }
        else
        {
            File.Delete(Sign(name));
        }
    }

    private bool IsThere()
    {
        using var client = new TcpClient();
        try
        {
            client.Connect(IPAddress.Loopback, Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static string IdOf(string option)
    {
        using Process id = Process.Start(new ProcessStartInfo("id", [option]) { RedirectStandardOutput = true })!;
        string said = Number().Match(id.StandardOutput.ReadToEnd()).Value;
        id.WaitForExit();
        return said;
    }

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Number();
}
