using System.Security.Cryptography;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Health;

/// <summary>Keys of several nodes, compared under a key-encryption key that they share by means of the cluster key.</summary>
public sealed class DeepHealthTests : IDisposable
{
    private readonly TestCluster _cluster = new();

    public DeepHealthTests() => _cluster.HoldCeremony();

    public void Dispose() => _cluster.Dispose();

    [Fact]
    public void A_key_that_looks_the_same_and_is_another_one_is_found()
    {
        byte[] key = RandomNumberGenerator.GetBytes(32);
        for (int node = 0; node < 3; node++)
        {
            Add(node, node == 1 ? RandomNumberGenerator.GetBytes(32) : key);
        }

        Assert.All(Look(deep: false), n => Assert.Equal((HealthState.Online, false), (n.State, n.Deep)));

        IReadOnlyList<NodeHealth> nodes = Look(deep: true);
        Assert.All(nodes, n => Assert.True(n.Deep));
        Assert.Equal([HealthState.Online, HealthState.OutOfSync, HealthState.Online], nodes.Select(n => n.State));
        DriftItem drift = Assert.Single(nodes[1].Drift);
        Assert.Equal((DriftKind.Different, "pay"), (drift.Kind, drift.Object.Label));
        Assert.Equal(["it is another key"], drift.Differences);
    }

    [Fact]
    public void The_cluster_key_is_seen_and_is_no_object()
    {
        IReadOnlyList<NodeHealth> nodes = Look(deep: true);
        // The identity key with its public key is what the ceremony left beside the cluster key.
        Assert.All(nodes, n => Assert.Equal((true, _cluster.Ceremony.Key.Check), (n.HasClusterKey, n.ClusterKeyCheck)));
        Assert.Equal(nodes[0].Objects, Look(deep: false)[0].Objects);
    }

    [Fact]
    public void A_node_without_the_cluster_key_is_degraded_and_compared_by_its_attributes()
    {
        byte[] key = RandomNumberGenerator.GetBytes(32);
        for (int node = 0; node < 3; node++)
        {
            Add(node, key);
        }
        using (TokenConnection connection = _cluster.Open(2))
        {
            Assert.True(TokenClusterKey.Require(connection, _cluster.Ceremony.Key).TryRemove(connection));
        }

        NodeHealth without = Look(deep: true)[2];

        Assert.Equal((HealthState.Degraded, false, false), (without.State, without.HasClusterKey, without.Deep));
        Assert.Equal("it lacks the cluster key; its keys were not compared", without.Reason);
        Assert.Empty(without.Drift);
    }

    [Fact]
    public void What_a_plain_look_finds_a_deep_one_does_not_hide()
    {
        Add(1, RandomNumberGenerator.GetBytes(32));
        using (TokenConnection connection = _cluster.Open(1))
        {
            Assert.True(TokenClusterKey.Require(connection, _cluster.Ceremony.Key).TryRemove(connection));
        }

        // Only the node that cannot be compared deeply has the key.
        Assert.Equal(Look(deep: false).Select(n => n.Extra + n.Missing), Look(deep: true).Select(n => n.Extra + n.Missing));
    }

    [Fact]
    public void Keys_that_cannot_be_compared_are_not_called_equal()
    {
        for (int node = 0; node < 3; node++)
        {
            Add(node, RandomNumberGenerator.GetBytes(32), extractable: false);
        }

        Assert.All(Look(deep: true), n =>
        {
            Assert.Equal((HealthState.Degraded, 1), (n.State, n.Uncompared));
            Assert.Contains("1 keys cannot be compared", n.Reason, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void What_only_looks_like_the_cluster_key_is_none()
    {
        using (TokenConnection connection = _cluster.Open(1))
        {
            Assert.True(TokenClusterKey.Require(connection, _cluster.Ceremony.Key).TryRemove(connection));
            Assert.Equal(Ckr.Ok, connection.Session.TryCreateObject(new AttributeMap().Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.Aes)
                .Set(Cka.Token, true).Set(Cka.Private, true).Set(Cka.Label, ClusterKeyIdentity.Label)
                .Set(Cka.Id, Convert.FromHexString(_cluster.Ceremony.Key.Check)).Set(Cka.Value, RandomNumberGenerator.GetBytes(32))
                .Set(Cka.Sensitive, true).Set(Cka.Extractable, true), out _));
        }

        foreach (bool deep in (bool[])[false, true])
        {
            NodeHealth impostor = Look(deep)[1];
            Assert.NotEqual(HealthState.Online, impostor.State);
            Assert.False(impostor.HasClusterKey);
        }
    }

    private void Add(int node, byte[] value, bool extractable = true)
    {
        using TokenConnection connection = _cluster.Open(node);
        Assert.Equal(Ckr.Ok, connection.Session.TryCreateObject(new AttributeMap().Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.Aes)
            .Set(Cka.Token, true).Set(Cka.Private, true).Set(Cka.Label, "pay").Set(Cka.Id, [1]).Set(Cka.Value, value).Set(Cka.Encrypt, true)
            .Set(Cka.Sensitive, true).Set(Cka.Extractable, extractable), out _));
    }

    private IReadOnlyList<NodeHealth> Look(bool deep) => ClusterHealthOperation.Run(new ClusterHealthRequest
    {
        Cluster = new ClusterDefinition
        {
            Id = "cluster-0123456789abcdef",
            Name = "payments",
            Nodes = [.. _cluster.Nodes.Select(n => new ClusterNode { Name = n.Name, Address = n.Address })],
            ClusterKey = _cluster.Info,
        },
        OpenPin = node => _cluster.Tokens[node.Name[^1] - '1'].Pin.Clone(),
        Deep = deep,
    }, CancellationToken.None);
}
