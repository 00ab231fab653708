using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>Disks that are full and folders that cannot be written, for everything that is written: backup, key, safety backup, journal.</summary>
public sealed class FullDiskTests : IDisposable
{
    private readonly BackupFixture _fixture = new();

    public FullDiskTests() => _fixture.Fill(c =>
    {
        c.Aes("key", 32);
        // More than the small volumes below hold.
        c.Data("large", isPrivate: true, new byte[60_000]);
    });

    private string KeyPath => Path.Combine(_fixture.Folder, "key");

    public void Dispose() => _fixture.Dispose();

    [MountFact]
    public void A_backup_that_finds_the_disk_full_leaves_nothing_behind()
    {
        using var volume = new SmallVolume(_fixture.Backups, 32);

        HsmBackupException refusal = Refusal.Of(ErrorCode.DiskFull, () => _fixture.BackUp(keyPath: KeyPath));

        Assert.Contains(_fixture.Backups, refusal.Message, StringComparison.Ordinal);
        Assert.Empty(Refusal.Everything(_fixture.Backups));
        Assert.False(File.Exists(KeyPath));
    }

    [MountFact]
    public void A_backup_to_a_disk_that_is_full_already_leaves_nothing_behind()
    {
        using var volume = new SmallVolume(_fixture.Backups, 32);
        volume.Fill();
        string[] before = Refusal.Everything(_fixture.Backups);

        Refusal.Of(ErrorCode.DiskFull, () => _fixture.BackUp(keyPath: KeyPath));

        Assert.Equal(before, Refusal.Everything(_fixture.Backups));
        Assert.False(File.Exists(KeyPath));
    }

    [MountFact]
    public void A_folder_for_backups_that_cannot_be_written_is_refused()
    {
        using var volume = new SmallVolume(_fixture.Backups, 32);
        volume.MakeReadOnly();

        Refusal.Of(ErrorCode.DestinationUnwritable, () => _fixture.BackUp(keyPath: KeyPath));

        Assert.False(File.Exists(KeyPath));
    }

    [Fact]
    public void A_folder_that_would_be_below_a_file_is_refused()
    {
        string file = Path.Combine(_fixture.Folder, "file");
        File.WriteAllText(file, "");
        var request = new BackupRequest { Token = _fixture.Token.Address, Pin = _fixture.Token.Pin, Destination = Path.Combine(file, "backups"), KeyPath = KeyPath };
        string[] before = Refusal.Everything(_fixture.Folder);

        Refusal.Of(ErrorCode.DestinationUnwritable, () => BackupOperation.Run(request, null, CancellationToken.None));

        Assert.Equal(before, Refusal.Everything(_fixture.Folder));
    }

    [MountFact]
    public void A_key_that_finds_the_disk_full_leaves_no_backup_behind()
    {
        using var volume = new SmallVolume(Path.Combine(_fixture.Folder, "keys"), 32);
        var full = false;
        // The check at the beginning finds room; when the key is written, there is none.
        var progress = new Watch(p =>
        {
            if (p.Status == "Publishing" && !full)
            {
                full = true;
                volume.Fill();
            }
        });
        var request = new BackupRequest
        {
            Token = _fixture.Token.Address,
            Pin = _fixture.Token.Pin,
            Destination = _fixture.Backups,
            KeyPath = Path.Combine(volume.Folder, "key"),
        };

        Refusal.Of(ErrorCode.DiskFull, () => BackupOperation.Run(request, progress, CancellationToken.None));

        Assert.True(full);
        Assert.Empty(Refusal.Everything(_fixture.Backups));
        Assert.Equal(["filler"], Directory.GetFileSystemEntries(volume.Folder).Select(Path.GetFileName));
    }

    [MountFact]
    public void A_safety_backup_that_finds_the_disk_full_stops_the_restore_before_anything_is_changed()
    {
        BackupResult backup = BackUpThenDrift();
        List<string> before = Witness.OfToken(_fixture.Token);
        using var volume = new SmallVolume(_fixture.State, 32);

        Refusal.Of(ErrorCode.DiskFull, () => _fixture.Restore(backup));

        Assert.Equal(before, Witness.OfToken(_fixture.Token));
        AssertOnlyLocks(_fixture.State);
    }

    [MountFact]
    public void A_journal_that_finds_the_disk_full_stops_the_restore_before_anything_is_changed()
    {
        BackupResult backup = BackUpThenDrift();
        List<string> before = Witness.OfToken(_fixture.Token);
        using var volume = new SmallVolume(_fixture.State, 32);
        // The safety backup has room, on another volume.
        string safety = Directory.CreateDirectory(Path.Combine(_fixture.Folder, "elsewhere")).FullName;
        Directory.CreateSymbolicLink(Path.Combine(_fixture.State, "safety"), safety);
        volume.Fill();

        Refusal.Of(ErrorCode.DiskFull, () => _fixture.Restore(backup));

        Assert.Equal(before, Witness.OfToken(_fixture.Token));
        Assert.Empty(Directory.GetFileSystemEntries(safety));
        Assert.Empty(Directory.GetFiles(_fixture.State, "*.json*"));
    }

    [MountFact]
    public void A_state_folder_that_cannot_be_written_stops_the_restore_before_anything_is_changed()
    {
        BackupResult backup = BackUpThenDrift();
        List<string> before = Witness.OfToken(_fixture.Token);
        using var volume = new SmallVolume(_fixture.State, 32);
        volume.MakeReadOnly();

        Refusal.Of(ErrorCode.DestinationUnwritable, () => _fixture.Restore(backup));

        Assert.Equal(before, Witness.OfToken(_fixture.Token));
    }

    [Fact]
    public void A_state_folder_that_would_be_below_a_file_stops_the_restore_before_anything_is_changed()
    {
        BackupResult backup = BackUpThenDrift();
        List<string> before = Witness.OfToken(_fixture.Token);
        string file = Path.Combine(_fixture.Folder, "file");
        File.WriteAllText(file, "");

        Refusal.Of(ErrorCode.DestinationUnwritable, () => _fixture.Restore(backup, change: r => r with { StateFolder = Path.Combine(file, "state") }));

        Assert.Equal(before, Witness.OfToken(_fixture.Token));
    }

    [Fact]
    public void Two_restores_on_one_token_at_a_time_are_one_too_many()
    {
        BackupResult backup = BackUpThenDrift();
        using RestoreOperation restore = _fixture.Prepare(backup);
        Directory.CreateDirectory(_fixture.State);
        TokenInfo token = restore.Connection.Token;
        using (RestoreJournal.Lock(_fixture.State, token))
        {
            Refusal.Of(ErrorCode.Busy, () => restore.Execute(null, CancellationToken.None));
        }
        Assert.True(restore.Execute(null, CancellationToken.None).Exact);
    }

    private BackupResult BackUpThenDrift()
    {
        BackupResult backup = _fixture.BackUp();
        _fixture.Fill(c =>
        {
            c.Aes("extra", 32);
            c.Data("extra", isPrivate: true, new byte[60_000]);
        });
        return backup;
    }

    private static void AssertOnlyLocks(string state) => Assert.All(
        Directory.GetFiles(state, "*", new EnumerationOptions { AttributesToSkip = 0, RecurseSubdirectories = true }),
        file => Assert.EndsWith(".lock", file, StringComparison.Ordinal));
}
