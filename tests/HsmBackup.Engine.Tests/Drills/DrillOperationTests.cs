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
        Assert.Equal([DrillStep.Find, DrillStep.Fetch, DrillStep.Secrets, DrillStep.Authenticate, DrillStep.Initialize, DrillStep.Join,
            DrillStep.Restore,
            DrillStep.Prove, DrillStep.Use, DrillStep.CleanUp], report.Steps.Select(s => s.Name));
        Assert.All(report.Steps, s => Assert.Equal((CheckOutcome.Passed, s.Name != DrillStep.CleanUp), (s.Outcome, s.IsRecovery)));
        Assert.Equal(backup.Id.ToString(), Assert.Single(report.Backups).BackupId);
        // Two private keys and a secret key, and the private key of the identity, on three targets.
        Assert.Equal((12, 12, 12), (report.Measures.KeysExpected, report.Measures.KeysRecovered, report.Measures.KeysProven));
        Assert.Equal((12, 0), (report.Measures.KeysUsed, report.Measures.KeysSkipped));
        Assert.All(report.Keys.SelectMany(k => k.Uses), u => Assert.Equal(CheckOutcome.Passed, u.Outcome));
        Assert.Equal(report.Steps.Where(s => s.IsRecovery).Aggregate(TimeSpan.Zero, (sum, s) => sum + s.Elapsed),
            report.Measures.RecoveryTime);
        Assert.Equal((true, true), (report.Measures.RecoveryTimeMet, report.Measures.RecoveryPointMet));
        Assert.Equal(["node-1", "node-2", "node-3"], report.Environment.Targets.Select(t => t.Node));
    }

    [Fact]
    public void A_lost_node_is_filled_from_its_peer_and_the_backup_that_set_the_peer_up_is_no_part_of_the_recovery()
    {
        _cluster.Fill();
        _cluster.BackUp();
        DrillReport report = _cluster.Drill(DrillScenario.NodeLoss);

        Assert.Equal((DrillResult.Passed, null), (report.Result, report.Problem));
        Assert.Equal([DrillStep.Secrets, DrillStep.Initialize, DrillStep.Join, DrillStep.Restore, DrillStep.Prove, DrillStep.Use],
            report.Steps.Where(s => s.IsRecovery).Select(s => s.Name));
        Assert.Contains("peers node-1", report.Steps.Single(s => s.Name == DrillStep.Restore).Detail, StringComparison.Ordinal);
        Assert.All(report.Keys, k => Assert.Equal("node-3", k.Node));
        Assert.Equal((4, null), (report.Measures.KeysUsed, report.Measures.RecoveryPoint));
    }

    [Fact]
    public void Keys_that_were_deleted_come_back_and_they_alone()
    {
        _cluster.Fill();
        _cluster.BackUp();
        DrillReport report = _cluster.Drill(DrillScenario.KeyLoss, r => r with
        {
            Selection = new KeySelection { Labels = [NameFilter.Exactly("rsa")] },
        });

        Assert.Equal((DrillResult.Passed, null), (report.Result, report.Problem));
        Assert.Equal(["rsa"], report.Keys.Select(k => k.Label));
        Assert.Contains("2 of", report.Steps.Single(s => s.Name == DrillStep.Lose).Detail, StringComparison.Ordinal);
        Assert.StartsWith("2 objects brought back", report.Steps.Single(s => s.Name == DrillStep.Restore).Detail, StringComparison.Ordinal);
        Assert.Equal((null, null), (report.Seed, report.LostStore));

        string[] ByChance(long seed) => [.. _cluster.Drill(DrillScenario.KeyLoss, r => r with { Seed = seed }).Keys.Select(k => k.Label)];
        string[] chosen = ByChance(7);
        Assert.Equal(3, chosen.Length);
        Assert.Equal(chosen, ByChance(7));
    }

    [Fact]
    public void A_sample_of_the_backups_is_restored_and_one_whose_key_nobody_has_fails_alone()
    {
        _cluster.Fill();
        List<BackupResult> backups = [_cluster.BackUp()];
        _cluster.Fill("-later");
        backups.Add(_cluster.BackUp());
        backups.Add(_cluster.BackUp());

        DrillReport report = _cluster.Drill(DrillScenario.BackupVerification, r => r with { SampleSize = 2, Seed = 5 });
        Assert.Equal((DrillResult.Passed, null, 5), (report.Result, report.Problem, report.Seed));
        Assert.Equal([CheckOutcome.Passed, CheckOutcome.Passed], report.Backups.Select(b => b.Result));
        Assert.Equal(report.Backups.Select(b => b.BackupId), report.Steps.Where(s => s.Name == DrillStep.Use).Select(s => s.Subject));
        Assert.Null(report.Measures.RecoveryTime);

        string lost = backups[1].Id.ToString();
        _cluster.Keys.Remove(lost);
        // The one that fails comes first, or nobody would see that it kept the others from being tried.
        long seed = Enumerable.Range(0, 1000).First(s => RandomOrder.Of(backups, b => b.Id.ToString(), s).First().Id.ToString() == lost);
        report = _cluster.Drill(DrillScenario.BackupVerification, r => r with { Seed = seed });
        Assert.Equal((DrillResult.Failed, ErrorCode.KeyRequired), (report.Result, report.Error));
        Assert.All(report.Backups, b => Assert.Equal(b.BackupId == lost ? CheckOutcome.Failed : CheckOutcome.Passed, b.Result));
        Assert.Equal(3, report.Backups.Count);
        Assert.Equal(lost, report.Backups[0].BackupId);
        Assert.Contains(report.Steps, s => s is { Name: DrillStep.Restore, Outcome: CheckOutcome.NotRun } && s.Subject == lost);
    }

    [Fact]
    public void A_lost_store_is_not_even_opened()
    {
        _cluster.Fill();
        _cluster.BackUp();
        _cluster.Opened.Clear();
        DrillReport report = _cluster.Drill(DrillScenario.StoreLoss);
        Assert.Equal((DrillResult.Passed, null), (report.Result, report.Problem));
        Assert.Equal(["second"], _cluster.Opened);
        Assert.Equal(("second", "first"), (Assert.Single(report.Backups).Store, report.LostStore));

        Directory.Delete(_cluster.Definition.Stores[1].Location, recursive: true);
        report = _cluster.Drill(DrillScenario.StoreLoss);
        Assert.Equal((DrillResult.Failed, ErrorCode.BackupNotFound), (report.Result, report.Error));
        report = _cluster.Drill(DrillScenario.StoreLoss, r => r with { LostStore = "SECOND" });
        Assert.Equal((DrillResult.Passed, "second"), (report.Result, report.LostStore));
    }

    [Fact]
    public void A_cluster_without_a_cluster_key_is_drilled_by_its_backups_alone()
    {
        using var cluster = new DrilledCluster(nodes: 2, bound: false);
        cluster.Fill();
        cluster.BackUp();
        foreach (DrillScenario scenario in (DrillScenario[])[DrillScenario.ClusterLoss, DrillScenario.NodeLoss, DrillScenario.KeyLoss])
        {
            DrillReport report = cluster.Drill(scenario, r => r with { OpenShares = null });
            Assert.Equal((DrillResult.Passed, null), (report.Result, report.Problem));
            Assert.DoesNotContain(report.Steps, s => s.Name == DrillStep.Join);
            Assert.NotNull(report.Measures.RecoveryPoint);
        }
    }

    [Fact]
    public void The_nodes_themselves_are_as_they_were_and_nothing_of_the_drill_is_left()
    {
        _cluster.Fill();
        _cluster.BackUp();
        string[] Storage() => [.. _cluster.Tokens.Tokens.SelectMany(t =>
            Directory.EnumerateFiles(((Support.SoftHsmToken)t).Storage, "*", SearchOption.AllDirectories))
            .Select(f => $"{f} {File.GetLastWriteTimeUtc(f).Ticks}").Order(StringComparer.Ordinal)];
        string[] before = Storage();
        DrillReport report = _cluster.Drill(DrillScenario.ClusterLoss);
        Assert.Equal(DrillResult.Passed, report.Result);
        Assert.Equal(before, Storage());
        Assert.All(report.Environment.Targets, t => Assert.DoesNotContain(_cluster.Tokens.Tokens,
            own => own.Address.TokenSerial == t.TokenSerial));
        Assert.Equal(["lock"], Directory.EnumerateFileSystemEntries(Path.Combine(_cluster.State, "staging")).Select(Path.GetFileName));
    }
}
