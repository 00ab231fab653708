using System.Text;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Auditing;

public sealed class AuditLogTests : IDisposable
{
    private readonly AuditSample _sample = new();

    private AuditLog Log => _sample.Log;

    public void Dispose() => _sample.Dispose();

    [Fact]
    public void An_entry_says_who_did_what_where_and_when()
    {
        DateTimeOffset before = DateTimeOffset.UtcNow;
        AuditEntry written = _sample.Add();
        AuditEntry entry = Assert.Single(_sample.Entries());
        Assert.Equal(written.Hash, entry.Hash);
        Assert.InRange(entry.Time, before, DateTimeOffset.UtcNow);
        Assert.Equal((1, AuditEntry.NoHash), (entry.Sequence, entry.Previous));
        Assert.Equal((Environment.UserName, Environment.MachineName, Environment.ProcessId), (entry.User, entry.Host, entry.Process));
        Assert.NotEmpty(entry.UserId);
        Assert.Equal(("New-HsmBackup", AuditResult.Started, "token 'payments'"), (entry.Action, entry.Result, entry.Target));
        Assert.Equal((AuditSample.ClusterId, "payments", "20261121T225300Z-payments-0a1b2c3d"), (entry.ClusterId, entry.ClusterName, entry.BackupId));
    }

    [Fact]
    public void Each_entry_bears_the_hash_of_the_one_before()
    {
        AuditEntry[] written = [_sample.Add(), _sample.Add(), _sample.Add()];
        Assert.Equal([1, 2, 3], written.Select(e => e.Sequence));
        Assert.Equal(written[0].Hash, written[1].Previous);
        Assert.Equal(written[1].Hash, written[2].Previous);
        Assert.Single(written.Select(e => e.Log).Distinct());
        Assert.True(Log.Test(new AuditFacts()).Passed);
    }

    [Fact]
    public void Rotation_does_not_break_the_chain()
    {
        using AuditSample small = new(maxFileLength: 2000);
        for (int i = 0; i < 40; i++)
        {
            small.Add();
        }
        Assert.True(small.Files.Count > 5);
        Assert.All(small.Files, f => Assert.InRange(f.Content.Length, 1, 2000));
        AuditTestResult result = small.Log.Test(new AuditFacts());
        Assert.True(result.Passed, result.Summary);
        Assert.Equal((40, small.Files.Count), (result.Entries, result.Files));
    }

