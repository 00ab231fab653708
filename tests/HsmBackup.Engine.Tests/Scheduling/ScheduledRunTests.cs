using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Handover;
using HsmBackup.Engine.Scheduling;
using Xunit;

namespace HsmBackup.Engine.Tests.Scheduling;

public sealed class ScheduledRunTests : IDisposable
{
    private readonly ScheduleTrial _trial = new();

    public void Dispose() => _trial.Dispose();

    [Fact]
    public void A_run_leaves_copies_a_waiting_key_and_a_record()
    {
        BackupRun run = _trial.Run();
        Assert.True(run.Result == RunResult.Succeeded, run.Error);
        Assert.Equal(["local: Written", "remote: Written"], run.Copies.Select(c => c.ToString()));
        Assert.Equal((2, 1), (run.Verified, run.Retention!.Kept));
        Assert.Equal(_trial.Clock.Now.AddHours(12), run.NextDue);
        Assert.Equal(run.BackupId, Assert.Single(_trial.Waiting.List()).BackupId);
        BackupRun read = Assert.Single(_trial.Records.List());
        Assert.Equal((run.Id, run.BackupId, run.Result, run.Ended), (read.Id, read.BackupId, read.Result, read.Ended));
        using OfficerKeys keys = _trial.OfficerKeys();
        using KeyReception reception = _trial.Waiting.Open(run.BackupId!, keys, null);
        string file = Path.Combine(_trial.Cluster.Stores[0].Location, run.BackupId + ".hsmbackup");
        TestResult test = TestOperation.Run(new TestRequest { Path = file, Level = TestLevel.Content, Key = reception.Key }, null, CancellationToken.None);
        Assert.True(test.Passed, test.Summary);
    }

    [Fact]
    public void A_store_that_is_down_fails_the_run_and_no_other_copy()
    {
        _trial.Down.Add("remote");
        BackupRun run = _trial.Run();
        Assert.Equal((RunResult.Failed, ErrorCode.CopyFailed), (run.Result, run.ErrorCode));
        Assert.Equal([CopyOutcome.Written, CopyOutcome.Failed], run.Copies.Select(c => c.Outcome));
        Assert.NotNull(run.BackupId);
        Assert.NotNull(run.Retention);
        Assert.Single(_trial.Waiting.List());
    }

    [Fact]
    public void Where_no_store_takes_it_there_is_no_backup_no_key_and_no_retention()
    {
        _trial.Down.UnionWith(["local", "remote"]);
        BackupRun run = _trial.Run();
        Assert.Equal(RunResult.Failed, run.Result);
        Assert.Null(run.BackupId);
        Assert.Null(run.Retention);
        Assert.Empty(_trial.Waiting.List());
    }

    [Fact]
    public void Without_a_hand_over_nothing_is_backed_up()
    {
        _trial.Cluster = _trial.Cluster with { Schedule = _trial.Cluster.Schedule! with { KeyRecipients = [] } };
        BackupRun run = _trial.Run();
        Assert.Equal((RunResult.Failed, ErrorCode.KeyDestinationRequired), (run.Result, run.ErrorCode));
        Assert.Equal(0, _trial.PinsAsked);
        Assert.All(_trial.Cluster.Stores, s => Assert.Empty(Directory.GetFileSystemEntries(s.Location)));
    }

    [Fact]
    public void Keys_are_never_put_into_a_store()
    {
        _trial.Cluster = _trial.Cluster with { Schedule = _trial.Cluster.Schedule! with { KeyFolder = Path.Combine(_trial.Cluster.Stores[0].Location, "keys") } };
        Assert.Equal(ErrorCode.KeyFileBesideBackup, _trial.Run().ErrorCode);
    }

    [Fact]
    public void A_wrong_PIN_is_in_the_record_and_is_not()
    {
        _trial.Pin = "000000";
        BackupRun run = _trial.Run();
        Assert.Equal((RunResult.Failed, ErrorCode.PinIncorrect), (run.Result, run.ErrorCode));
        Assert.DoesNotContain("000000", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_two_runs_at_a_time_the_second_ends_at_once()
    {
        BackupRun? second = null;
        ErrorCode? refused = null;
        _trial.DuringRun = () =>
        {
            _trial.DuringRun = null;
            refused = Assert.Throws<HsmBackupException>(() => second = _trial.Run()).Code;
        };
        Assert.Equal(RunResult.Succeeded, _trial.Run().Result);
        Assert.Equal((ErrorCode.Busy, null), (refused, second));
        Assert.Single(_trial.Records.List());
    }

    [Fact]
    public void A_run_whose_process_died_is_said_to_be_interrupted_and_is_caught_up()
    {
        BackupRun whole = _trial.Run();
        _trial.Records.Write(whole with { Id = "20261122T010000Z-00000000", Started = _trial.Clock.Now.AddHours(12), Ended = null, Result = RunResult.Running, BackupId = null });
        _trial.Clock.Now = _trial.Clock.Now.AddHours(13);
        BackupRun next = _trial.Run(ifDue: true);
        Assert.Equal(RunResult.Succeeded, next.Result);
        Assert.Contains(_trial.Records.List(), r => r is { Id: "20261122T010000Z-00000000", Result: RunResult.Interrupted });
    }

    [Fact]
    public void What_is_not_due_is_not_done_and_what_was_missed_is()
    {
        Assert.Equal(RunResult.Succeeded, _trial.Run(ifDue: true).Result);
        _trial.Clock.Now = _trial.Clock.Now.AddHours(11);
        Assert.Equal(RunResult.Skipped, _trial.Run(ifDue: true).Result);
        Assert.Single(_trial.Records.List());
        _trial.Clock.Now = _trial.Clock.Now.AddHours(8);
        Assert.Equal(RunResult.Succeeded, _trial.Run(ifDue: true).Result);
        Assert.Equal(RunResult.Skipped, _trial.Run(ifDue: true).Result);
    }

    [Fact]
    public void Who_is_told_after_a_run_cannot_undo_it_and_a_failure_shows()
    {
        var told = new List<RunResult>();
        BackupRun run = _trial.Run(afterRun: [r => told.Add(r.Result), _ => throw new InvalidOperationException("no metrics"), r => told.Add(r.Result)]);
        Assert.Equal([RunResult.Succeeded, RunResult.Failed], told);
        Assert.Equal((RunResult.Failed, "no metrics"), (run.Result, run.Error));
        Assert.NotNull(run.BackupId);
        Assert.Equal(RunResult.Failed, Assert.Single(_trial.Records.List()).Result);
    }

    [Fact]
    public void Who_stops_a_run_interrupts_it()
    {
        using var stop = new CancellationTokenSource();
        _trial.DuringRun = stop.Cancel;
        BackupRun run = _trial.Run(stop: stop.Token);
        Assert.Equal(RunResult.Interrupted, run.Result);
        Assert.Empty(_trial.Waiting.List());
    }

    [Fact]
    public void A_thousand_records_are_kept_and_a_damaged_one_harms_nobody()
    {
        BackupRun run = _trial.Run();
        string folder = Path.Combine(_trial.State, "runs", _trial.Cluster.Id);
        for (int i = 0; i < 1005; i++)
        {
            File.WriteAllText(Path.Combine(folder, $"20250101T000000Z-{i:x8}.json"), "{");
        }
        _trial.Records.Write(run);
        Assert.Equal(1000, Directory.GetFiles(folder, "*.json").Length);
        Assert.Equal(run.Id, Assert.Single(_trial.Records.List()).Id);
    }
}
