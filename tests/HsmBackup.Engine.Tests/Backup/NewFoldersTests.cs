using HsmBackup.Engine.Backup;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

public sealed class NewFoldersTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("hsmbackup-").FullName;

    [Fact]
    public void A_folder_that_was_made_for_nothing_is_gone_with_all_that_was_made_above_it()
    {
        using (var folders = new NewFolders())
        {
            folders.Make(Path.Combine(_root, "a", "b"), forOwner: false);
            Assert.True(Directory.Exists(Path.Combine(_root, "a", "b")));
        }
        Assert.Empty(Directory.EnumerateFileSystemEntries(_root));
    }

    [Fact]
    public void A_folder_that_is_kept_stays()
    {
        using (var folders = new NewFolders())
        {
            folders.Make(Path.Combine(_root, "a"), forOwner: false);
            folders.Keep();
        }
        Assert.True(Directory.Exists(Path.Combine(_root, "a")));
    }

    [Fact]
    public void A_folder_that_was_there_before_stays()
    {
        using (var folders = new NewFolders())
        {
            folders.Make(_root, forOwner: true);
        }
        Assert.True(Directory.Exists(_root));
    }

    [Fact]
    public void A_folder_that_somebody_else_uses_meanwhile_stays()
    {
        string file = Path.Combine(_root, "a", "theirs");
        using (var folders = new NewFolders())
        {
            folders.Make(Path.Combine(_root, "a"), forOwner: false);
            File.WriteAllText(file, "");
        }
        Assert.True(File.Exists(file));
    }

    [Fact]
    public void A_folder_for_keys_opens_for_its_owner_alone()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        using var folders = new NewFolders();
        string folder = Path.Combine(_root, "keys");
        folders.Make(folder, forOwner: true);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder));
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_named()
    {
        string file = Path.Combine(_root, "file");
        File.WriteAllText(file, "");
        using var folders = new NewFolders();
        var error = Assert.Throws<HsmBackupException>(() => folders.Make(Path.Combine(file, "below"), forOwner: false));
        Assert.Equal(ErrorCode.DestinationUnwritable, error.Code);
        Assert.Equal(Path.Combine(file, "below"), error.Target);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
