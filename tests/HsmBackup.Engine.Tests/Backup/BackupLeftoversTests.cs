using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>What killed backups leave in the folder, and what only looks like it.</summary>
public sealed class BackupLeftoversTests : IDisposable
{
    private readonly BackupFixture _fixture = new();

    public BackupLeftoversTests()
    {
        _fixture.Fill(c => c.Aes("key", 32));
        Directory.CreateDirectory(_fixture.Backups);
    }

    public void Dispose() => _fixture.Dispose();

    [Theory]
    [InlineData(".20261121T225300Z-payments-0a1b2c3d.hsmbackup.partial")]
    [InlineData(".20261121T225300Z-payments-0a1b2c3d.spool")]
    public void What_a_killed_backup_has_left_is_removed_by_the_next(string name)
    {
        string path = Leave(name);
        Folders.Age(_fixture.Backups);
        _fixture.BackUp().Key!.Dispose();
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void What_another_backup_has_made_and_not_locked_yet_stays()
    {
        string path = Leave(".20261121T225300Z-payments-0a1b2c3d.hsmbackup.partial");
        _fixture.BackUp().Key!.Dispose();
        Assert.True(File.Exists(path));
    }

    [Fact]
    public void Backups_that_begin_and_end_side_by_side_do_not_take_each_others_files()
    {
        Parallel.For(0, 8, _ =>
        {
            for (int i = 0; i < 200; i++)
            {
                using var publication = BackupPublication.Begin(_fixture.Backups, Engine.Format.BackupId.New("payments", TimeProvider.System));
                publication.Publish();
                Assert.True(File.Exists(publication.FinalPath));
            }
        });
    }

    [Theory]
    [InlineData(".20261121T225300Z-payments-0a1b2c3d.hsmbackup.partial")]
    [InlineData(".20261121T225300Z-payments-0a1b2c3d.spool")]
    public void What_a_backup_under_way_is_writing_stays(string name)
    {
        string path = Leave(name);
        Folders.Age(_fixture.Backups);
        using (new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
        {
            _fixture.BackUp().Key!.Dispose();
            Assert.True(File.Exists(path));
        }
    }

    [Theory]
    [InlineData("notes.spool")]
    [InlineData(".mail.spool")]
    [InlineData("20261121T225300Z-payments-0a1b2c3d.hsmbackup.partial")]
    [InlineData(".partial")]
    public void What_somebody_else_keeps_there_stays(string name)
    {
        string path = Leave(name);
        Folders.Age(_fixture.Backups);
        _fixture.BackUp().Key!.Dispose();
        Assert.True(File.Exists(path));
    }

    [Theory]
    [InlineData(".20261121T225300Z-payments-0a1b2c3d.hsmbackup.partial")]
    [InlineData(".20261121T225300Z-payments-0a1b2c3d.spool")]
    public void Leftovers_are_not_listed(string name)
    {
        Leave(name);
        Assert.Empty(BackupCatalogue.List(_fixture.Backups, out IReadOnlyList<HsmBackupException> unreadable));
        Assert.Empty(unreadable);
    }

    private string Leave(string name)
    {
        string path = Path.Combine(_fixture.Backups, name);
        File.WriteAllText(path, "left");
        return path;
    }
}
