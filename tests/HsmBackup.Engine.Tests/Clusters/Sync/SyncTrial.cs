using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Clusters.Sync;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Sync;

/// <summary>A cluster of real tokens with a cluster key, to be brought apart and together again.</summary>
internal sealed class SyncTrial : IDisposable
{
    public SyncTrial(TestCluster cluster)
    {
        Cluster = cluster;
        cluster.HoldCeremony();
        Definition = new ClusterDefinition
        {
            Id = "cluster-0123456789abcdef",
            Name = "payments",
            Nodes = [.. cluster.Nodes.Select(n => new ClusterNode { Name = n.Name, Address = n.Address })],
            ClusterKey = cluster.Info,
            IdentityCertificate = cluster.Ceremony.IdentityCertificate is { } certificate ? Convert.ToBase64String(certificate.Span) : null,
        };
    }

    public SyncTrial(int nodes = 3)
        : this(new TestCluster(nodes))
    {
    }

    public TestCluster Cluster { get; }

    public ClusterDefinition Definition { get; set; }

    public string KeyPath => Path.Combine(Cluster.Folder, "keys", "safety.key");

    public SyncRequest Request => new()
    {
        Cluster = Definition,
        OpenPin = node => Cluster.Tokens[node.Name[^1] - '1'].Pin.Clone(),
        StateFolder = Path.Combine(Cluster.Folder, "state"),
    };

    public void Change(int node, Action<TokenContent> change)
    {
        using TokenConnection connection = Cluster.Open(node);
        change(new TokenContent(connection.Session));
    }

    public void ChangeAll(Action<TokenContent> change)
    {
        for (int node = 0; node < Cluster.Tokens.Count; node++)
        {
            Change(node, change);
        }
    }

    public void Destroy(int node, string label)
    {
        using TokenConnection connection = Cluster.Open(node);
        List<ulong> found = connection.Session.FindObjects(new AttributeMap().Set(Cka.Label, label));
        Assert.NotEmpty(found);
        found.ForEach(h => Assert.Equal(Ckr.Ok, connection.Session.TryDestroyObject(h)));
    }

    /// <summary>Writes to a token while an operation holds it, as another program would: the login is the process's.</summary>
    public void WriteFromOutside(int node)
    {
        TokenAddress address = Cluster.Tokens[node].Address;
        using Pkcs11Library library = Pkcs11Library.Open(address.Library);
        using Pkcs11Session session = library.OpenSession(library.FindToken(address.TokenLabel, address.TokenSerial).SlotId, readWrite: true);
        new TokenContent(session).Data("from outside", isPrivate: false);
    }

    public SyncPlan Plan(Func<SyncRequest, SyncRequest>? change = null)
    {
        using SyncOperation operation = SyncOperation.Prepare(change?.Invoke(Request) ?? Request, null, CancellationToken.None);
        return operation.Plan;
    }

    public IReadOnlyList<NodeSyncResult> Run(Func<SyncRequest, SyncRequest>? change = null, Action<SyncPlan>? between = null)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(KeyPath)!);
        using SyncOperation operation = SyncOperation.Prepare(change?.Invoke(Request) ?? Request, null, CancellationToken.None);
        between?.Invoke(operation.Plan);
        return operation.Execute(null, CancellationToken.None);
    }

    /// <summary>How each node is, keys compared: an opinion of another part of the engine.</summary>
    public IReadOnlyList<NodeHealth> Look() => ClusterHealthOperation.Run(new ClusterHealthRequest
    {
        Cluster = Definition,
        OpenPin = Request.OpenPin,
        Deep = true,
    }, CancellationToken.None);

    public void AssertAlike() => Assert.All(Look(), n => Assert.True(n.Drift.Count == 0 && n.Deep, $"{n.Node}: {n.State} {n.Reason}"));

    public void Dispose() => Cluster.Dispose();
}
