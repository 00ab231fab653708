using System.Text.Json.Nodes;
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
        Assert.Contains("hsmbackup_alerts_open{cluster=\"payments\",severity=\"warning\"} 2", File.ReadAllLines(_trial.Cluster.Metrics!.Path));

        _trial.Down.Clear();
        _trial.DateFiles();
        _trial.Clock.Now += TimeSpan.FromHours(12);
        BackupRun run = Run();
        Assert.True(run.Result == RunResult.Succeeded, run.Error);
        Assert.Equal(["alert.resolved", "alert.resolved"], _hook.Taken.Skip(2).Select(r => (string)JsonNode.Parse(r.Body)!["type"]!));
        Assert.Single(_watchdog.Taken);
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
        Assert.Equal(["alert.raised", "alert.raised", "alert.resolved", "alert.resolved"], _hook.Taken.Select(r => (string)JsonNode.Parse(r.Body)!["type"]!));
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

    [Fact]
    public void Of_a_run_that_was_stopped_people_hear_all_the_same()
    {
        using var stop = new CancellationTokenSource();
        _trial.DuringRun = stop.Cancel;
        Assert.Equal(RunResult.Interrupted, Run(stop.Token).Result);
        Assert.Contains("RunFailed", _hook.Taken.Select(NameOf));
        Assert.Empty(_watchdog.Received);
    }

    private static string NameOf(WebRequest request) => (string)JsonNode.Parse(request.Body)!["data"]!["name"]!;

    private BackupRun Run(CancellationToken stop = default)
    {
        _trial.DateFiles();
        return _trial.Run(stop: stop, afterRun: AfterRun.Of(
            new ClusterStatusRequest
            {
                Cluster = _trial.Cluster,
                OpenStore = s => _trial.Down.Contains(s.Name) ? throw new HsmBackupException(ErrorCode.StoreUnavailable, "It is down.", "See to it.") : new DirectoryStore(s.Location, s.Name),
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
