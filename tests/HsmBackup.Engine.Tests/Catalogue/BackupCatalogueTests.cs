using System.Diagnostics;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Catalogue;

public sealed class BackupCatalogueTests
{
    [Fact]
    public async Task A_named_pipe_among_the_backups_is_reported_and_stops_nothing()
    {
        using var fixture = new BackupFixture();
        fixture.Fill(c => c.Aes("key", 32));
        BackupResult backup = fixture.BackUp();
        using (Process mkfifo = Process.Start("mkfifo", Path.Combine(fixture.Backups, "a-pipe.hsmbackup")))
        {
            await mkfifo.WaitForExitAsync();
        }

        (IReadOnlyList<BackupInfo> found, IReadOnlyList<HsmBackupException> unreadable) = await Task.Run(() =>
        {
            IReadOnlyList<BackupInfo> list = BackupCatalogue.List(fixture.Backups, out IReadOnlyList<HsmBackupException> failed);
            return (list, failed);
        }).WaitAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(backup.Path, Assert.Single(found).Path);
        Assert.Equal(ErrorCode.NotABackup, Assert.Single(unreadable).Code);
    }

    [Fact]
    public void Each_backup_names_the_one_before_it()
    {
        using var fixture = new BackupFixture();
        fixture.Fill(c => c.Aes("key", 32));
        BackupResult first = fixture.BackUp();
        BackupResult second = fixture.BackUp();

        Assert.Null(BackupCatalogue.Read(first.Path).PreviousBackupId);
        Assert.Equal(first.Id.ToString(), BackupCatalogue.Read(second.Path).PreviousBackupId);
    }
}
