using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Stores;

/// <summary>What stores that are folders of this machine do beyond what every store does.</summary>
public abstract class FolderStoreTests : StoreConformanceTests
{
    private readonly TestFolder _folder = new();

    protected override string Medium => Path.Combine(_folder.Root, "medium");

    protected override void Close() => _folder.Dispose();

    [SuiteFact]
    public void A_file_has_a_path_on_this_machine_that_only_its_owner_can_read()
    {
        Add("a.hsmbackup", [1, 2, 3]);

        string path = Store.LocalPath("a.hsmbackup")!;
        Assert.Equal(Path.Combine(Medium, "a.hsmbackup"), path);
        Assert.Equal(new byte[] { 1, 2, 3 }, File.ReadAllBytes(path));
        TestFolder.AssertOwnerOnly(path);
    }

    [SuiteFact]
    public void What_killed_runs_have_left_goes_with_the_next_file_and_what_belongs_to_others_stays()
    {
        Add("a.hsmbackup", [1]);
        string[] left = [".b.hsmbackup.0123abcd.partial", ".c.hold.json.00000000.partial"];
        string[] others = [".b.hsmbackup.0123.partial", ".b.hsmbackup.partial", "b.hsmbackup.0123abcd.partial", ".b.0123abcd.partial~"];
        foreach (string name in left.Concat(others))
        {
            File.WriteAllText(Path.Combine(Medium, name), "half");
        }
        Folders.Age(Medium);

        Add("b.hsmbackup", [2]);

        Assert.Equal([.. others.Append("a.hsmbackup").Append("b.hsmbackup").Order(StringComparer.Ordinal)], Everything());
    }

    [SuiteFact]
    public void What_a_living_run_writes_is_left_alone()
    {
        Add("a.hsmbackup", [1]);
        string young = Path.Combine(Medium, ".b.hsmbackup.0123abcd.partial");
        string locked = Path.Combine(Medium, ".c.hsmbackup.0123abcd.partial");
        using (new FileStream(locked, FileMode.CreateNew, FileAccess.Write, FileShare.None))
        {
            Folders.Age(Medium);
            File.WriteAllText(young, "half");

            Add("b.hsmbackup", [2]);

            Assert.True(File.Exists(young));
            Assert.True(File.Exists(locked));
        }
    }

    [UnixFact]
    public void Links_and_pipes_are_no_files_of_a_store()
    {
        Add("a.hsmbackup", [1]);
        string secret = _folder.File("secret");
        File.WriteAllText(secret, "secret");
        File.CreateSymbolicLink(Path.Combine(Medium, "link.hsmbackup"), secret);
        Assert.Equal(0, Programs.Run("mkfifo", Path.Combine(Medium, "pipe.hsmbackup")).ExitCode);

        Assert.DoesNotContain(Store.List(CancellationToken.None), i => i.Name == "link.hsmbackup");
        // It waits for nobody who writes into it.
        Assert.Empty(Read("pipe.hsmbackup"));
        Assert.Empty(Store.ReadStart("pipe.hsmbackup", 10, CancellationToken.None));
    }

    [UnixFact]
    public void A_link_is_never_followed_to_write()
    {
        Add("a.hsmbackup", [1]);
        string other = _folder.File("other");
        File.CreateSymbolicLink(Path.Combine(Medium, "b.hsmbackup"), other);
        File.CreateSymbolicLink(Path.Combine(Medium, "b.hold.json"), other);

        Refusal.Of(ErrorCode.CopyExists, () => Add("b.hsmbackup", [2]));
        Store.Replace("b.hold.json", [3], CancellationToken.None);

        Assert.False(File.Exists(other));
        Assert.Equal(new byte[] { 3 }, Read("b.hold.json"));
    }

    [MountFact]
    public void A_full_disk_is_named_and_nothing_is_left_on_it()
    {
        using var volume = new SmallVolume(Medium, 64);
        Add("a.hsmbackup", Bytes(10_000));

        HsmBackupException refusal = Refusal.Of(ErrorCode.DiskFull, () => Add("b.hsmbackup", Bytes(100_000)));

        Assert.Contains(Medium, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(["a.hsmbackup"], Everything());
        Add("b.hsmbackup", Bytes(10_000));
    }

    [MountFact]
    public void A_volume_that_is_read_only_can_be_read_and_says_that_it_cannot_be_written()
    {
        using var volume = new SmallVolume(Medium, 64);
        Add("a.hsmbackup", [1]);
        volume.MakeReadOnly();

        Refusal.Of(ErrorCode.StoreUnavailable, () => Add("b.hsmbackup", [2]));
        Refusal.Of(ErrorCode.StoreUnavailable, () => Store.Replace("b.hold.json", [2], CancellationToken.None));
        Refusal.Of(ErrorCode.StoreUnavailable, () => Store.Remove("a.hsmbackup", CancellationToken.None));

        Assert.Equal(new byte[] { 1 }, Read("a.hsmbackup"));
    }

    [UnixFact]
    public void A_folder_that_may_not_be_written_is_refused()
    {
        Add("a.hsmbackup", [1]);
        using var forbidden = new ReadOnlyFolder(Medium);
        Refusal.Of(ErrorCode.StoreRefused, () => Add("b.hsmbackup", [2]));
        Assert.Equal(["a.hsmbackup"], Everything());
    }
}
