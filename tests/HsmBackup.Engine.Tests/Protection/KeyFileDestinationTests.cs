using System.Runtime.InteropServices;
using HsmBackup.Engine.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection;

/// <summary>
/// Where a key file may be made. The umask belongs to the whole process, so nothing else runs beside these tests.
/// </summary>
[Collection(nameof(ProcessWideState))]
public sealed partial class KeyFileDestinationTests : IDisposable
{
    private const string Id = "20261121T220500Z-payments-0a1b2c3d";

    private readonly TestFolder _folder = new();
    private readonly string _backups;
    private readonly string _keys;
    private readonly string _path;
    private readonly OneTimeKey _key = TestKey.Counting;

    public KeyFileDestinationTests()
    {
        _backups = _folder.Folder("backups");
        _keys = _folder.Folder("keys");
        _path = Path.Combine(_keys, "key.txt");
    }

    public void Dispose()
    {
        _key.Dispose();
        _folder.Dispose();
    }

    [UnixFact]
    public void Only_the_owner_may_read_a_key_file_whatever_the_umask()
    {
        foreach (uint mask in new uint[] { 0, 0b000_010_010, 0b000_111_111 })
        {
            string path = Path.Combine(_keys, $"{mask}.txt");
            uint before = UMask(mask);
            try
            {
                KeyFile.Write(path, _backups, _key, Id);
            }
            finally
            {
                _ = UMask(before);
            }
            TestFolder.AssertOwnerOnly(path);
        }
    }

    [Fact]
    public void A_file_that_exists_is_never_overwritten()
    {
        File.WriteAllText(_path, "the only copy of another key");
        Refused(ErrorCode.KeyFileExists, () => KeyFile.CheckDestination(_path, _backups));
        Refused(ErrorCode.KeyFileExists, () => KeyFile.Write(_path, _backups, _key, Id));
        // And when it appears only after the check.
        Refused(ErrorCode.KeyFileExists, () => KeyFileDestination.Create(_path, "x"u8));
        Assert.Equal("the only copy of another key", File.ReadAllText(_path));
    }

    [UnixFact]
    public void A_link_that_leads_nowhere_is_not_followed()
    {
        string elsewhere = _folder.File("elsewhere.txt");
        File.CreateSymbolicLink(_path, elsewhere);
        Refused(ErrorCode.KeyFileExists, () => KeyFile.Write(_path, _backups, _key, Id));
        Refused(ErrorCode.KeyFileExists, () => KeyFileDestination.Create(_path, "x"u8));
        Assert.False(File.Exists(elsewhere));
    }

    [Fact]
    public void The_folder_of_the_backup_is_refused_by_every_name()
    {
        string relative = Path.GetRelativePath(Directory.GetCurrentDirectory(), _backups);
        foreach (string folder in new[]
        {
            _backups,
            _backups + Path.DirectorySeparatorChar,
            relative,
            Path.Combine(_keys, "..", "backups"),
            Path.Combine(_backups, "."),
            _folder.Folder("backups/below"),
            _folder.Folder("backups/below/deeper"),
        })
        {
            RefusedBesideBackup(Path.Combine(folder, "key.txt"), _backups);
            RefusedBesideBackup(Path.Combine(folder, "key.txt"), relative);
            RefusedBesideBackup(Path.Combine(folder, "key.txt"), _backups + Path.DirectorySeparatorChar);
        }
    }

    [UnixFact]
    public void The_folder_of_the_backup_is_refused_through_links()
    {
        string link = _folder.Link("link", _backups);
        string chain = _folder.Link("chain", "link");
        string parent = _folder.Link("parent", ".");
        string roundabout = _folder.Link("roundabout", "keys/../parent/chain");
        foreach (string name in new[] { link, chain, Path.Combine(parent, "backups"), Path.Combine(parent, "chain"), roundabout })
        {
            RefusedBesideBackup(Path.Combine(name, "key.txt"), _backups);
            RefusedBesideBackup(Path.Combine(_backups, "key.txt"), name);
        }
        _folder.Folder("backups/below");
        RefusedBesideBackup(Path.Combine(link, "below", "key.txt"), _backups);
    }

    [MountFact]
    public void The_folder_of_the_backup_is_refused_through_a_mount_that_no_path_shows()
    {
        string other = _folder.Folder("other");
        Assert.Equal(0, Programs.Run("mount", "--bind", _backups, other).ExitCode);
        try
        {
            RefusedBesideBackup(Path.Combine(other, "key.txt"), _backups);
        }
        finally
        {
            Programs.Run("umount", other);
        }
    }

    [Fact]
    public void Folders_beside_and_above_the_backup_are_allowed()
    {
        string similar = _folder.Folder("backups-keys");
        KeyFile.Write(Path.Combine(similar, "key.txt"), _backups, _key, Id);
        KeyFile.Write(_folder.File("key.txt"), _backups, _key, Id);
        KeyFile.Write(_path, _folder.File("not-made-yet"), _key, Id);
        Assert.True(File.Exists(_path));
    }

