using System.Globalization;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Drills;

/// <summary>Drills that must not pass, and say at which step and why.</summary>
public sealed class DrillFailureTests : IDisposable
{
    private readonly DrilledCluster _cluster = new();

    public void Dispose() => _cluster.Dispose();

    [Fact]
    public void Without_a_backup_it_fails_where_it_looks_for_one() =>
        Check(_cluster.Drill(DrillScenario.ClusterLoss), DrillStep.Find, ErrorCode.BackupNotFound);

    [Fact]
    public void A_damaged_backup_is_no_backup_and_an_older_one_is_taken_only_with_its_own_key()
    {
        _cluster.Fill();
        BackupResult older = _cluster.BackUp(r => r with { Clock = new SetClock(DateTimeOffset.UtcNow.AddHours(-1)) });
        BackupResult newer = _cluster.BackUp();
        Damage(newer, 0);
        Damage(newer, 1);
        OneTimeKey KeyOfNewer(BackupInfo _) => _cluster.Keys[newer.Id.ToString()].Clone();
        Check(_cluster.Drill(DrillScenario.StoreLoss, r => r with { OpenKey = KeyOfNewer }), DrillStep.Secrets, ErrorCode.KeyMismatch);

        DrillReport report = _cluster.Drill(DrillScenario.StoreLoss);
        Assert.Equal((DrillResult.Passed, older.Id.ToString()), (report.Result, Assert.Single(report.Backups).BackupId));
        Assert.Contains(report.Deviations, d => d.Contains(_cluster.PathOf(newer, 1), StringComparison.Ordinal)
            && d.Contains("passed over", StringComparison.Ordinal));

        Damage(older, 0);
        Damage(older, 1);
        Check(_cluster.Drill(DrillScenario.StoreLoss), DrillStep.Find, ErrorCode.BackupNotFound);
    }

    [Fact]
    public void With_a_damaged_copy_the_other_one_is_taken_and_the_report_says_so()
    {
        _cluster.Fill();
        BackupResult backup = _cluster.BackUp();
        Damage(backup, 0);
        DrillReport report = _cluster.Drill(DrillScenario.ClusterLoss);
        Assert.Equal((DrillResult.Passed, "second"), (report.Result, Assert.Single(report.Backups).Store));
        Assert.Contains(report.Deviations, d => d.Contains(_cluster.PathOf(backup), StringComparison.Ordinal));
    }

    [Fact]
    public void A_wrong_key_no_key_and_a_missing_share_fail_where_secrets_are_collected()
    {
        _cluster.Fill();
        _cluster.BackUp();
        Check(_cluster.Drill(DrillScenario.ClusterLoss, r => r with { OpenKey = _ => OneTimeKey.Generate() }), DrillStep.Secrets,
            ErrorCode.KeyMismatch);
        Check(_cluster.Drill(DrillScenario.ClusterLoss, r => r with { OpenKey = _ => null }), DrillStep.Secrets, ErrorCode.KeyRequired);
        Check(_cluster.Drill(DrillScenario.NodeLoss, r => r with { OpenShares = _ => _cluster.Tokens.Custodians(1, 2) }),
            DrillStep.Secrets, ErrorCode.SharesMissing);
        Check(_cluster.Drill(DrillScenario.KeyLoss, r => r with { OpenShares = null }), DrillStep.Secrets, ErrorCode.SharesMissing);
    }

    [Fact]
    public void A_store_that_is_down_is_a_deviation_as_long_as_another_is_there()
    {
        _cluster.Fill();
        _cluster.BackUp();
        DrillRequest Down(DrillRequest request, params string[] stores) => request with
        {
            OpenStore = s => stores.Contains(s.Name)
                ? throw new HsmBackupException(ErrorCode.StoreUnavailable, $"The store '{s.Name}' does not answer.", "See to it.")
                : BackupStores.Open(s, PinAsker.Nobody),
        };
        DrillReport report = _cluster.Drill(DrillScenario.ClusterLoss, r => Down(r, "first"));
        Assert.Equal((DrillResult.Passed, "second"), (report.Result, report.Backups[0].Store));
        Assert.Contains(report.Deviations, d => d.Contains("'first'", StringComparison.Ordinal));
        Check(_cluster.Drill(DrillScenario.ClusterLoss, r => Down(r, "first", "second")), DrillStep.Find, ErrorCode.StoreUnavailable);
    }

