using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>Restores of single keys out of backups whose keys only a token with the cluster key can take.</summary>
public sealed class ClusterBoundKeyRestoreTests : IDisposable
{
    private readonly TestCluster _cluster = new(2);

    public ClusterBoundKeyRestoreTests() => _cluster.HoldCeremony();

    public void Dispose() => _cluster.Dispose();

    [Fact]
    public void A_key_comes_back_to_any_node_and_is_kept_by_a_second_run()
    {
        BackupResult backup = BackUp();
        foreach (int node in (int[])[0, 1])
        {
            KeyRestoreResult result = Restore(backup, node, "key");
            Assert.Equal((true, node, 1 - node), (result.Exact, result.Added, result.Kept));
            Assert.Equal(1, Restore(backup, node, "key").Kept);
        }
    }

    [Fact]
    public void Everything_may_be_replaced_and_the_cluster_key_stays()
    {
        BackupResult backup = BackUp();
        using (TokenConnection connection = _cluster.Open())
        {
            ulong key = connection.Session.FindObjects(new AttributeMap().Set(Cka.Label, "key")).Single();
            connection.Session.TryDestroyObject(key);
            new TokenContent(connection.Session).Aes("key", 16);
        }

        KeyRestoreResult result = Restore(backup, 0, "*", replace: true);

        Assert.True(result.Exact);
        Assert.Equal((1, 0, backup.Objects - 1), (result.Replaced, result.Removed, result.Kept));
        Assert.NotNull(result.SafetyBackupPath);
        using TokenConnection after = _cluster.Open();
        TokenClusterKey.Require(after, _cluster.Ceremony.Key);
    }

    [Fact]
    public void A_token_outside_the_cluster_gets_nothing()
    {
        BackupResult backup = BackUp();
        using var outside = new BackupFixture();

        Refusal.Of(ErrorCode.ClusterKeyMissing, () => outside.RestoreKeys(backup, Named("key"), r => r with { AllowOtherToken = true }));

        Assert.Empty(Witness.OfToken(outside.Token));
    }

    private BackupResult BackUp()
    {
        using (TokenConnection connection = _cluster.Open())
        {
            new TokenContent(connection.Session).Aes("key", 32);
        }
        return _cluster.BackUp();
    }

    private KeyRestoreResult Restore(BackupResult backup, int node, string label, bool replace = false)
    {
        using var operation = KeyRestoreOperation.Prepare(new KeyRestoreRequest
        {
            Path = backup.Path,
            Key = backup.Key!,
            Token = _cluster.Tokens[node].Address,
            Pin = _cluster.Tokens[node].Pin,
            AllowOtherToken = true,
            StateFolder = Path.Combine(_cluster.Folder, "state"),
            Selection = Named(label),
            Replace = replace,
        }, null, CancellationToken.None);
        return operation.Execute(null, CancellationToken.None);
    }

    private static KeySelection Named(string label) => new() { Labels = [new NameFilter(label, l => label == "*" || l == label)] };
}
