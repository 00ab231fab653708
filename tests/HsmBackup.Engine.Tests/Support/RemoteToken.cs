using System.Diagnostics;
using System.Globalization;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Format;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>
/// A token at the other end of a connection, as one in a network is: SoftHSM behind "p11-kit server", reached through p11-kit's client
/// library. The server can be killed with all that it started, and started again.
/// </summary>
internal sealed class RemoteToken : ITestToken
{
    private const string Program = "p11-kit";
    private readonly SoftHsmToken _token;
    private readonly string _folder;
    private readonly string _module;
    private Process? _server;

    /// <param name="token">The token; it is disposed with this.</param>
    /// <param name="folder">Where the client's copy and the socket are put.</param>
    /// <param name="module">The library that the server loads; null for the token's own.</param>
    public RemoteToken(SoftHsmToken token, string folder, string? module = null)
    {
        _token = token;
        _module = module ?? token.Address.Library.Path;
        // The name of a socket may have no more than some hundred characters.
        _folder = Directory.CreateDirectory(Path.Combine(folder, Path.GetRandomFileName())).FullName;
        // A library loaded twice is one instance with one server.
        string client = Path.Combine(_folder, "p11-kit-client.so");
        File.Copy(FindClient()!, client);
        Address = new TokenAddress(new LibraryLocation(client)
        {
            Environment = new Dictionary<string, string> { ["P11_KIT_SERVER_ADDRESS"] = "unix:path=" + Socket },
        }, token.Address.TokenLabel!);
        Start();
    }

    public TokenAddress Address { get; }

    /// <summary>The same token without the connection.</summary>
    public TokenAddress Behind => _token.Address;

    public Pin Pin => _token.Pin;

    private string Socket => Path.Combine(_folder, "socket");

    /// <summary>Why there can be none here; null where there can.</summary>
    public static string? WhyNot() => FindClient() is null || !Tool.Exists(Program)
        ? "p11-kit's server and client are not installed (Debian: apt-get install p11-kit p11-kit-modules)."
        : !Tool.Exists("setsid") ? "There is no setsid, by which a server is killed with all that it started."
        : FaultyLibrary.WhyNot();

    /// <summary>Starts the server; afterwards it takes connections.</summary>
    public void Start()
    {
        File.Delete(Socket);
        // Each connection has a process of its own. In a session of their own, all have the server's process id as the id of their group.
        var start = new ProcessStartInfo("setsid", [Program, "server", "-f", "-n", Socket, "-p", _module, $"pkcs11:token={Address.TokenLabel}"])
        {
            RedirectStandardOutput = true,
            Environment = { ["SOFTHSM2_CONF"] = _token.Address.Library.Environment!["SOFTHSM2_CONF"] },
        };
        _server = Process.Start(start)!;
        // It says where it listens once it does.
        string? said = _server.StandardOutput.ReadLine();
        Assert.True(said?.StartsWith("P11_KIT_SERVER_ADDRESS=", StringComparison.Ordinal) == true, $"p11-kit server did not start: {said}");
    }

    /// <summary>Kills the server and its connections, as when a machine goes down.</summary>
    public void Kill()
    {
        if (_server is null)
        {
            return;
        }
        string group = (-_server.Id).ToString(CultureInfo.InvariantCulture);
        Tool.Run("sh", ["-c", $"kill -KILL {group}"]);
        _server.WaitForExit();
        _server.Dispose();
        _server = null;
    }

    public void Replace() => _token.Replace();

    public void Dispose()
    {
        Kill();
        _token.Dispose();
    }

    private static string? FindClient() => Array.Find(
        ["/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so", "/usr/lib/aarch64-linux-gnu/pkcs11/p11-kit-client.so", "/usr/lib64/pkcs11/p11-kit-client.so"],
        File.Exists);
}

/// <summary>A test that needs a token behind p11-kit; where that is missing, the test says so and is skipped.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RemoteTokenFactAttribute : FactAttribute
{
    public RemoteTokenFactAttribute() => Skip = RemoteToken.WhyNot();
}

/// <summary>The same for several cases.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RemoteTokenTheoryAttribute : TheoryAttribute
{
    public RemoteTokenTheoryAttribute() => Skip = RemoteToken.WhyNot();
}
