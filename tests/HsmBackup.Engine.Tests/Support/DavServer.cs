using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>A real WebDAV server on this machine, started when it is first used, whose files are in a folder.</summary>
public abstract class DavServer : IDisposable
{
    public const string User = "backup";
    public const string Password = "pass:wörd";

    private readonly TestFolder _folder = new();
    private TlsIdentity? _identity;
    private Process? _process;

    /// <summary>The folder that is served.</summary>
    public string Folder
    {
        get
        {
            Start();
            return Path.Combine(_folder.Root, "dav");
        }
    }

    public int Port { get; } = FreePort();

    internal TlsIdentity Identity => _identity ??= new TlsIdentity(_folder.File("tls"));

    /// <summary>The folder of the server itself.</summary>
    protected string Root => _folder.Root;

    /// <summary>What it takes to reach a collection of it.</summary>
    internal WebDavSettings SettingsFor(string collection, int? port = null, string password = Password) => new()
    {
        Collection = new Uri($"https://localhost:{port ?? Port}/{collection}"),
        Credentials = WebDavCredentials.Basic(User, Pin.FromChars(password)),
        CertificateAuthority = Identity.AuthorityFile,
        Patience = new WebDavPatience { FirstDelay = TimeSpan.FromMilliseconds(50), Silence = TimeSpan.FromSeconds(20) },
    };

    /// <summary>Lets the server write to a folder that the test made.</summary>
    public virtual void Open(string folder)
    {
    }

    /// <summary>Waits until it has seen what a test put into a folder.</summary>
    public virtual void WaitForChanges()
    {
    }

    public void Dispose()
    {
        if (_process is not null)
        {
            // Its children are its own business then.
            Programs.Run("kill", "-TERM", _process.Id.ToString(CultureInfo.InvariantCulture));
            if (!_process.WaitForExit(10_000))
            {
                _process.Kill(entireProcessTree: true);
            }
            _process.Dispose();
        }
        _identity?.Dispose();
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The command that serves the folder until it is told to stop.</summary>
    protected abstract ProcessStartInfo Command(string served);

    private void Start()
    {
        if (_process is not null)
        {
            return;
        }
        ProcessStartInfo start = Command(_folder.Folder("dav"));
        start.RedirectStandardError = true;
        start.RedirectStandardOutput = true;
        _process = Process.Start(start)!;
        Task<string> errors = _process.StandardError.ReadToEndAsync();
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        Assert.True(SpinWait.SpinUntil(() => _process.HasExited || Answers(), TimeSpan.FromSeconds(20)) && !_process.HasExited,
            $"{start.FileName} did not start: {(_process.HasExited ? errors.Result : "no answer")}");
    }

    private bool Answers()
    {
        try
        {
            using var client = new TcpClient();
            client.Connect(IPAddress.Loopback, Port);
            return true;
        }
        catch (SocketException)
        {
            Thread.Sleep(20);
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

/// <summary>Apache with mod_dav, in a configuration of its own.</summary>
public sealed class ApacheServer : DavServer
{
    public const string Program = "/usr/sbin/apache2";
    private const string Modules = "/usr/lib/apache2/modules";

    private static readonly bool IsRoot = Environment.UserName == "root";

    public override void Open(string folder)
    {
        if (IsRoot)
        {
            Tool("chown", "www-data:www-data", folder);
        }
    }

    protected override ProcessStartInfo Command(string served)
    {
        // Started by root, it serves as another user, who must come to the folder.
        Tool("chmod", "755", Root);
        Open(served);
        Open(Directory.CreateDirectory(Path.Combine(Root, "locks")).FullName);
        string passwords = Path.Combine(Root, "passwords");
#pragma warning disable CA5350 // A form of Apache's password file that needs no program to be made.
        File.WriteAllText(passwords, $"{User}:{{SHA}}{Convert.ToBase64String(SHA1.HashData(Encoding.UTF8.GetBytes(Password)))}\n");
#pragma warning restore CA5350
        string configuration = Path.Combine(Root, "apache.conf");
        File.WriteAllText(configuration, $"""
            ServerRoot "{Root}"
            ServerName localhost
            PidFile "{Root}/apache.pid"
            DefaultRuntimeDir "{Root}"
            ErrorLog "{Root}/error.log"
            LogLevel warn
            Listen 127.0.0.1:{Port}
            {string.Join('\n', Array.ConvertAll(["mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "dav", "dav_fs", "ssl"],
                m => $"LoadModule {m}_module {Modules}/mod_{m}.so"))}
            {(IsRoot ? "User www-data\nGroup www-data" : "")}
            StartServers 1
            ThreadsPerChild 16
            MaxRequestWorkers 32
            ServerLimit 2
            DavLockDB "{Root}/locks/DavLock"
            DocumentRoot "{served}"
            LimitRequestBody 0
            SSLEngine on
            SSLCertificateFile "{Identity.CertificateFile}"
            SSLCertificateKeyFile "{Identity.KeyFile}"
            <Directory "{served}">
                Dav On
                Options None
                AllowOverride None
                AuthType Basic
                AuthName "backups"
                AuthUserFile "{passwords}"
                Require valid-user
            </Directory>

            """);
        return new ProcessStartInfo(Program, ["-DFOREGROUND", "-f", configuration]);
    }

    private static void Tool(string program, params string[] arguments) => Assert.Equal(0, Programs.Run(program, arguments).ExitCode);
}

/// <summary>The WebDAV server of rclone. It does not heed If-None-Match.</summary>
public sealed class RcloneServer : DavServer
{
    public const string Program = "rclone";

    protected override ProcessStartInfo Command(string served) => new(Program,
    [
        "serve", "webdav", served, "--config", Path.Combine(Root, "rclone.conf"), "--addr", $"127.0.0.1:{Port}",
        "--cert", Identity.CertificateFile, "--key", Identity.KeyFile, "--user", User, "--pass", Password,
        "--dir-cache-time", "300ms",
    ]);

    // It would look into the folder for each file of a list that takes longer than its memory.
    public override void WaitForChanges() => Thread.Sleep(600);
}
