using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Definitions;

/// <summary>A definition that is lost, and is in the backup.</summary>
public sealed class DefinitionRecoveryTests : IDisposable
{
    private readonly BackupFixture _fixture = new();

    public DefinitionRecoveryTests() => _fixture.Fill(c => c.Aes("aes", 32));

    private string Lost => Path.Combine(_fixture.Folder, "payments.hsmcluster.json");

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void Nothing_of_it_is_missing()
    {
        ClusterDefinition definition = TestDefinition.Read(TestDefinition.Full().ToJsonString());
        BackupResult backup = BackUp(definition);

        ClusterDefinition found = DefinitionRecovery.Read(backup.Path, backup.Key!, Lost, CancellationToken.None);

        Assert.Equal(definition.ToJson(), found.ToJson());
        Assert.Null(found.DefinitionPath);
        Assert.False(File.Exists(Lost));
    }

    [Fact]
    public void One_that_is_there_already_is_used_if_it_is_of_the_same_cluster_and_otherwise_left_alone()
    {
        ClusterDefinition definition = TestDefinition.Read(TestDefinition.Smallest);
        BackupResult backup = BackUp(definition);
        (definition with { Description = "changed since" }).Save(Lost);
        Assert.Equal("changed since", DefinitionRecovery.Read(backup.Path, backup.Key!, Lost, CancellationToken.None).Description);

        (definition with { Id = "cluster-fedcba9876543210" }).Save(Lost, overwrite: true);
        Refusal.Of(ErrorCode.DefinitionExists, () => DefinitionRecovery.Read(backup.Path, backup.Key!, Lost, CancellationToken.None));
        File.WriteAllText(Lost, "mine");
        Refusal.Of(ErrorCode.DefinitionExists, () => DefinitionRecovery.Read(backup.Path, backup.Key!, Lost, CancellationToken.None));
        Assert.Equal("mine", File.ReadAllText(Lost));
    }

    [Fact]
    public void A_backup_of_a_lone_token_has_none()
    {
        BackupResult backup = _fixture.BackUp();
        Refusal.Of(ErrorCode.DefinitionNotFound, () => DefinitionRecovery.Read(backup.Path, backup.Key!, Lost, CancellationToken.None));
    }

    [Fact]
    public void It_is_not_believed_without_the_key()
    {
        BackupResult backup = BackUp(TestDefinition.Read(TestDefinition.Smallest));
        using var other = OneTimeKey.Generate();
        Refusal.Of(ErrorCode.KeyMismatch, () => DefinitionRecovery.Read(backup.Path, other, Lost, CancellationToken.None));
    }

    private BackupResult BackUp(ClusterDefinition definition) => BackupOperation.Run(new BackupRequest
    {
        Token = _fixture.Token.Address,
        Pin = _fixture.Token.Pin,
        Destination = _fixture.Backups,
        Cluster = definition.ForBackup(definition.Nodes[0]) with { ClusterKey = null, IdentityCertificate = null },
    }, null, CancellationToken.None);
}
