using System.Text.Json.Nodes;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Monitoring;
using HsmBackup.Engine.Monitoring.Alerts;
using HsmBackup.Engine.Monitoring.Status;
using HsmBackup.Engine.Scheduling;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Scheduling;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Monitoring;

/// <summary>Real scheduled runs, and a receiver that really listens.</summary>
public sealed class AfterRunTests : IDisposable
{
    private readonly ScheduleTrial _trial = new();
    private readonly WebReceiver _hook = new();
    private readonly WebReceiver _watchdog = new();
    private int _pinsAsked;

    public AfterRunTests() => _trial.Cluster = _trial.Cluster with
    {
        Metrics = new ClusterMetrics { Path = Path.Combine(_trial.Cluster.Stores[0].Location, "..", "payments.prom") },
        Alerts = new ClusterAlerts
        {
            Channels =
            [
                new AlertChannel { Name = "hook", Kind = AlertChannelKind.Webhook, Url = new AlertAddress(_hook.Url, null) },
                new AlertChannel { Name = "watchdog", Kind = AlertChannelKind.Heartbeat, Url = new AlertAddress(_watchdog.Url, null) },
            ],
        },
    };

    public void Dispose()
    {
        _trial.Dispose();
        _hook.Dispose();
        _watchdog.Dispose();
    }

    [Fact]
    public void A_good_run_writes_metrics_and_beats_and_tells_nobody()
    {
        BackupRun run = Run();
        Assert.True(run.Result == RunResult.Succeeded, run.Error);
        string[] metrics = File.ReadAllLines(_trial.Cluster.Metrics!.Path);
        Assert.Contains("hsmbackup_run_success{cluster=\"payments\"} 1", metrics);
        Assert.Contains("hsmbackup_restorable_backups{cluster=\"payments\"} 1", metrics);
        Assert.Contains("hsmbackup_node_up{cluster=\"payments\",node=\"node\"} 1", metrics);
        Assert.Contains("hsmbackup_waiting_keys{cluster=\"payments\"} 1", metrics);
        Assert.Contains("hsmbackup_alerts_open{cluster=\"payments\",severity=\"critical\"} 0", metrics);
        Assert.Empty(_hook.Received);
        Assert.Equal("GET", Assert.Single(_watchdog.Taken).Method);
    }

    [Fact]
    public void A_bad_run_is_told_once_and_its_end_once_and_meanwhile_nothing_beats()
    {
        _trial.Down.Add("remote");
        Assert.Equal(RunResult.Failed, Run().Result);
        _trial.Clock.Now += TimeSpan.FromHours(12);
        Assert.Equal(RunResult.Failed, Run().Result);
        Assert.Equal(["RunFailed", "StoreDown"], _hook.Taken.Select(NameOf).Order(StringComparer.Ordinal));
        Assert.Empty(_watchdog.Received);
        Assert.Contains("hsmbackup_alerts_open{cluster=\"payments\",severity=\"warning\"} 2",
            File.ReadAllLines(_trial.Cluster.Metrics!.Path));

        _trial.Down.Clear();
        _trial.DateFiles();
        _trial.Clock.Now += TimeSpan.FromHours(12);
        BackupRun run = Run();
        Assert.True(run.Result == RunResult.Succeeded, run.Error);
        Assert.Equal(["alert.resolved", "alert.resolved"], _hook.Taken.Skip(2).Select(r => (string)JsonNode.Parse(r.Body)!["type"]!));
        Assert.Single(_watchdog.Taken);
    }

    [Fact]
    public void That_no_store_can_be_looked_into_does_not_say_that_there_is_no_backup()
    {
        _trial.Cluster = _trial.Cluster with { Policy = new ClusterPolicy { MaximumBackupAge = TimeSpan.FromDays(1) } };
        _trial.Down.UnionWith(_trial.Cluster.Stores.Select(s => s.Name));
        Assert.Equal(RunResult.Failed, Run().Result);
        Assert.Contains("hsmbackup_cluster_state{cluster=\"payments\",state=\"online\"} 1", File.ReadAllLines(_trial.Cluster.Metrics!.Path)
            .Where(l => l.Contains("state", StringComparison.Ordinal)));
        Assert.DoesNotContain("NoBackup", _hook.Taken.Select(NameOf));
    }

