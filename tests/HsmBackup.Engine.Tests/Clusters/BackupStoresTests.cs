using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters;

/// <summary>The stores of a definition, opened.</summary>
public sealed class BackupStoresTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_kind_becomes_a_store_of_its_name()
    {
        using IBackupStore local = BackupStores.Open(Store(StoreKind.Directory, _folder.Root), PinAsker.Nobody);
        using IBackupStore safe = BackupStores.Open(Store(StoreKind.Offline, _folder.Root), PinAsker.Nobody);
        using IBackupStore remote = BackupStores.Open(Store(StoreKind.WebDav, "https://localhost:1/dav"), PinAsker.Nobody);

        Assert.IsType<DirectoryStore>(local);
        Assert.IsType<OfflineStore>(safe);
        Assert.Equal("https://localhost:1/dav/", Assert.IsType<WebDavStore>(remote).Location);
        Assert.All([local, safe, remote], s => Assert.Equal("x", s.Name));
    }

    [Theory]
    [InlineData(StoreAuthentication.Basic)]
    [InlineData(StoreAuthentication.Bearer)]
    public void Password_authority_and_pin_come_from_the_definition(StoreAuthentication authentication)
    {
        using var identity = new TlsIdentity(_folder.File("tls"));
        using var server = new FaultServer(identity);
        string password = _folder.File("password");
        File.WriteAllText(password, "s3cret\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(password, UnixFileMode.UserRead);
        }
        ClusterStore definition = Store(StoreKind.WebDav, $"https://localhost:{server.Port}{FaultServer.Collection}") with
        {
            User = authentication == StoreAuthentication.Basic ? "user" : null,
            Password = new FilePin(password),
            Authentication = authentication,
            CertificateAuthority = identity.AuthorityFile,
            CertificatePin = identity.Pin,
        };
        using IBackupStore store = BackupStores.Open(definition, PinAsker.Nobody);

        Assert.Empty(store.List(CancellationToken.None));

        Assert.Equal(authentication == StoreAuthentication.Basic ? "Basic " + Convert.ToBase64String("user:s3cret"u8) : "Bearer s3cret",
            Assert.Single(server.Requests).Headers["Authorization"]);
        using IBackupStore mistrustful = BackupStores.Open(definition with { CertificatePin = new string('0', 64) }, PinAsker.Nobody);
        Refusal.Of(ErrorCode.StoreUntrusted, () => mistrustful.List(CancellationToken.None));
    }

    [Fact]
    public void A_password_that_nobody_has_is_named()
    {
        ClusterStore definition = Store(StoreKind.WebDav, "https://localhost:1/dav") with { User = "user", Password = new PromptPin() };

        Assert.Contains("'x'", Refusal.Of(ErrorCode.PinUnavailable, () => _ = BackupStores.Open(definition, PinAsker.Nobody)).Message, StringComparison.Ordinal);
    }

    private static ClusterStore Store(StoreKind kind, string location) => new() { Name = "x", Kind = kind, Location = location };
}