    [UnixFact]
    public void Only_the_owner_can_look_into_it()
    {
        _sample.Add();
        TestFolder.AssertOwnerOnly(_sample.LastFile);
        TestFolder.AssertOwnerOnly(Path.Combine(Log.Folder, "head.json"));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Log.Folder));
        }
    }

    [Fact]
    public void What_a_terminal_would_obey_is_not_in_it_and_long_texts_are_cut()
    {
        _sample.Add("a\u001b[2Jb\nc\u202Ed\ud800 \"Süd\"");
        _sample.Add(new string('x', 100_000));
        string text = Encoding.UTF8.GetString(File.ReadAllBytes(_sample.LastFile));
        Assert.All(text.Where(c => c != '\n'), c => Assert.InRange(c, ' ', '~'));
        Assert.Equal("a\uFFFD[2Jb\uFFFDc\uFFFDd\uFFFD \"Süd\"", _sample.Entries()[0].Target);
        Assert.Equal(new string('x', AuditRecord.MaxTextLength - 1) + "\u2026", _sample.Entries()[1].Target);
        Assert.True(Log.Test(new AuditFacts()).Passed);
    }

    [Fact]
    public void However_much_is_put_into_an_entry_its_line_stays_bounded()
    {
        var details = Enumerable.Range(0, 100).ToDictionary(i => new string('\u00e4', 3000) + i, _ => new string('\u00e4', 3000));
        Log.Append(new AuditRecord(new string('\u00e4', 3000), AuditResult.Failed) { Target = new string('\u00e4', 3000), Details = details });
        _sample.Add();
        Assert.InRange(new FileInfo(_sample.LastFile).Length, 1, AuditLine.MaxLength);
        Assert.True(Log.Test(new AuditFacts()).Passed);
    }

    [Fact]
    public void Adding_an_entry_reads_the_end_of_the_log_only()
    {
        _sample.Add();
        _sample.Add();
        // A changed beginning is for the test to find: a writer never sees it.
        using (FileStream file = File.OpenWrite(_sample.LastFile))
        {
            file.Write("garbage"u8);
        }
        for (int i = 0; i < 3; i++)
        {
            _sample.Add();
        }
        Assert.False(Log.Test(new AuditFacts()).Passed);
    }

    [Fact]
    public void A_log_whose_last_entry_was_changed_does_not_go_on()
    {
        _sample.Add();
        File.WriteAllText(_sample.LastFile, File.ReadAllText(_sample.LastFile).Replace("payments", "payrolls", StringComparison.Ordinal));
        byte[] before = File.ReadAllBytes(_sample.LastFile);
        Refusal.Of(ErrorCode.AuditDamaged, () => _sample.Add());
        Assert.Equal(before, File.ReadAllBytes(_sample.LastFile));
    }

    [Fact]
    public void Who_waits_for_a_writer_that_does_not_end_is_told()
    {
        _sample.Add();
        using FileStream held = new(Path.Combine(Log.Folder, "head.json"), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        var impatient = new AuditLog(_sample.State) { Patience = TimeSpan.FromMilliseconds(50) };
        Refusal.Of(ErrorCode.Busy, () => impatient.Append(new AuditRecord("New-HsmBackup", AuditResult.Started)));
        using var stopped = new CancellationTokenSource();
        stopped.Cancel();
        Assert.Throws<OperationCanceledException>(() => impatient.Append(new AuditRecord("New-HsmBackup", AuditResult.Started), stopped.Token));
    }

    [Fact]
    public void A_log_that_cannot_be_written_is_named()
    {
        Directory.CreateDirectory(_sample.State);
        File.WriteAllText(Log.Folder, "a file in the place of the folder");
        HsmBackupException refusal = Refusal.Of(ErrorCode.AuditUnwritable, () => _sample.Add());
        Assert.Equal(Log.Folder, refusal.Target);
    }

    [MountFact]
    public void A_full_disk_refuses_the_action_and_leaves_nothing_torn()
    {
        using TestFolder folder = new();
        using SmallVolume volume = new(folder.File("volume"), 64);
        var log = new AuditLog(volume.Folder);
        log.Append(new AuditRecord("New-HsmBackup", AuditResult.Started));
        string file = Directory.GetFiles(log.Folder, "*.jsonl").Single();
        // Up to the end of the page, which is there already, entries go on fitting in.
        int written = 1;
        volume.Fill();
        HsmBackupException? refusal = null;
        for (; refusal is null && written < 100; written++)
        {
            refusal = Record.Exception(() => log.Append(new AuditRecord("New-HsmBackup", AuditResult.Started))) as HsmBackupException;
        }
        Assert.Equal(ErrorCode.AuditUnwritable, refusal!.Code);
        Assert.Contains("no space", refusal.Message, StringComparison.Ordinal);
        Assert.Equal((byte)'\n', File.ReadAllBytes(file)[^1]);
        File.Delete(Path.Combine(volume.Folder, "filler"));
        log.Append(new AuditRecord("New-HsmBackup", AuditResult.Started));
        AuditTestResult result = log.Test(new AuditFacts());
        Assert.True(result.Passed, result.Summary);
        Assert.Empty(result.Findings);
        Assert.Equal(written, result.Entries);
    }

    [Fact]
    public void Entries_are_found_by_time_action_backup_cluster_and_result()
    {
        AuditEntry first = _sample.Add();
        AuditEntry second = Log.Append(new AuditRecord("Restore-HsmKey", AuditResult.Failed) { Target = "token 'other'" });
        Assert.Equal([first.Hash], Find(new AuditFilter { Before = first.Time }));
        Assert.Equal([second.Hash], Find(new AuditFilter { After = second.Time }));
        Assert.Equal([second.Hash], Find(new AuditFilter { Action = a => a.StartsWith("Restore", StringComparison.Ordinal) }));
        Assert.Equal([first.Hash], Find(new AuditFilter { BackupId = b => b.Contains("payments", StringComparison.Ordinal) }));
        Assert.Equal([first.Hash], Find(new AuditFilter { Cluster = c => c == AuditSample.ClusterId }));
        Assert.Equal([first.Hash], Find(new AuditFilter { Cluster = c => c == "payments" }));
        Assert.Equal([second.Hash], Find(new AuditFilter { Results = [AuditResult.Failed, AuditResult.Stopped] }));
        Assert.Equal([first.Hash, second.Hash], Find(new AuditFilter()));
    }

    [Fact]
    public void A_changed_line_is_reported_when_the_log_is_read_and_the_others_are_given()
    {
        _sample.Add();
        _sample.Add("to be changed");
        AuditEntry third = _sample.Add();
        File.WriteAllText(_sample.LastFile, File.ReadAllText(_sample.LastFile).Replace("to be changed", "it was changed", StringComparison.Ordinal));
        List<HsmBackupException> damaged = [];
        Assert.Equal(third.Hash, Log.Read(new AuditFilter(), damaged.Add, CancellationToken.None).Last().Hash);
        Assert.Contains("Line 2", Assert.Single(damaged).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_action_has_an_entry_before_and_one_after()
    {
        var action = AuditedAction.Begin(Log, new AuditRecord("Sync-HsmCluster", AuditResult.Started));
        Assert.Equal(AuditResult.Started, Assert.Single(_sample.Entries()).Result);
        action.Note("backup", "b");
        action.About("cluster-1", "payments");
        action.End();
        AuditEntry end = _sample.Entries()[1];
        Assert.Equal((AuditResult.Succeeded, "1", "b", "cluster-1"), (end.Result, end.Details["started"], end.BackupId, end.ClusterId));
    }

    [Fact]
    public void An_action_that_failed_in_part_or_was_declined_says_so()
    {
        var failed = AuditedAction.Begin(Log, new AuditRecord("Sync-HsmCluster", AuditResult.Started));
        failed.Fail("SyncFailed");
        failed.Fail("NodeSilent");
        failed.End();
        Assert.Equal((AuditResult.Failed, "SyncFailed"), (_sample.Entries()[^1].Result, _sample.Entries()[^1].Details["error"]));
        var declined = AuditedAction.Begin(Log, new AuditRecord("Sync-HsmCluster", AuditResult.Started));
        declined.Decline();
        declined.End();
        Assert.Equal(AuditResult.Stopped, _sample.Entries()[^1].Result);
    }

    [Fact]
    public void A_rehearsal_writes_nothing_and_a_log_that_is_not_there_is_not_made_by_a_look()
    {
        var rehearsal = AuditedAction.Begin(null, new AuditRecord("Sync-HsmCluster", AuditResult.Started));
        rehearsal.Note("backup", "b");
        rehearsal.End();
        Assert.Null(Log.ReadHead());
        Assert.Empty(_sample.Entries());
        Assert.False(Log.Test(new AuditFacts()).Passed);
        Assert.Null(Log.Checkpoint(null, null, _sample.Certificate, _sample.Signer));
        Assert.False(Directory.Exists(_sample.State));
    }

    [Fact]
    public void The_head_is_that_of_the_last_entry() => Assert.Equal(_sample.Add().Head, Log.ReadHead());

    private IEnumerable<string> Find(AuditFilter filter) => Log.Read(filter, e => throw e, CancellationToken.None).Select(e => e.Hash);
}