    [Fact]
    public void The_backup_of_an_empty_token_never_passes()
    {
        using var cluster = new DrilledCluster(nodes: 1, bound: false);
        cluster.BackUp(r => r with { AllowPartial = true });
        foreach (DrillScenario scenario in Enum.GetValues<DrillScenario>())
        {
            DrillReport report = cluster.Drill(scenario);
            Assert.Equal((DrillResult.Failed, ErrorCode.DrillFailed, 0), (report.Result, report.Error, report.Measures.KeysExpected));
            Assert.Equal(DrillStep.Authenticate, report.Steps.First(s => s.Outcome == CheckOutcome.Failed).Name);
        }
    }

    [Fact]
    public void What_a_partial_backup_misses_counts_unless_the_definition_acknowledges_it()
    {
        using (TokenConnection connection = _cluster.Tokens.Open())
        {
            new TokenContent(connection.Session).Aes("fixed", 32, t => t.Set(Cka.Extractable, false));
        }
        _cluster.Fill();
        _cluster.BackUp(r => r with { AllowPartial = true });
        Check(_cluster.Drill(DrillScenario.ClusterLoss), DrillStep.Find, ErrorCode.BackupNotFound);

        DrillReport report = _cluster.Drill(DrillScenario.ClusterLoss, r => r with { AllowPartial = true });
        Check(report, DrillStep.Prove, ErrorCode.DrillFailed);
        Assert.Equal((15, 12), (report.Measures.KeysExpected, report.Measures.KeysProven));

        _cluster.Definition = _cluster.Definition with
        {
            Acknowledged = [new AcknowledgedObject { Label = "fixed", Reason = "it never leaves" }],
        };
        report = _cluster.Drill(DrillScenario.ClusterLoss, r => r with { AllowPartial = true });
        Assert.Equal((DrillResult.Passed, 12), (report.Result, report.Measures.KeysExpected));
    }

    [Fact]
    public void Missed_objectives_are_told_and_do_not_make_a_drill_fail()
    {
        _cluster.Fill();
        _cluster.BackUp();
        _cluster.Definition = _cluster.Definition with
        {
            Targets = new RecoveryTargets { Rto = TimeSpan.FromMilliseconds(1), Rpo = TimeSpan.FromMilliseconds(1) },
        };
        DrillReport report = _cluster.Drill(DrillScenario.StoreLoss);
        Assert.Equal((DrillResult.Passed, false, false),
            (report.Result, report.Measures.RecoveryTimeMet, report.Measures.RecoveryPointMet));
        Assert.Equal((3, 2), (report.Deviations.Count, report.FollowUps.Count));
        Assert.Contains(report.Deviations, d => d.Contains("One node stood for all 3", StringComparison.Ordinal));
    }

