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

    // A server takes its time to notice that a sender went away, and to remove what it has of its own.
    protected override void AssertNothingLeft() => Assert.True(SpinWait.SpinUntil(() => Everything().All(MayStay), TimeSpan.FromSeconds(10)), string.Join(", ", Everything()));

    /// <summary>Whether the server may keep such a file of one that did not come about.</summary>
    protected virtual bool MayStay(string name) => false;

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
        WaitForChanges();
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

    [SuiteFact]
    public void A_connection_that_is_cut_in_mid_PUT_is_tried_again()
    {
        _ = Store;
        using var proxy = new CutProxy(server.Port) { Cuts = 2, SentAtMost = 300_000 };
        using var store = new WebDavStore(server.SettingsFor(_collection, proxy.Port));
        using var content = new MemoryStream(Bytes(1_000_000));

        store.Add("a.hsmbackup", content, CancellationToken.None);

        Assert.InRange(proxy.Connections, 3, 10);
        Assert.Equal("a.hsmbackup", Assert.Single(Store.List(CancellationToken.None)).Name);
        Assert.Equal(content.ToArray(), Read("a.hsmbackup"));
    }

    [SuiteFact]
    public void A_connection_that_is_always_cut_in_mid_PUT_leaves_no_backup()
    {
        _ = Store;
        using var proxy = new CutProxy(server.Port) { Cuts = int.MaxValue, SentAtMost = 300_000 };
        using var store = new WebDavStore(server.SettingsFor(_collection, proxy.Port));
        using var content = new MemoryStream(Bytes(1_000_000));

        Refusal.Of(ErrorCode.StoreUnavailable, () => store.Add("a.hsmbackup", content, CancellationToken.None));

        Assert.Empty(Store.List(CancellationToken.None));
        Assert.DoesNotContain("a.hsmbackup", Everything());
    }

    [SuiteFact]
    public void A_connection_that_is_cut_in_mid_GET_is_taken_up_where_it_broke()
    {
        _ = Store;
        byte[] content = Bytes(1_000_000);
        Plant("a.hsmbackup", TimeSpan.FromHours(1), content);
        WaitForChanges();
        using var proxy = new CutProxy(server.Port) { Cuts = 2, ReceivedAtMost = 400_000 };
        using var store = new WebDavStore(server.SettingsFor(_collection, proxy.Port));
        using var read = new MemoryStream();

        store.Read("a.hsmbackup", read, CancellationToken.None);

        Assert.Equal(content, read.ToArray());
        Assert.Equal(3, proxy.Connections);
        // Read from the beginning each time, it would be 1.8 million.
        Assert.InRange(proxy.Received, 1_000_000, 1_200_000);
    }

    private string Plant(string name, TimeSpan age, byte[]? content = null)
    {
        string path = Path.Combine(Medium, name);
        File.WriteAllBytes(path, content ?? [1, 2]);
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow - age);
        return path;
    }
}

/// <summary>Apache with mod_dav.</summary>
[Needs(ApacheServer.Program, "apache2-bin")]
public sealed class ApacheStoreTests(ApacheServer server) : WebDavServerTests(server), IClassFixture<ApacheServer>;

/// <summary>The server of rclone.</summary>
[Needs(RcloneServer.Program, "rclone")]
public sealed class RcloneStoreTests(RcloneServer server) : WebDavServerTests(server), IClassFixture<RcloneServer>
{
    // It keeps the half of a file whose sender went away, and may write it after it was told to delete it.
    protected override bool MayStay(string name) => StoreName.IsTemporary(name);
}
