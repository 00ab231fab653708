using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Drills;
using Xunit;

namespace HsmBackup.Engine.Tests.Drills;

/// <summary>Drills on three real tokens; what is proven is proven on throw-away ones.</summary>
public sealed class DrillOperationTests : IDisposable
{
    private readonly DrilledCluster _cluster = new();

    public void Dispose() => _cluster.Dispose();

    [Fact]
    public void A_lost_cluster_comes_back_and_each_key_is_proven_and_used()
    {
        _cluster.Fill();
        BackupResult backup = _cluster.BackUp();
        DrillReport report = _cluster.Drill(DrillScenario.ClusterLoss);

        Assert.Equal((DrillResult.Passed, null, null), (report.Result, report.Problem, report.Error));
        Assert.Equal([DrillStep.Find, DrillStep.Fetch, DrillStep.Secrets, DrillStep.Authenticate, DrillStep.Initialize, DrillStep.Join, DrillStep.Restore,
            DrillStep.Prove, DrillStep.Use, DrillStep.CleanUp], report.Steps.Select(s => s.Name));
        Assert.All(report.Steps, s => Assert.Equal((CheckOutcome.Passed, s.Name != DrillStep.CleanUp), (s.Outcome, s.IsRecovery)));
        Assert.Equal(backup.Id.ToString(), Assert.Single(report.Backups).BackupId);
        // Two private keys and a secret key, and the private key of the identity, on three targets.
        Assert.Equal((12, 12, 12), (report.Measures.KeysExpected, report.Measures.KeysRecovered, report.Measures.KeysProven));
        Assert.Equal(report.Steps.Where(s => s.IsRecovery).Aggregate(TimeSpan.Zero, (sum, s) => sum + s.Elapsed), report.Measures.RecoveryTime);
        Assert.Equal((true, true), (report.Measures.RecoveryTimeMet, report.Measures.RecoveryPointMet));
        Assert.Equal(["node-1", "node-2", "node-3"], report.Environment.Targets.Select(t => t.Node));
    }
}
