using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Stores;
using Xunit;

namespace HsmBackup.Engine.Tests.Drills;

/// <summary>A sample of the backups is restored: what is lost beside it is no success, and what was not tried no failure.</summary>
public sealed class BackupVerificationTests : IDisposable
{
    private readonly DrilledCluster _cluster = new(nodes: 1, bound: false);

    public BackupVerificationTests()
    {
        _cluster.Fill();
        _cluster.BackUp();
    }

    public void Dispose() => _cluster.Dispose();

    [Fact]
    public void The_folder_of_a_store_that_is_always_there_must_be_there()
    {
        Directory.Delete(_cluster.Definition.Stores[1].Location, recursive: true);
        AssertLost("second", ErrorCode.StoreUnmounted, _cluster.Drill(DrillScenario.BackupVerification));
    }

    [Fact]
    public void A_medium_that_is_in_its_safe_is_where_it_should_be()
    {
        ClusterStore medium = _cluster.Definition.Stores[1] with
        {
            Kind = StoreKind.Offline,
            Location = Path.Combine(_cluster.Tokens.Folder, "medium"),
        };
        _cluster.Definition = _cluster.Definition with { Stores = [_cluster.Definition.Stores[0], medium] };
        DrillReport report = _cluster.Drill(DrillScenario.BackupVerification);
        Assert.Equal((DrillResult.Passed, null), (report.Result, report.Problem));
        Assert.Contains(report.Deviations, d => d.Contains("'second'", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(ErrorCode.PinUnavailable)]
    [InlineData(ErrorCode.StoreUntrusted)]
    public void A_store_that_cannot_be_opened_is_no_store(ErrorCode error)
    {
        DrillReport report = _cluster.Drill(DrillScenario.BackupVerification, r => r with
        {
            OpenStore = s => s.Name == "second" ? throw new HsmBackupException(error, "It cannot be opened.", "See to it.")
                : BackupStores.Open(s, PinAsker.Nobody),
        });
        AssertLost("second", error, report);
    }

    [Fact]
    public void Backups_that_a_stopped_drill_did_not_come_to_have_not_failed()
    {
        _cluster.BackUp();
        _cluster.BackUp();
        using var stop = new CancellationTokenSource();
        DrillReport report = _cluster.Drill(DrillScenario.BackupVerification, null, new StopAt(DrillStep.Restore, stop), stop.Token);
        Assert.Equal(DrillResult.Interrupted, report.Result);
        Assert.Equal([CheckOutcome.NotRun, CheckOutcome.NotRun, CheckOutcome.NotRun], report.Backups.Select(b => b.Result));

        // One that had failed before has failed all the same.
        using var later = new CancellationTokenSource();
        int asked = 0;
        report = _cluster.Drill(DrillScenario.BackupVerification, r => r with { OpenKey = b => asked++ == 0 ? null : _cluster.KeyOf(b) },
            new StopAt(DrillStep.Restore, later), later.Token);
        Assert.Equal(DrillResult.Interrupted, report.Result);
        Assert.Equal([CheckOutcome.Failed, CheckOutcome.NotRun, CheckOutcome.NotRun], report.Backups.Select(b => b.Result));
    }

    [Fact]
    public void Backups_that_were_not_tried_after_a_refused_PIN_have_not_failed()
    {
        _cluster.BackUp();
        DrillReport report = _cluster.Drill(DrillScenario.BackupVerification,
            r => r with
            {
                OpenKey = _ => throw new HsmBackupException(ErrorCode.PinIncorrect, "The PIN was refused.", "Find out which it is."),
            });
        Assert.Equal((DrillResult.Failed, ErrorCode.PinIncorrect), (report.Result, report.Error));
        Assert.Equal([CheckOutcome.Failed, CheckOutcome.NotRun], report.Backups.Select(b => b.Result));
    }

    private static void AssertLost(string store, ErrorCode error, DrillReport report)
    {
        Assert.Equal((DrillResult.Failed, error), (report.Result, report.Error));
        DrillStep step = Assert.Single(report.Steps, s => s.Outcome != CheckOutcome.Passed);
        Assert.Equal((DrillStep.Find, $"store {store}", CheckOutcome.Failed), (step.Name, step.Subject, step.Outcome));
        Assert.Equal(CheckOutcome.Passed, Assert.Single(report.Backups).Result);
        Assert.Contains(report.Deviations, d => d.Contains($"'{store}'", StringComparison.Ordinal));
    }
}
