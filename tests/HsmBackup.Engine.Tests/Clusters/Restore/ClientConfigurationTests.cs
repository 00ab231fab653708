using System.Text;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Clusters.Restore;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Format;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Restore;

/// <summary>The files for other programs, and those programs with them.</summary>
public sealed class ClientConfigurationTests : IDisposable
{
    private const string UserPin = "user-1234";

    // A blank and a quote in every path.
    private readonly string _folder = Directory.CreateTempSubdirectory("hsmbackup test's ").FullName;
    private readonly SoftHsmToken _token = new("other");

    private string Files => Path.Combine(_folder, "clients");

    public void Dispose()
    {
        _token.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Each_node_has_three_files_and_no_PIN_is_in_them()
    {
        ClusterNode[] nodes = [.. new[] { "zurich", "bern" }.Select(n => Node(n) with { Pin = new EnvironmentPin("HSM_PIN_OF_" + n) })];
        IReadOnlyList<string> written = ClientConfiguration.Write("payments", nodes, Files);

        Assert.Equal(["payments-bern.env", "payments-bern.module", "payments-bern.openssl.cnf", "payments-zurich.env", "payments-zurich.module", "payments-zurich.openssl.cnf"],
            written.Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        Assert.Equal(written.Order(StringComparer.Ordinal), Directory.GetFiles(Files).Order(StringComparer.Ordinal));
        Assert.All(written, f => Assert.DoesNotContain("HSM_PIN", File.ReadAllText(f), StringComparison.Ordinal));
        // Again, in place of the old ones.
        Assert.Equal(written, ClientConfiguration.Write("payments", nodes, Files));
    }

    [Fact]
    public void Names_of_tokens_become_names_of_files()
    {
        Assert.Equal("my-token---x.module", Path.GetFileName(ClientConfiguration.Write("my token", [Node("../x") with { Name = "/-x" }], Files)[0]));
    }

    [Fact]
    public void A_line_break_does_not_add_lines_of_its_own()
    {
        ClusterNode node = Node("a");
        Refusal.Of(ErrorCode.InvalidArgument, () => ClientConfiguration.Write("payments",
            [node with { Address = node.Address with { Library = node.Address.Library with { Parameters = "x\ncritical: yes" } } }], Files));
        Assert.False(Directory.Exists(Files));
    }

    [Fact]
    public void Parameters_of_a_library_are_passed_on()
    {
        ClusterNode node = Node("a");
        IReadOnlyList<string> written = ClientConfiguration.Write("payments",
            [node with { Address = node.Address with { Library = node.Address.Library with { Parameters = """configDir='sql:/d' x="y" """ } } }], Files);
        Assert.Contains("x-init-reserved: configDir='sql:/d' x=\"y\"", File.ReadAllText(written[0]), StringComparison.Ordinal);
        Assert.Contains("""INIT_ARGS = "configDir='sql:/d' x=\"y\" """, File.ReadAllText(written[1]), StringComparison.Ordinal);
        Assert.Contains("""pkcs11-module-init-args = "configDir='sql:/d' x=\"y\" """, File.ReadAllText(written[1]), StringComparison.Ordinal);
    }

    [FactWithTools("sh")]
    public void A_shell_reads_the_environment_as_it_is_meant()
    {
        string value = """it's $HOME and "quotes" `x` \ end""";
        ClusterNode node = Node("a");
        node = node with { Address = node.Address with { TokenLabel = "pay/ments & more", TokenSerial = "00a1", Library = node.Address.Library with { Environment = new Dictionary<string, string> { ["ODD"] = value, ["not-a-name"] = "x" } } } };
        string file = ClientConfiguration.Write("payments", [node], Files)[2];

        string seen = Encoding.UTF8.GetString(Tool.Run("sh", ["-c", $"set -eu; . \"$1\"; printf '%s\\n' \"$ODD\" \"$HSM_TOKEN_URI\" \"$PKCS11_MODULE_PATH\" \"$OPENSSL_CONF\"", "sh", file]));

        Assert.Equal($"{value}\npkcs11:token=pay%2Fments%20%26%20more;serial=00a1\n{node.Address.Library.Path}\n{Path.ChangeExtension(file, ".openssl.cnf")}\n", seen);
    }

    [EngineFact]
    public void OpenSsl_signs_with_a_key_of_the_token_by_its_engine()
    {
        IReadOnlyList<string> files = Prepare();
        Shell(files[2], """
            printf 'pay 100' >message
            export HSMBACKUP_OPENSSL=hsm_with_engine
            openssl dgst -engine pkcs11 -keyform engine -sign "$HSM_TOKEN_URI;object=web;type=private;pin-value=$1" -sha256 -out signature message
            openssl pkey -engine pkcs11 -inform engine -pubin -in "$HSM_TOKEN_URI;object=web;type=public;pin-value=$1" -pubout -out public
            """);
        Tool.Run("openssl", ["dgst", "-verify", "public", "-sha256", "-signature", "signature", "message"], _folder);
        // It is this library that it used, and no other that the system has.
        File.WriteAllText(files[1], File.ReadAllText(files[1]).Replace("MODULE_PATH = \"", "MODULE_PATH = \"/nowhere", StringComparison.Ordinal));
        Assert.ThrowsAny<Exception>(() => Shell(files[2], """
            HSMBACKUP_OPENSSL=hsm_with_engine openssl dgst -engine pkcs11 -keyform engine -sign "$HSM_TOKEN_URI;object=web;type=private;pin-value=$1" -sha256 -out again message
            """));
    }

    [FactWithTools("sh", "openssl")]
    public void OpenSsl_reads_the_sections_of_the_provider_and_works_without_it()
    {
        IReadOnlyList<string> files = Prepare();
        string seen = Shell(files[2], "openssl list -providers; printf 'pay 100' | openssl dgst -sha256");
        Assert.Contains("OpenSSL Default Provider", seen, StringComparison.Ordinal);
    }

    [P11KitFact]
    public void P11_kit_finds_the_token_by_its_module_file()
    {
        IReadOnlyList<string> files = Prepare();
        // p11-kit does not look into the home of root.
        string home = Path.Combine(_folder, "home");
        string modules = Path.Combine(home, ".config", "pkcs11", "modules");
        Directory.CreateDirectory(modules);
        File.Copy(files[0], Path.Combine(modules, Path.GetFileName(files[0])));
        Tool.Run("chmod", ["-R", "a+rwX", _folder, Path.GetDirectoryName(_token.Address.Library.Path)!]);

        string seen = Shell(files[2], $"setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=\"$PWD/home\" p11tool --list-tokens \"$HSM_TOKEN_URI\"");

        Assert.Contains("Label: pay ments", seen, StringComparison.Ordinal);
        Assert.Contains($"Module: {_token.Address.Library.Path}", seen, StringComparison.Ordinal);
    }

    /// <summary>A token with a key, and the files of its node.</summary>
    private IReadOnlyList<string> Prepare()
    {
        using Pin soPin = Pin.FromChars("so-12345678");
        using Pin pin = Pin.FromChars(UserPin);
        TokenAddress address = TokenInitialization.Initialize(_token.Address with { TokenLabel = "pay ments" }, soPin, pin, null, CancellationToken.None).Address;
        using (TokenConnection connection = TokenConnection.Open(address, pin, readWrite: true, CancellationToken.None))
        {
            new TokenContent(connection.Session).Rsa("web", 2048);
        }
        return ClientConfiguration.Write("payments", [Node("zurich") with { Address = address }], Files);
    }

    private string Shell(string environment, string script) =>
        Encoding.UTF8.GetString(Tool.Run("sh", ["-c", $"set -eu; . \"$2\"; {script}", "sh", UserPin, environment], _folder));

    private ClusterNode Node(string name) => new() { Name = name, Address = _token.Address with { TokenLabel = "pay ments" } };
}

/// <summary>A test that needs the PKCS#11 engine of OpenSSL; where it is missing, the test says so and is skipped.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class EngineFactAttribute : FactAttribute
{
    public EngineFactAttribute() => Skip = Array.Exists(
        ["/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so", "/usr/lib/aarch64-linux-gnu/engines-3/pkcs11.so", "/usr/lib64/engines-3/pkcs11.so"], File.Exists)
        ? null : "The PKCS#11 engine of OpenSSL is not installed (Debian: apt-get install libengine-pkcs11-openssl).";
}

/// <summary>A test that becomes another user, because p11-kit reads the configuration of no user who is root.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class P11KitFactAttribute : FactAttribute
{
    public P11KitFactAttribute() => Skip = Environment.UserName != "root" ? "Only root can become another user."
        : Array.Exists(["p11tool", "setpriv"], p => !Tool.Exists(p)) ? "p11tool or setpriv is not installed (Debian: apt-get install gnutls-bin util-linux)." : null;
}
