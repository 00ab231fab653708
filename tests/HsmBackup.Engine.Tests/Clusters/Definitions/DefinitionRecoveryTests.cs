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
    public void One_that_an_earlier_run_has_written_is_used_and_any_other_is_neither_believed_nor_overwritten()
    {
        ClusterDefinition definition = TestDefinition.Read(TestDefinition.Smallest);
        BackupResult backup = BackUp(definition);
        ClusterNode node = definition.Nodes[0];
        (definition with { Nodes = [node with { Address = node.Address with { TokenSerial = "0a1b2c3d" } }, .. definition.Nodes.Skip(1)] }).Save(Lost);
        Assert.Equal("0a1b2c3d", DefinitionRecovery.Read(backup.Path, backup.Key!, Lost, CancellationToken.None).Nodes[0].Address.TokenSerial);

        // Somebody else's library would be loaded, and given the PIN.
        (definition with { Nodes = [node with { Address = node.Address with { Library = node.Address.Library with { Path = "/tmp/another.so" } } }, .. definition.Nodes.Skip(1)] })
            .Save(Lost, overwrite: true);
        Refusal.Of(ErrorCode.DefinitionExists, () => DefinitionRecovery.Read(backup.Path, backup.Key!, Lost, CancellationToken.None));
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
