using HsmBackup.Engine.Format;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Stores;

/// <summary>A real server, with a collection for each test.</summary>
public abstract class WebDavServerTests(DavServer server) : StoreConformanceTests
{
    private readonly string _collection = Guid.NewGuid().ToString("N");

    protected DavServer Server => server;

    protected override string Medium => Path.Combine(server.Folder, _collection);

    protected override IBackupStore Open()
    {
        // Tests put files into it as well.
        server.Open(Directory.CreateDirectory(Medium).FullName);
        return new WebDavStore(Settings());
    }

    protected override void Close()
    {
    }

    protected override void WaitForChanges() => server.WaitForChanges();

    private protected WebDavSettings Settings(string below = "") => server.SettingsFor(_collection + below);

    [SuiteFact]
    public void It_is_online_and_its_files_are_elsewhere()
    {
        Assert.Equal((StoreKind.WebDav, RetentionClass.Online), (Store.Kind, Store.RetentionClass));
        Assert.Equal($"https://localhost:{server.Port}/{_collection}/", Store.Location);
        Assert.Null(Store.LocalPath("a.hsmbackup"));
    }

    [SuiteFact]
    public void The_collection_is_made_with_the_first_file_where_the_one_above_is_there()
    {
        _ = Store;
        using var below = new WebDavStore(Settings("/below"));
        using var deep = new WebDavStore(Settings("/other/deep"));
        using var content = new MemoryStream([1]);

        Assert.Empty(below.List(CancellationToken.None));
        Assert.False(Directory.Exists(Path.Combine(Medium, "below")));
        below.Add("a.hsmbackup", content, CancellationToken.None);
        Refusal.Of(ErrorCode.StoreUnavailable, () => deep.Add("a.hsmbackup", content, CancellationToken.None));

        Assert.True(File.Exists(Path.Combine(Medium, "below", "a.hsmbackup")));
        Assert.Empty(Store.List(CancellationToken.None));
    }

    [SuiteFact]
    public void Temporary_files_older_than_a_day_go_with_the_next_file()
    {
        _ = Store;
        string old = Plant(".a.hsmbackup.0123abcd.partial", TimeSpan.FromHours(25));
        string young = Plant(".b.hsmbackup.0123abcd.partial", TimeSpan.FromHours(23));
        string foreign = Plant(".c.hsmbackup.partial", TimeSpan.FromHours(25));
        WaitForChanges();

        Add("a.hsmbackup", [1]);

        Assert.False(File.Exists(old));
        Assert.True(File.Exists(young));
        Assert.True(File.Exists(foreign));
    }

    [SuiteFact]
    public void A_wrong_password_is_refused_and_not_repeated_in_the_message()
    {
        using var store = new WebDavStore(server.SettingsFor(_collection, password: "hunter2"));

        HsmBackupException refusal = Refusal.Of(ErrorCode.StoreRefused, () => store.List(CancellationToken.None));

        Assert.DoesNotContain("hunter2", refusal.ToString(), StringComparison.Ordinal);
    }

    [SuiteFact]
    public void A_large_file_comes_and_goes()
    {
        byte[] content = Bytes(20_000_000);

        Add("a.hsmbackup", content);

        Assert.Equal(content, Read("a.hsmbackup"));
    }

    private string Plant(string name, TimeSpan age)
    {
        string path = Path.Combine(Medium, name);
        File.WriteAllText(path, "half");
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow - age);
        return path;
    }
}

/// <summary>Apache with mod_dav.</summary>
[Needs(ApacheServer.Program, "apache2-bin")]
public sealed class ApacheStoreTests(ApacheServer server) : WebDavServerTests(server), IClassFixture<ApacheServer>;

/// <summary>The server of rclone.</summary>
[Needs(RcloneServer.Program, "rclone")]
public sealed class RcloneStoreTests(RcloneServer server) : WebDavServerTests(server), IClassFixture<RcloneServer>;
