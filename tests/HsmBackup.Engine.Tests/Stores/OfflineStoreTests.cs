using HsmBackup.Engine.Format;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Stores;

/// <summary>A folder on a medium that is taken away again.</summary>
public sealed class OfflineStoreTests : FolderStoreTests
{
    protected override IBackupStore Open()
    {
        Directory.CreateDirectory(Medium);
        return new OfflineStore(Medium, "safe");
    }

    [Fact]
    public void It_is_offline() => Assert.Equal((StoreKind.Offline, RetentionClass.Offline, "safe"), (Store.Kind, Store.RetentionClass, Store.Name));

    [Fact]
    public void A_medium_that_is_not_there_is_said_to_be_so_and_its_folder_is_never_made()
    {
        Add("a.hsmbackup", [1]);
        Directory.Delete(Medium, recursive: true);

        AssertUnmounted(Store);

        Assert.False(Directory.Exists(Medium));
    }

    [Fact]
    public void An_empty_folder_where_a_medium_is_to_be_mounted_is_no_medium()
    {
        Directory.CreateDirectory(Path.Combine(Medium, "below"));
        string fstab = Tables("fstab", $"# comment\n\nUUID=1 none swap sw 0 0\nUUID=2 / ext4 defaults 0 1\nUUID=3 {Medium[..^6] + "med\\151um"}/ vfat noauto 0 0\n");
        string mounts = Tables("mounts", "/dev/sda1 / ext4 rw 0 0\n");
        using var store = new OfflineStore(Medium, "safe", new MountTables(fstab, mounts));
        using var below = new OfflineStore(Path.Combine(Medium, "below"), "safe", new MountTables(fstab, mounts));

        AssertUnmounted(store);
        AssertUnmounted(below);

        File.AppendAllText(mounts, $"/dev/sdb1 {Medium} vfat rw 0 0\n");
        Assert.Empty(store.List(CancellationToken.None));
        Assert.Empty(below.List(CancellationToken.None));
    }

    [Fact]
    public void A_medium_that_is_mounted_elsewhere_is_no_matter()
    {
        string fstab = Tables("fstab", $"UUID=3 {Medium}2 vfat noauto 0 0\n");
        using var store = new OfflineStore(Path.GetDirectoryName(Medium)!, null, new MountTables(fstab, Tables("mounts", "")));

        Assert.NotEmpty(store.List(CancellationToken.None));
    }

    private string Tables(string name, string text)
    {
        string path = Path.Combine(Path.GetDirectoryName(Medium)!, name);
        File.WriteAllText(path, text);
        return path;
    }

    private static void AssertUnmounted(IBackupStore store)
    {
        Refusal.Of(ErrorCode.StoreUnmounted, () => store.List(CancellationToken.None));
        Refusal.Of(ErrorCode.StoreUnmounted, () => store.ReadStart("a.hsmbackup", 1, CancellationToken.None));
        Refusal.Of(ErrorCode.StoreUnmounted, () => store.Read("a.hsmbackup", Stream.Null, CancellationToken.None));
        Refusal.Of(ErrorCode.StoreUnmounted, () => store.Replace("a.hold.json", [1], CancellationToken.None));
        Refusal.Of(ErrorCode.StoreUnmounted, () => store.Remove("a.hsmbackup", CancellationToken.None));
        using var content = new MemoryStream([1]);
        HsmBackupException refusal = Refusal.Of(ErrorCode.StoreUnmounted, () => store.Add("a.hsmbackup", content, CancellationToken.None));
        Assert.Contains("safe", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(store.Location, refusal.Target);
    }
}
