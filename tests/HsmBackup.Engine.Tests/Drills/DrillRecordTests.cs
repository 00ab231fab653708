using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Monitoring.Status;
using HsmBackup.Engine.Reporting;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Reporting;
using Xunit;

namespace HsmBackup.Engine.Tests.Drills;

/// <summary>Which drills count as those of a cluster, wherever that is asked.</summary>
public sealed class DrillRecordTests : IDisposable
{
    private const string Another = "cluster-ffeeddccbbaa0099";

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(DrillIntegrity.Signed, true, false, true)]
    [InlineData(DrillIntegrity.Signed, true, true, false)]
    [InlineData(DrillIntegrity.Unsigned, false, false, true)]
    [InlineData(DrillIntegrity.Unsigned, true, false, false)]
    [InlineData(DrillIntegrity.Unsigned, false, true, false)]
    [InlineData(DrillIntegrity.Altered, false, false, false)]
    public void It_is_of_the_cluster_as_it_was_written_and_signed_where_that_could_be(DrillIntegrity integrity, bool hasIdentity, bool foreign, bool counts)
    {
        ClusterDefinition cluster = SampleRunbooks.Cluster() with
        {
            IdentityCertificate = hasIdentity ? Clusters.Definitions.TestDefinition.Full()["identityCertificate"]!.GetValue<string>() : null,
        };
        DrillReport report = SampleDrills.Passed() is var own && foreign ? own with { ClusterId = Another } : own;
        var record = new DrillRecord { Id = report.Id, Folder = "/x", Integrity = integrity, Report = integrity == DrillIntegrity.Altered ? null : report };
        Assert.Equal(counts, record.CountsFor(cluster));
        Assert.Equal(counts, record.DoubtFor(cluster) is null);
        Assert.Equal(!foreign && integrity != DrillIntegrity.Altered, record.DoubtFor(cluster, allowUnsigned: true) is null);
    }

    [Fact]
    public void A_report_of_another_cluster_in_the_folder_counts_in_no_runbook_and_for_no_health()
    {
        RunbookSource source = SampleRunbooks.Source();
        var records = DrillRecords.Of(_folder.Root, source.Cluster.Id);
        DrillReport report = SampleDrills.Passed();
        _ = DrillPublication.Publish(report with { ClusterId = Another, Started = report.Started.AddDays(1) }, records, sign: null);
        Assert.Equal(DrillIntegrity.Unsigned, Assert.Single(records.List(null)).Integrity);
        Assert.Empty((source with { Drills = records.List(null) }).Counted);
        Assert.Null(ClusterStatus.ReadPreparation(source.Cluster, _folder.Root)?.LastDrill);

        _ = DrillPublication.Publish(report with { Id = "20261122T093000Z-00000001" }, records, sign: null);
        Assert.Equal(report.Started, Assert.Single((source with { Drills = records.List(null) }).Counted).Started);
        Assert.Equal(report.Started, ClusterStatus.ReadPreparation(source.Cluster, _folder.Root)?.LastDrill);
    }

    [Fact]
    public void The_drills_before_one_are_those_of_its_cluster()
    {
        using var cluster = new DrilledCluster(nodes: 1, bound: false);
        cluster.Fill();
        cluster.BackUp();
        var records = DrillRecords.Of(cluster.State, cluster.Definition.Id);
        DrillReport first = cluster.Drill(DrillScenario.KeyLoss);
        _ = DrillPublication.Publish(first, records, sign: null);
        _ = DrillPublication.Publish(SampleDrills.Passed(), records, sign: null);
        FormerDrill former = Assert.Single(cluster.Drill(DrillScenario.KeyLoss).Former);
        Assert.Equal((first.Id, true), (former.Id, former.SoftwareTargets));
    }
}
