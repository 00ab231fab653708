using System.Text;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters;

public sealed class ClusterBackupTests : IDisposable
{
    private readonly BackupFixture _first = new("zurich");
    private readonly BackupFixture _second = new("bern");
    private readonly ClusterDefinition _cluster;

    public ClusterBackupTests() => _cluster = ClusterDefinition.Create("payments",
    [
        new ClusterNode { Name = "zurich-1", Address = _first.Token.Address },
        new ClusterNode { Name = "bern-1", Address = _second.Token.Address },
    ]) with
    {
        Acknowledged = [new AcknowledgedObject { Label = "fixed", Class = "CKO_SECRET_KEY", Reason = "It may not leave the token." }],
    };

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }

    [Fact]
    public void A_backup_carries_id_name_and_definition_of_its_cluster()
    {
        _first.Fill(c => c.Aes("aes", 32));
        BackupResult result = BackUp(_first, 0);
        BackupInfo info = BackupCatalogue.Read(result.Path);
        Assert.Equal((_cluster.Id, "payments"), (info.ClusterId, info.ClusterName));
        Assert.Contains("-payments-", info.BackupId, StringComparison.Ordinal);
        Assert.Equal((_cluster.Id, "payments", "zurich-1", "zurich"), (result.ClusterId, result.ClusterName, result.Node, result.TokenLabel));
        using OpenedBackup opened = OpenedBackup.Open(result.Path, result.Key!, CancellationToken.None);
        Assert.Equal("zurich-1", opened.Manifest.Cluster!.Node);
        ClusterDefinition carried = ClusterDefinition.Parse(opened.Manifest.Cluster.Definition.Span, "the backup");
        Assert.Equal(_cluster.ToJson(), carried.ToJson());
    }

    [Fact]
    public void A_lone_token_has_no_cluster_but_itself()
    {
        _first.Fill(c => c.Aes("aes", 32));
        BackupResult result = _first.BackUp();
        Assert.StartsWith("token-", result.ClusterId, StringComparison.Ordinal);
        Assert.Equal(("zurich", null), (result.ClusterName, result.Node));
        using OpenedBackup opened = OpenedBackup.Open(result.Path, result.Key!, CancellationToken.None);
        Assert.Null(opened.Manifest.Cluster);
    }

    [Fact]
    public void Backups_of_all_nodes_are_one_chain()
    {
        _first.Fill(c => c.Aes("aes", 32));
        _second.Fill(c => c.Aes("aes", 32));
        BackupResult alone = _first.BackUp();
        BackupResult one = BackUp(_first, 0);
        BackupResult two = BackUp(_second, 1, _first.Backups);
        Assert.Null(BackupCatalogue.Read(one.Path).PreviousBackupId);
        Assert.Equal(one.Id.ToString(), BackupCatalogue.Read(two.Path).PreviousBackupId);
        Assert.Equal(alone.Id.ToString(), BackupCatalogue.Read(_first.BackUp().Path).PreviousBackupId);
    }

    [Fact]
    public void A_backup_of_a_cluster_goes_into_each_of_its_nodes()
    {
        TokenContent content = _first.Fill(c => c.Aes("aes", 32));
        BackupResult backup = BackUp(_first, 0);
        RestoreResult restored = _second.Restore(backup, change: r => r with { Cluster = For(1) });
        Assert.True(restored.Exact);
        Assert.Equal(content.Made.Count, restored.Added);
        Assert.True(Live(backup, _second, For(1)).Passed);
        // By its label alone it is another token.
        Refusal.Of(ErrorCode.TokenMismatch, () => _second.Prepare(backup).Dispose());
        Assert.False(Live(backup, _second, null).Passed);
    }

    [Fact]
    public void A_backup_of_another_cluster_is_refused_whatever_the_label()
    {
        _first.Fill(c => c.Aes("aes", 32));
        BackupResult backup = BackUp(_first, 0);
        BackupCluster other = (ClusterDefinition.Create("payments", _cluster.Nodes)).ForBackup(_cluster.Nodes[0]);
        HsmBackupException refusal = Refusal.Of(ErrorCode.TokenMismatch, () => _first.Prepare(backup, change: r => r with { Cluster = other }).Dispose());
        Assert.Contains(_cluster.Id, refusal.Message, StringComparison.Ordinal);
        Assert.False(Live(backup, _first, other).Passed);
        using RestoreOperation accepted = _first.Prepare(backup, change: r => r with { Cluster = other, AllowOtherToken = true });
        Assert.True(accepted.Plan.ChangesNothing);
    }

    [Fact]
    public void A_backup_from_before_there_was_a_cluster_goes_by_the_label()
    {
        _first.Fill(c => c.Aes("aes", 32));
        BackupResult backup = _first.BackUp();
        using (RestoreOperation same = _first.Prepare(backup, change: r => r with { Cluster = For(0) }))
        {
            Assert.True(same.Plan.ChangesNothing);
        }
        Refusal.Of(ErrorCode.TokenMismatch, () => _second.Prepare(backup, change: r => r with { Cluster = For(1) }).Dispose());
    }

    [Fact]
    public void The_safety_backup_of_a_node_is_a_backup_of_its_cluster()
    {
        _first.Fill(c => c.Aes("aes", 32));
        BackupResult backup = BackUp(_first, 0);
        _first.Fill(c => c.Aes("extra", 32));
        RestoreResult restored = _first.Restore(backup, change: r => r with { Cluster = For(0) });
        Assert.Equal(_cluster.Id, BackupCatalogue.Read(restored.SafetyBackupPath!).ClusterId);
    }

    [Fact]
    public void An_acknowledged_object_permits_the_backup_and_changes_nothing_that_it_says()
    {
        _first.Fill(c =>
        {
            c.Aes("aes", 32);
            c.Aes("fixed", 32, t => t.Set(Engine.Pkcs11.Cka.Extractable, false));
        });
        Refusal.Of(ErrorCode.BackupIncomplete, () => _first.BackUp());
        BackupResult backup = BackUp(_first, 0);
        Assert.False(backup.Complete);
        Assert.Equal("fixed", Assert.Single(backup.Acknowledged).Label);
        BackupInfo info = BackupCatalogue.Read(backup.Path);
        Assert.Equal(("Partial", 1, 2), (info.State, info.Captured, info.Objects));
        // Whoever brings a token back must know that something will not be on it.
        Refusal.Of(ErrorCode.BackupIncomplete, () => _first.Prepare(backup, change: r => r with { Cluster = For(0) }).Dispose());
        // Any other object that is missed makes the backup fail, and the message names that one.
        _first.Fill(c => c.Aes("another", 32, t => t.Set(Engine.Pkcs11.Cka.Extractable, false)));
        HsmBackupException refusal = Refusal.Of(ErrorCode.BackupIncomplete, () => BackUp(_first, 0));
        Assert.Contains("'another'", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("'fixed'", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_token_is_not_excused()
    {
        HsmBackupException refusal = Refusal.Of(ErrorCode.BackupIncomplete, () => BackUp(_first, 0));
        Assert.Contains("no objects", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_definition_that_is_not_the_one_of_the_header_is_refused()
    {
        _first.Fill(c => c.Aes("aes", 32));
        BackupCluster forged = For(0) with { Definition = Encoding.UTF8.GetBytes("""{"id":"cluster-0000000000000000","name":"payments"}""") };
        // Already the program that wrote it, and reads it back, finds out.
        HsmBackupException refusal = Refusal.Of(ErrorCode.IntegrityFailed,
            () => BackupOperation.Run(Request(_first, forged, _first.Backups), null, CancellationToken.None));
        Assert.Equal(ErrorCode.AuthenticationFailed, Assert.IsType<HsmBackupException>(refusal.InnerException).Code);
    }

    private BackupCluster For(int node) => _cluster.ForBackup(_cluster.Nodes[node]);

    private BackupResult BackUp(BackupFixture fixture, int node, string? destination = null) =>
        BackupOperation.Run(Request(fixture, For(node), destination ?? fixture.Backups), null, CancellationToken.None);

    private static BackupRequest Request(BackupFixture fixture, BackupCluster cluster, string destination) =>
        new() { Token = fixture.Token.Address, Pin = fixture.Token.Pin, Destination = destination, Cluster = cluster };

    private static TestResult Live(BackupResult backup, BackupFixture fixture, BackupCluster? cluster) => TestOperation.Run(new TestRequest
    {
        Path = backup.Path,
        Level = TestLevel.Live,
        Key = backup.Key,
        Token = fixture.Token.Address,
        Pin = fixture.Token.Pin,
        Cluster = cluster,
    }, null, CancellationToken.None);
}