    [Fact]
    public void A_backup_of_tomorrow_has_no_age()
    {
        _cluster.Fill();
        _cluster.BackUp(r => r with { Clock = new ShiftedClock(TimeSpan.FromDays(1)) });
        using var thai = new OtherCulture("th-TH");
        DrillReport report = _cluster.Drill(DrillScenario.StoreLoss);
        Assert.Equal((DrillResult.Passed, null, null), (report.Result, report.Measures.RecoveryPoint, report.Measures.RecoveryPointMet));
        string dated = report.Backups[0].Created.ToString("'dated 'yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        Assert.Contains(report.Deviations, d => d.Contains(dated, StringComparison.Ordinal));
    }

    [Fact]
    public void What_keys_could_not_be_tried_for_is_told_once_beside_what_they_were_used_for()
    {
        using (TokenConnection connection = _cluster.Tokens.Open())
        {
            var content = new TokenContent(connection.Session) { Next = 50 };
            foreach (string label in (string[])["limited-1", "limited-2"])
            {
                content.Aes(label, 32, t => t.Set(Cka.Wrap, true).Set(Cka.AllowedMechanisms, (ReadOnlySpan<ulong>)[Ckm.AesCbc]));
            }
        }
        _cluster.Fill();
        _cluster.BackUp();
        DrillReport report = _cluster.Drill(DrillScenario.StoreLoss);
        Assert.Equal((DrillResult.Passed, 0), (report.Result, report.Measures.KeysSkipped));
        string told = Assert.Single(report.Deviations, d => d.StartsWith("Wrap ", StringComparison.Ordinal));
        Assert.Contains("2 keys", told, StringComparison.Ordinal);
        Assert.Contains("CKR_MECHANISM_INVALID", told, StringComparison.Ordinal);
    }

    [Fact]
    public void Somebody_who_stops_it_gets_a_report_and_nothing_is_left()
    {
        _cluster.Fill();
        _cluster.BackUp();
        using var stop = new CancellationTokenSource();
        DrillReport report = _cluster.Drill(DrillScenario.ClusterLoss, null, new StopAt(DrillStep.Restore, stop), stop.Token);
        Assert.Equal((DrillResult.Interrupted, ErrorCode.Cancelled), (report.Result, report.Error));
        Assert.Equal(CheckOutcome.Failed, report.Steps.Single(s => s.Name == DrillStep.Restore).Outcome);
        Assert.Equal(CheckOutcome.NotRun, report.Steps.Single(s => s.Name == DrillStep.Use).Outcome);
        Assert.Equal(CheckOutcome.Passed, report.Steps[^1].Outcome);
        Assert.Null(report.Measures.RecoveryTime);
    }

    [Fact]
    public void What_cannot_begin_is_refused_before_anything_is_done()
    {
        ErrorCode Refusal(Func<DrillRequest, DrillRequest> change, DrillScenario scenario = DrillScenario.ClusterLoss) =>
            Assert.Throws<HsmBackupException>(() => _cluster.Drill(scenario, change)).Code;
        Assert.Equal(ErrorCode.DrillNotPossible, Refusal(r => r with { Cluster = r.Cluster with { Drill = null } }));
        Assert.Equal(ErrorCode.DrillNotPossible,
            Refusal(r => r with { Cluster = r.Cluster with { Drill = r.Cluster.Drill! with { SoftwareTargets = false } } }));
        Assert.Equal(ErrorCode.DrillNotPossible, Refusal(r => r with { Cluster = r.Cluster with { Stores = [] } }));
        Assert.Equal(ErrorCode.DrillNotPossible,
            Refusal(r => r with { Cluster = r.Cluster with { Stores = [r.Cluster.Stores[0]] } }, DrillScenario.StoreLoss));
        Assert.Equal(ErrorCode.InvalidArgument, Refusal(r => r with { LostStore = "third" }, DrillScenario.StoreLoss));
        Assert.Equal(ErrorCode.InvalidArgument, Refusal(r => r with { LostStore = "first" }));
        Assert.Empty(_cluster.Opened);
    }

    private static void Check(DrillReport report, string step, ErrorCode error)
    {
        Assert.Equal((DrillResult.Failed, error), (report.Result, report.Error));
        DrillStep failed = report.Steps.First(s => s.Outcome != CheckOutcome.Passed);
        Assert.Equal((step, CheckOutcome.Failed, error), (failed.Name, failed.Outcome, failed.Error));
        Assert.Equal((DrillStep.CleanUp, CheckOutcome.Passed), (report.Steps[^1].Name, report.Steps[^1].Outcome));
        Assert.All(report.Steps.SkipWhile(s => s != failed).Skip(1).SkipLast(1), s => Assert.Equal(CheckOutcome.NotRun, s.Outcome));
        Assert.NotEmpty(report.FollowUps);
    }

    private void Damage(BackupResult backup, int store)
    {
        string path = _cluster.PathOf(backup, store);
        byte[] content = File.ReadAllBytes(path);
        content[^100] ^= 1;
        File.WriteAllBytes(path, content);
    }
}