    [Fact]
    public void Where_nobody_can_be_told_nothing_beats_and_the_next_run_tells()
    {
        _hook.Stop();
        _trial.Down.Add("remote");
        BackupRun run = Run();
        Assert.Equal((RunResult.Failed, ErrorCode.CopyFailed), (run.Result, run.ErrorCode));
        Assert.Contains("Not everybody could be told", run.Error, StringComparison.Ordinal);
        _hook.Start();
        _trial.Down.Clear();
        _trial.DateFiles();
        _trial.Clock.Now += TimeSpan.FromHours(12);
        run = Run();
        Assert.True(run.Result == RunResult.Succeeded, run.Error);
        Assert.Equal(["alert.raised", "alert.raised", "alert.resolved", "alert.resolved"],
            _hook.Taken.Select(r => (string)JsonNode.Parse(r.Body)!["type"]!));
        Assert.Single(_watchdog.Taken);
    }

    [Fact]
    public void A_heartbeat_that_nobody_hears_fails_the_run_and_raises_no_alarm_about_itself()
    {
        _watchdog.Answer = _ => "500 Internal Server Error";
        BackupRun run = Run();
        Assert.Equal((RunResult.Failed, ErrorCode.AlertUndelivered), (run.Result, run.ErrorCode));
        Assert.NotNull(run.BackupId);
        _watchdog.Answer = _ => "200 OK";
        _trial.DateFiles();
        _trial.Clock.Now += TimeSpan.FromHours(12);
        Assert.Equal(RunResult.Succeeded, Run().Result);
        Assert.Empty(_hook.Received);
    }

