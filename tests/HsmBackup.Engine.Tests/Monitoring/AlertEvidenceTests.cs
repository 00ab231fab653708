using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Monitoring.Alerts;
using HsmBackup.Engine.Monitoring.Metrics;
using HsmBackup.Engine.Monitoring.Status;
using HsmBackup.Engine.Stores;
using Xunit;

namespace HsmBackup.Engine.Tests.Monitoring;

/// <summary>What nobody could see is not over, and what can be seen is told.</summary>
public sealed class AlertEvidenceTests
{
    private static readonly Dictionary<CopyState, int> None = [];

    private static readonly HsmBackupException Down = new(ErrorCode.StoreUnavailable, "It is down.", "See to it.");

    private static IReadOnlyList<StoreStatus> WithoutRemote { get; } =
        [.. StatusSample.Well.Stores.Select(s => s.Name == "remote" ? s with { Copies = None, Error = Down } : s)];

    [Theory]
    [InlineData("NodeOutOfSync", false)]
    [InlineData("NodeDegraded", false)]
    [InlineData("NodePinProblem", false)]
    [InlineData("NodeUnreachable", true)]
    [InlineData("NodeUninitialized", true)]
    public void Without_a_login_a_node_is_seen_from_outside_only(string name, bool over)
    {
        ClusterStatus well = StatusSample.Well;
        string node = well.Nodes[0].Node;
        Alert alert = Of(StatusPart.Nodes, name, node);
        Assert.True(AlertEvidence.IsOver(well, alert));
        ClusterStatus outside = well with { Nodes = [.. well.Nodes.Select(n => n with { SeesPrivate = false })] };
        Assert.Equal(over, AlertEvidence.IsOver(outside, alert));
        Assert.True(AlertEvidence.IsOver(outside, Of(StatusPart.Nodes, name, "of-old")));
        ClusterStatus unknown = well with { Unknown = new Dictionary<StatusPart, string?> { [StatusPart.Nodes] = null } };
        Assert.False(AlertEvidence.IsOver(unknown, alert));
        Assert.DoesNotContain("hsmbackup_node_drift_objects{", MetricText.Of(outside), StringComparison.Ordinal);
    }

    [Fact]
    public void A_cluster_that_was_down_is_up_when_a_node_serves_that_is_not_known_to_refuse_its_PIN()
    {
        ClusterStatus well = StatusSample.Well;
        Alert down = Of(StatusPart.Nodes, "ClusterDown", null);
        Assert.True(AlertEvidence.IsOver(well, down));
        ClusterStatus outside = well with { Nodes = [.. well.Nodes.Select(n => n with { SeesPrivate = false })] };
        Assert.True(AlertEvidence.IsOver(outside, down));
        Assert.False(AlertEvidence.IsOver(outside with
        {
            Alerts = [.. well.Nodes.Select(n => Of(StatusPart.Nodes, "NodePinProblem", n.Node))],
        }, down));
    }

    [Fact]
    public void A_medium_that_is_put_away_takes_no_alert_about_its_backups_with_it()
    {
        ClusterStatus well = StatusSample.Well;
        var away = new StoreStatus("remote", StoreKind.Offline,
            new HsmBackupException(ErrorCode.StoreUnmounted, "Away.", "Bring it."), None);
        ClusterStatus part = well with
        {
            Stores = [.. well.Stores.Where(s => s.Name != "remote"), away],
            Backups = [well.Backups[0] with { Copies = [well.Backups[0].Copies[0]] }]
        };
        ClusterStatus nothing = well with { Stores = [away], Backups = [] };
        foreach (string name in (string[])["NoBackup", "BackupTooOld", "NothingRestorable", "VerificationTooOld", "VerificationFailed",
            "BackupPartial", "CopiesMissing"])
        {
            Alert alert = Of(StatusPart.Backups, name, null);
            Assert.True(AlertEvidence.IsOver(well, alert), name);
            Assert.False(AlertEvidence.IsOver(nothing, alert), name);
            Assert.Equal(name is not ("VerificationFailed" or "BackupPartial" or "CopiesMissing"), AlertEvidence.IsOver(part, alert));
        }
        // That of the backup that failed has passed since.
        Assert.True(AlertEvidence.IsOver(part, Of(StatusPart.Backups, "VerificationFailed", null) with { BackupId = well.Backups[0].BackupId }));
        Assert.True(AlertEvidence.IsOver(nothing with { Stores = [] }, Of(StatusPart.Backups, "NoBackup", null)));
        // It may hold the copy that is not to be seen.
        Assert.Empty(AlertConditions.Of(part));
        Assert.Empty(AlertConditions.Of(nothing));
        ClusterStatus newer = part with
        {
            Backups = [well.Backups[0] with { Created = StatusSample.Now.AddHours(1) }],
            Time = StatusSample.Now.AddHours(2)
        };
        Assert.True(AlertEvidence.IsOver(newer, Of(StatusPart.Backups, "BackupPartial", null)));
        Assert.True(AlertEvidence.IsOver(newer, Of(StatusPart.Backups, "CopiesMissing", null)));
    }

    [Theory]
    [InlineData("CopyBad")]
    [InlineData("StoreDown")]
    [InlineData("StoreUntrusted")]
    public void What_is_wrong_with_a_store_is_over_when_somebody_has_looked_into_it(string name)
    {
        ClusterStatus well = StatusSample.Well;
        Alert alert = Of(StatusPart.Stores, name, "remote");
        Assert.True(AlertEvidence.IsOver(well, alert));
        Assert.False(AlertEvidence.IsOver(well with { Stores = WithoutRemote }, alert));
        var away = new StoreStatus("remote", StoreKind.Offline,
            new HsmBackupException(ErrorCode.StoreUnmounted, "Away.", "Bring it."), None);
        Assert.False(AlertEvidence.IsOver(well with { Stores = [.. well.Stores.Where(s => s.Name != "remote"), away] }, alert));
        Assert.False(AlertEvidence.IsOver(well with { Stores = [] }, alert));
        Assert.True(AlertEvidence.IsOver(well, Of(StatusPart.Stores, name, "of-old")));
    }

    [Fact]
    public void That_a_store_is_down_hides_nothing_of_what_the_others_show()
    {
        ClusterStatus well = StatusSample.Well;
        ClusterStatus half = well with
        {
            Stores = WithoutRemote,
            Backups = [],
            Unknown = new Dictionary<StatusPart, string?> { [StatusPart.Backups] = "The store 'remote' could not be looked into." },
        };
        AlertCondition seen = Assert.Single(AlertConditions.Of(half), c => c.Name == "NoBackup");
        Assert.Contains("'remote'", seen.Message, StringComparison.Ordinal);
        Assert.False(AlertEvidence.IsOver(half, Of(StatusPart.Backups, "NoBackup", null)));

        ClusterStatus none = half with { Stores = [.. half.Stores.Select(s => s with { Error = Down })] };
        Assert.Equal(none.Stores.Select(_ => "StoreDown"), AlertConditions.Of(none).Select(c => c.Name));
        Assert.All(AlertConditions.Of(none), c => Assert.Equal(AlertSeverity.Critical, c.Severity));
    }

    private static Alert Of(StatusPart part, string name, string? subject) => AlertPlanner.Open(
        StatusSample.Cluster, new AlertCondition(part, name, subject, AlertSeverity.Warning, "m", "a").Key, name, AlertSeverity.Warning,
        "m", "a", part, StatusSample.Now);
}
