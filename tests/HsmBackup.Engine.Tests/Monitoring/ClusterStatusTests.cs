using System.Text;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Monitoring.Alerts;
using HsmBackup.Engine.Monitoring.Status;
using HsmBackup.Engine.Scheduling;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Clusters.Definitions;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Monitoring;

public sealed class ClusterStatusTests : IDisposable
{
    private static readonly DateTimeOffset Now = StatusSample.Now;

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Drills_count_that_the_cluster_has_signed_and_others_only_where_it_cannot_sign()
    {
        WriteDrill("20261101T090000Z-00000001");
        string altered = WriteDrill("20261102T090000Z-00000002");
        File.AppendAllText(Path.Combine(altered, DrillRecords.MarkdownFile), "x");

        ClusterStatus unsigned = Read(StatusSample.Cluster with { IdentityCertificate = null });
        Assert.Equal("20261101T090000Z-00000001", Assert.Single(unsigned.Drills).Id);
        Assert.Equal(DrillIntegrity.Altered, Assert.Single(unsigned.DoubtfulDrills).Integrity);
        Assert.Equal(StatusSample.Drill.Started, unsigned.Preparation!.LastDrill);

        ClusterStatus signed = Read(StatusSample.Cluster);
        Assert.Empty(signed.Drills);
        Assert.Equal(2, signed.DoubtfulDrills.Count);
    }

    [Theory]
    [InlineData("02:30", false)]
    [InlineData("10:00", true)]
    public void A_run_is_missed_an_hour_after_it_was_due(string due, bool missed)
    {
        ClusterDefinition cluster = StatusSample.Cluster with
        {
            Schedule = new ClusterSchedule
            { Times = [TimeOnly.ParseExact(due, "HH:mm", null)], Utc = true }
        };
        var records = RunRecords.Of(_folder.Root, cluster.Id);
        StateFolder.Create(Path.Combine(_folder.Root, "runs", cluster.Id));
        records.Write(StatusSample.Run);
        Assert.Equal(missed, Read(cluster).Schedule!.IsMissed);
    }

    [Fact]
    public void A_run_that_is_due_just_now_is_not_missed_yet_and_one_that_is_under_way_is_none()
    {
        ClusterDefinition cluster = StatusSample.Cluster with
        {
            Schedule = new ClusterSchedule
            { Times = [new TimeOnly(11, 30)], Utc = true }
        };
        var records = RunRecords.Of(_folder.Root, cluster.Id);
        StateFolder.Create(Path.Combine(_folder.Root, "runs", cluster.Id));
        records.Write(StatusSample.Run with { Started = Now.AddDays(-1) });
        Assert.False(Read(cluster).Schedule!.IsMissed);
        cluster = cluster with { Schedule = new ClusterSchedule { Times = [new TimeOnly(9, 0)], Utc = true } };
        Assert.True(Read(cluster).Schedule!.IsMissed);
        using (records.Lock("payments", Now))
        {
            records.Write(StatusSample.Run with { Started = Now.AddHours(-3), Result = RunResult.Running });
            Assert.False(Read(cluster).Schedule!.IsMissed);
        }
        // Nobody holds it any more: its process is gone.
        ClusterStatus killed = Read(cluster);
        Assert.True(killed.Schedule!.IsMissed);
        Assert.Equal(RunResult.Interrupted, killed.LastRun!.Result);
    }

    [Fact]
    public void Of_a_schedule_that_is_new_nothing_was_missed()
    {
        ClusterDefinition cluster = ClusterDefinition.Parse(Encoding.UTF8.GetBytes(TestDefinition.Largest), "test")
            .Save(_folder.File("payments.hsmcluster.json"));
        cluster = cluster with { Schedule = new ClusterSchedule { Times = [new TimeOnly(2, 30)], Utc = true } };
        File.SetLastWriteTimeUtc(cluster.DefinitionPath!, Now.AddHours(-2).UtcDateTime);
        Assert.False(Read(cluster).Schedule!.IsMissed);
        File.SetLastWriteTimeUtc(cluster.DefinitionPath!, Now.AddDays(-2).UtcDateTime);
        Assert.True(Read(cluster).Schedule!.IsMissed);
    }

    [Fact]
    public void What_claims_to_be_of_the_future_is_not_the_last()
    {
        BackupRun failed = StatusSample.Run with { Result = RunResult.Failed };
        ClusterStatus status = StatusSample.Well with
        {
            Runs = [failed, StatusSample.Run with { Started = Now.AddYears(1) }],
            Drills = [StatusSample.Drill, StatusSample.Drill with { Started = Now.AddYears(1), Result = DrillResult.Failed }],
        };
        Assert.Same(failed, status.LastRun);
        Assert.Equal(StatusSample.Drill.Started, Assert.Single(status.LastDrills).Started);
    }

    [Fact]
    public void A_log_that_is_gone_or_broken_is_a_damaged_one()
    {
        AuditLog log = new(_folder.Root, new SetClock(Now));
        Assert.Null(Read(StatusSample.Cluster).Audit);
        log.Append(new AuditRecord("Test", AuditResult.Started));
        Assert.True(Read(StatusSample.Cluster).Audit!.Passed);
        File.WriteAllText(Directory.GetFiles(log.Folder, "*.jsonl")[0], "x\n");
        ClusterStatus broken = Read(StatusSample.Cluster);
        Assert.Contains(AlertConditions.Of(broken), c => c.Name == "AuditDamaged");
        Assert.DoesNotContain(StatusPart.Audit, broken.Unknown.Keys);
    }

    [Fact]
    public void While_a_store_is_away_nothing_is_said_of_backups_and_the_rest_is_known()
    {
        ClusterDefinition cluster = StatusSample.Cluster with
        {
            Stores = [new ClusterStore
            { Name = "local", Kind = StoreKind.Directory, Location = _folder.File("none") }]
        };
        ClusterStatus status = Read(cluster);
        Assert.Equal([StatusPart.Backups, StatusPart.Nodes], status.Unknown.Keys.Order());
        Assert.Contains("'local'", status.Unknown[StatusPart.Backups], StringComparison.Ordinal);
        Assert.NotNull(Assert.Single(status.Stores).Error);
        Assert.Null(status.Unknown[StatusPart.Nodes]);
    }

    private ClusterStatus Read(ClusterDefinition cluster) => ClusterStatus.Read(new ClusterStatusRequest
    {
        Cluster = cluster,
        OpenStore = s => s.Kind == StoreKind.Directory ? new DirectoryStore(s.Location, s.Name)
            : throw new HsmBackupException(ErrorCode.StoreUnavailable, "Not here.", "No."),
        SkipHealth = true,
        StateFolder = _folder.Root,
        Clock = new SetClock(Now),
    }, CancellationToken.None);

    private string WriteDrill(string id) => DrillRecords.Of(_folder.Root, StatusSample.Cluster.Id).Write(id, new Dictionary<string, byte[]>
    {
        [DrillRecords.JsonFile] = (StatusSample.Drill with { Id = id }).ToJson(),
        [DrillRecords.HtmlFile] = [1],
        [DrillRecords.MarkdownFile] = [2],
        [DrillRecords.JUnitFile] = [3],
    }, null);
}
