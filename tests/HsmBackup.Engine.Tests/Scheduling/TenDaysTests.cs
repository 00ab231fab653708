using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Retention;
using HsmBackup.Engine.Scheduling;
using HsmBackup.Engine.Stores;
using Xunit;

namespace HsmBackup.Engine.Tests.Scheduling;

/// <summary>Ten simulated days of a schedule, with a real token, real stores, and a server that fails every third run.</summary>
public sealed class TenDaysTests : IDisposable
{
    private const int Runs = 20;

    // Two and a half days at two a day, and a day until what was marked goes: all of it happens within ten days.
    private static readonly TimeSpan Kept = TimeSpan.FromHours(60);
    private static readonly TimeSpan Delay = TimeSpan.FromDays(1);

    private readonly ScheduleTrial _trial = new();

    public void Dispose() => _trial.Dispose();

    [Fact]
    public void Catalogue_runs_and_audit_log_agree_and_retention_leaves_what_the_policy_says()
    {
        _trial.Cluster = _trial.Cluster with
        {
            Retention = new ClusterRetention { Online = new RetentionRules { KeepWithin = Kept }, RemovalDelay = Delay },
        };
        var times = new ScheduleTimes(_trial.Cluster.Schedule!, TimeZoneInfo.Utc);
        var log = new AuditLog(_trial.State, _trial.Clock);
        var runs = new List<BackupRun>();
        for (int i = 1; i <= Runs; i++)
        {
            _trial.Down.Clear();
            _trial.Down.UnionWith(i % 3 == 0 ? ["remote"] : []);
            runs.Add(RunOnRecord(log));
            _trial.DateFiles();
            _trial.Clock.Now = times.NextDue(_trial.Clock.Now);
        }

        Assert.All(runs.Select((run, i) => (run, Number: i + 1)), r => Assert.True(
            r.run.Result == (r.Number % 3 == 0 ? RunResult.Failed : RunResult.Succeeded), $"run {r.Number}: {r.run.Error}"));
        Assert.Equal(runs.Select(r => (r.Id, r.Result, r.BackupId)), _trial.Records.List().Select(r => (r.Id, r.Result, r.BackupId)));
        AssertAuditAgrees(log, runs);
        AssertStoresHoldWhatThePolicySays(runs);
        // Every key but those that were received waits: retention has nothing to do with keys.
        Assert.Equal(runs.Select(r => r.BackupId), _trial.Waiting.List().Select(k => k.BackupId));
    }

    private BackupRun RunOnRecord(AuditLog log)
    {
        AuditedAction action = AuditedAction.Begin(log, new AuditRecord("Invoke-HsmBackupSchedule", AuditResult.Started) { ClusterId = _trial.Cluster.Id });
        BackupRun run = _trial.Run(audit: log);
        action.Note("run", run.Id);
        action.Note("backup", run.BackupId);
        action.End(run.Result == RunResult.Succeeded ? AuditResult.Succeeded : AuditResult.Failed, run.Error);
        return run;
    }

    private static void AssertAuditAgrees(AuditLog log, List<BackupRun> runs)
    {
        List<AuditEntry> ended = [.. log.Read(new AuditFilter(), damage => throw damage, CancellationToken.None)
            .Where(e => e.Action == "Invoke-HsmBackupSchedule" && e.Result != AuditResult.Started)];
        Assert.Equal(runs.Select(r => (r.Id, r.BackupId, r.Result == RunResult.Succeeded)),
            ended.Select(e => (e.Details["run"], (string?)e.Details["backup"], e.Result == AuditResult.Succeeded)));
    }

    private void AssertStoresHoldWhatThePolicySays(List<BackupRun> runs)
    {
        DateTimeOffset last = runs[^1].Started;
        IReadOnlyList<IBackupStore> stores = _trial.Stores();
        _trial.Down.Clear();
        foreach ((string store, bool failsThird) in new[] { ("local", false), ("remote", true) })
        {
            List<BackupRun> made = [.. runs.Where((_, i) => !(failsThird && (i + 1) % 3 == 0))];
            // Marked by the first run that saw it too old, removed by the first that saw it marked for long enough; a run that cannot reach the
            // store does neither.
            List<DateTimeOffset> looks = [.. made.Select(r => r.Started)];
            IEnumerable<string> expected = made.Where(r => !IsGone(r.Started, looks, last)).Select(r => r.BackupId!);
            ClusterCatalogue catalogue = ClusterCatalogue.Read(new CatalogueRequest
            {
                Stores = [stores.First(s => s.Name == store)],
                ClusterId = _trial.Cluster.Id,
                StateFolder = _trial.State,
                Clock = _trial.Clock,
            }, CancellationToken.None);
            Assert.Equal(expected, catalogue.Backups.Select(b => b.BackupId));
            Assert.All(catalogue.Backups, b => Assert.True(b.Restorable, b.BackupId));
            IEnumerable<string> removed = runs.SelectMany(r => r.Retention!.Removed).Where(r => r.EndsWith(" in " + store, StringComparison.Ordinal)).Select(r => r.Split(' ')[0]);
            Assert.Equal(made.Select(r => r.BackupId).Except(expected).Order(), removed.Order());
            Assert.NotEmpty(removed);
        }
    }

    private static bool IsGone(DateTimeOffset made, List<DateTimeOffset> looks, DateTimeOffset last)
    {
        DateTimeOffset? marked = looks.Where(at => at <= last && at - made >= Kept).Select(at => (DateTimeOffset?)at).FirstOrDefault();
        return marked is { } since && looks.Exists(at => at <= last && at - since >= Delay);
    }
}
