using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>
/// What happens to a token between a restore that was interrupted and the one that finishes it. A journal may be months old:
/// it must not be a licence to destroy what came since.
/// </summary>
public sealed class ResumedRestoreTests : IDisposable
{
    private readonly BackupFixture _fixture = new();
    private readonly BackupResult _backup;

    public ResumedRestoreTests()
    {
        _fixture.Fill(c => c.Aes("a", 32));
        _backup = _fixture.BackUp();
        _fixture.Fill(c => c.Aes("extra", 32));
        Interrupt();
    }

    public void Dispose()
    {
        _backup.Key!.Dispose();
        _fixture.Dispose();
    }

    [Fact]
    public void What_came_after_the_interruption_is_in_a_safety_backup_before_it_is_removed()
    {
        _fixture.Fill(c => c.Aes("later", 32));
        List<string> before = Witness.OfToken(_fixture.Token);

        RestoreResult result = _fixture.Restore(_backup);

        Assert.True(result is { Exact: true, Resumed: true, Removed: 2 });
        List<string> gone = Witness.Missing(before, Witness.OfToken(_fixture.Token));
        Assert.Equal(2, gone.Count);
        Assert.Empty(Witness.Missing(gone, Witness.OfBackup(result.SafetyBackups[^1], _backup.Key!)));
    }

    [Fact]
    public void The_result_names_all_safety_backups_and_the_one_from_before_the_interruption_first()
    {
        string first = Assert.Single(Safeties()).Path;

        RestoreResult result = _fixture.Restore(_backup);

        Assert.True(result is { Exact: true, Resumed: true, Removed: 1 });
        Assert.Equal(first, result.SafetyBackupPath);
        Assert.Equal(Safeties().Select(s => s.Path), result.SafetyBackups.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_safety_backup_that_is_gone_is_made_again()
    {
        File.Delete(Assert.Single(Safeties()).Path);
        List<string> before = Witness.OfToken(_fixture.Token);

        RestoreResult result = _fixture.Restore(_backup);

        Assert.True(result.Exact);
        Assert.Equal(before, Witness.OfBackup(result.SafetyBackups[^1], _backup.Key!));
    }

    [Fact]
    public void A_key_that_came_after_the_interruption_and_cannot_be_saved_is_not_taken_for_debris()
    {
        _fixture.Fill(c => c.Aes("later", 32, map => map.Set(Cka.Extractable, false)));
        List<string> before = Witness.OfToken(_fixture.Token);

        HsmBackupException refusal = Refusal.Of(ErrorCode.WouldDestroyUnrecoverable, () => _fixture.Restore(_backup));

        Assert.Contains("'later'", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(before, Witness.OfToken(_fixture.Token));
    }

    [Fact]
    public void A_journal_that_cannot_be_read_stops_everything_before_the_token_is_changed()
    {
        string journal = Assert.Single(Directory.GetFiles(_fixture.State, "*.json"));
        File.WriteAllText(journal, "{\"version\":1,");
        List<string> before = Witness.OfToken(_fixture.Token);

        HsmBackupException refusal = Refusal.Of(ErrorCode.RestoreInterrupted, () => _fixture.Restore(_backup));

        Assert.Contains(journal, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(before, Witness.OfToken(_fixture.Token));
    }

    /// <summary>A restore that added all there was to add, and then could not remove.</summary>
    private void Interrupt()
    {
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        bool removing = false;
        var progress = new Watch(p => removing |= p.Status.StartsWith("Removing", StringComparison.Ordinal));
        faults.Before = call => call.Function == FunctionIndex.C_DestroyObject && removing ? Ckr.DeviceError : null;
        using RestoreOperation restore = _fixture.Prepare(_backup);
        Refusal.Of(ErrorCode.RestoreInterrupted, () => restore.Execute(progress, CancellationToken.None));
        removing = false;
    }

    private IReadOnlyList<BackupInfo> Safeties() => BackupCatalogue.List(Path.Combine(_fixture.State, "safety"), out _);
}