    [Fact]
    public void A_folder_that_does_not_exist_yet_is_the_folder_of_the_backup_all_the_same()
    {
        // Nothing is written there, and the message is about the folder and not about its absence.
        RefusedBesideBackup(_folder.File("not-made-yet/key.txt"), _folder.File("not-made-yet"));
    }

    [Fact]
    public void The_check_leaves_nothing_behind()
    {
        KeyFile.CheckDestination(_path, _backups);
        Assert.Empty(Directory.GetFileSystemEntries(_keys));
        Assert.Empty(Directory.GetFileSystemEntries(_backups));
    }

    [Fact]
    public void A_folder_that_does_not_exist_is_named()
    {
        string path = _folder.File("missing/key.txt");
        HsmBackupException error = Refused(ErrorCode.DestinationUnwritable, () => KeyFile.CheckDestination(path, _backups));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains("folder does not exist", error.Message, StringComparison.Ordinal);
        Refused(ErrorCode.DestinationUnwritable, () => KeyFile.Write(path, _backups, _key, Id));
        Refused(ErrorCode.DestinationUnwritable, () => KeyFileDestination.Create(path, "x"u8));
    }

    [Fact]
    public void A_file_in_the_place_of_the_folder_is_refused()
    {
        File.WriteAllText(_path, "a file");
        Refused(ErrorCode.DestinationUnwritable, () => KeyFile.CheckDestination(Path.Combine(_path, "key.txt"), _backups));
    }

    [UnixFact]
    public void A_folder_that_may_not_be_written_is_refused()
    {
        using var forbidden = new ReadOnlyFolder(_keys);
        Refused(ErrorCode.DestinationUnwritable, () => KeyFile.CheckDestination(_path, _backups));
    }

    [MountFact]
    public void A_read_only_volume_is_refused()
    {
        Assert.Equal(0, Programs.Run("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", _keys).ExitCode);
        try
        {
            Refused(ErrorCode.DestinationUnwritable, () => KeyFile.CheckDestination(_path, _backups));
        }
        finally
        {
            Programs.Run("umount", _keys);
        }
    }

    [MountFact]
    public void A_full_disk_is_noticed_by_the_check_and_leaves_no_half_written_file()
    {
        Assert.Equal(0, Programs.Run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", _keys).ExitCode);
        try
        {
            Assert.Throws<IOException>(() => File.WriteAllBytes(Path.Combine(_keys, "filler"), new byte[100_000]));
            HsmBackupException error = Refused(ErrorCode.DiskFull, () => KeyFile.CheckDestination(_path, _backups));
            Assert.Contains(_path, error.Message, StringComparison.Ordinal);
            Refused(ErrorCode.DiskFull, () => KeyFile.Write(_path, _backups, _key, Id));
            // And when it becomes full only after the check.
            Refused(ErrorCode.DiskFull, () => KeyFileDestination.Create(_path, "x"u8));
            Assert.Equal(["filler"], Directory.GetFileSystemEntries(_keys).Select(Path.GetFileName));
        }
        finally
        {
            Programs.Run("umount", _keys);
        }
    }

    [Fact]
    public void A_folder_is_not_a_key_file()
    {
        Refused(ErrorCode.InvalidArgument, () => KeyFile.CheckDestination(_keys, _backups));
        Refused(ErrorCode.InvalidArgument, () => KeyFile.CheckDestination(_folder.File("missing") + "/", _backups));
        Refused(ErrorCode.InvalidArgument, () => KeyFile.CheckDestination(Path.GetPathRoot(_keys)!, _backups));
    }

    [UnixFact]
    public void A_ring_of_links_ends_in_an_error()
    {
        _folder.Link("a", "b");
        _folder.Link("b", "a");
        Refused(ErrorCode.DestinationUnwritable, () => KeyFile.CheckDestination(_folder.File("a/key.txt"), _backups));
    }

    private void RefusedBesideBackup(string path, string backupFolder)
    {
        HsmBackupException error = Refused(ErrorCode.KeyFileBesideBackup, () => KeyFile.CheckDestination(path, backupFolder));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Refused(ErrorCode.KeyFileBesideBackup, () => KeyFile.Write(path, backupFolder, _key, Id));
        EnumerationOptions withoutLinks = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
        Assert.Empty(Directory.GetFiles(_folder.Root, "*", withoutLinks));
    }

    private static HsmBackupException Refused(ErrorCode code, Action action)
    {
        HsmBackupException error = Assert.Throws<HsmBackupException>(action);
        Assert.Equal(code, error.Code);
        Assert.NotEmpty(error.RecommendedAction);
        return error;
    }

    [LibraryImport("libc", EntryPoint = "umask")]
    private static partial uint UMask(uint mask);
}

/// <summary>Tests that change what belongs to the whole process.</summary>
[CollectionDefinition(nameof(ProcessWideState), DisableParallelization = true)]
#pragma warning disable CA1711 // xunit's word for it is "collection", and this is one.
public sealed class ProcessWideState;
#pragma warning restore CA1711