    [Fact]
    public void A_PIN_that_the_run_was_refused_with_is_not_tried_again()
    {
        _trial.Pin = "00000000";
        BackupRun run = Run();
        Assert.Equal((RunResult.Failed, ErrorCode.PinIncorrect), (run.Result, run.ErrorCode));
        Assert.Equal(0, _pinsAsked);
        Assert.Contains("RunFailed", _hook.Taken.Select(NameOf));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Nor_where_metrics_are_all_that_is_wanted_or_something_else_went_wrong_first(bool storeFails)
    {
        _trial.Pin = "00000000";
        _trial.Cluster = _trial.Cluster with { Alerts = null };
        if (storeFails)
        {
            _trial.Cluster = _trial.Cluster with { Stores = [.. _trial.Cluster.Stores, _trial.Cluster.Stores[0] with { Name = "closed" }] };
        }
        BackupRun run = Run();
        Assert.Equal((storeFails ? ErrorCode.PinUnavailable : ErrorCode.PinIncorrect, true), (run.ErrorCode, run.PinRefused));
        Assert.Equal(0, _pinsAsked);
        Assert.Contains("hsmbackup_run_success{cluster=\"payments\"} 0", File.ReadAllLines(_trial.Cluster.Metrics!.Path));
    }

    [Fact]
    public void That_metrics_cannot_be_written_is_told_once_and_until_they_can()
    {
        string path = _trial.Cluster.Metrics!.Path;
        Directory.CreateDirectory(path);
        for (int night = 0; night < 2; night++)
        {
            BackupRun run = Run();
            Assert.Equal(RunResult.Failed, run.Result);
            Assert.Contains(path, run.Error, StringComparison.Ordinal);
            _trial.DateFiles();
            _trial.Clock.Now += TimeSpan.FromHours(12);
        }
        Assert.Equal(["RunFailed"], _hook.Taken.Select(NameOf));
        Assert.Empty(_watchdog.Received);
        Directory.Delete(path);
        Assert.Equal(RunResult.Succeeded, Run().Result);
        Assert.Equal("alert.resolved", (string)JsonNode.Parse(_hook.Taken.Last().Body)!["type"]!);
        Assert.Contains("hsmbackup_alerts_open{cluster=\"payments\",severity=\"warning\"} 0", File.ReadAllLines(path));
    }

    [Fact]
    public void Of_a_run_that_was_stopped_people_hear_all_the_same()
    {
        using var stop = new CancellationTokenSource();
        _trial.DuringRun = stop.Cancel;
        Assert.Equal(RunResult.Interrupted, Run(stop: stop.Token).Result);
        Assert.Contains("RunFailed", _hook.Taken.Select(NameOf));
        Assert.Empty(_watchdog.Received);
    }

    [Fact]
    public void Of_a_run_that_could_not_be_put_on_record_people_hear_and_no_backup_is_made()
    {
        BackupRun run = Run(obstacle: new HsmBackupException(ErrorCode.AuditDamaged, "The audit log is damaged.", "Run Test-HsmAuditLog."));
        Assert.Equal((RunResult.Failed, ErrorCode.AuditDamaged, null), (run.Result, run.ErrorCode, run.BackupId));
        Assert.Equal(0, _trial.PinsAsked);
        Assert.All(_trial.Cluster.Stores, s => Assert.Empty(Directory.GetFiles(s.Location, "*.hsmbackup")));
        Assert.Contains("RunFailed", _hook.Taken.Select(NameOf));
        Assert.Empty(_watchdog.Received);
        Assert.Equal(run.Id, Assert.Single(_trial.Records.List()).Id);
        Assert.Contains("hsmbackup_run_success{cluster=\"payments\"} 0", File.ReadAllLines(_trial.Cluster.Metrics!.Path));
    }

    [Fact]
    public void Where_a_part_could_not_be_looked_at_nothing_beats()
    {
        string runbooks = Directory.CreateDirectory(Path.Combine(_trial.State, "runbooks")).FullName;
        File.WriteAllText(Path.Combine(runbooks, _trial.Cluster.Id + ".json"), "{ half");
        BackupRun run = Run();
        Assert.True(run.Result == RunResult.Succeeded, run.Error);
        Assert.Equal(["LookFailed"], _hook.Taken.Select(NameOf));
        Assert.Empty(_watchdog.Received);
    }

    [Fact]
    public void A_log_for_which_a_backup_of_this_machine_vouches_and_which_is_gone_was_taken_away()
    {
        var log = new AuditLog(_trial.State, _trial.Clock);
        log.Append(new AuditRecord("Invoke-HsmBackupSchedule", AuditResult.Started));
        Assert.Equal(RunResult.Succeeded, Run(audit: log).Result);
        Assert.Empty(_hook.Received);
        Directory.Delete(log.Folder, recursive: true);
        _trial.Clock.Now += TimeSpan.FromHours(12);
        Assert.Equal(RunResult.Succeeded, Run().Result);
        Assert.Equal(["AuditDamaged"], _hook.Taken.Select(NameOf));
    }

    private static string NameOf(WebRequest request) => (string)JsonNode.Parse(request.Body)!["data"]!["name"]!;

    private BackupRun Run(AuditLog? audit = null, HsmBackupException? obstacle = null, CancellationToken stop = default)
    {
        _trial.DateFiles();
        return _trial.Run(stop: stop, audit: audit, obstacle: obstacle, afterRun: AfterRun.Of(
            new ClusterStatusRequest
            {
                Cluster = _trial.Cluster,
                OpenStore = s => _trial.Down.Contains(s.Name) ? throw new HsmBackupException(ErrorCode.StoreUnavailable, "It is down.",
                    "See to it.") : new DirectoryStore(s.Location, s.Name),
                OpenPin = _ =>
                {
                    _pinsAsked++;
                    return Engine.Protection.Pin.FromChars(_trial.Pin);
                },
                StateFolder = _trial.State,
                Clock = _trial.Clock,
            },
            new AlertRequest { Cluster = _trial.Cluster, StateFolder = _trial.State, Clock = _trial.Clock, Pauses = [] }, stop));
    }
}
