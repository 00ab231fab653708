using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Clusters.Chaos;

/// <summary>A SoftHSM token behind a library that fails on command.</summary>
internal sealed class ChaosToken : ITestToken
{
    private readonly SoftHsmToken _token;

    public ChaosToken(string label, string folder)
    {
        _token = new SoftHsmToken(label);
        Faults = new FaultyLibrary(_token, folder);
    }

    public FaultyLibrary Faults { get; }

    // Nobody may look past the faults: the library behind is the same.
    public TokenAddress Address => Faults.Address;

    public Pin Pin => _token.Pin;

    public void Replace() => _token.Replace();

    public void MakeBlank() => _token.MakeBlank();

    public void Dispose() => _token.Dispose();
}

/// <summary>Three nodes that are made anew for each run: other keys, another cluster key, the same libraries.</summary>
internal sealed class ChaosCluster : IDisposable
{
    private readonly string _libraries = Directory.CreateTempSubdirectory("hsmbackup-test-").FullName;
    private TestCluster? _cluster;

    public ChaosCluster()
    {
        Tokens = [.. Enumerable.Range(1, 3).Select(i => new ChaosToken($"node-{i}", _libraries))];
    }

    public ChaosToken[] Tokens { get; }

    public Pin SoPin { get; } = Pin.FromChars("so-12345678");

    public ClusterDefinition Definition { get; private set; } = null!;

    public string Folder => _cluster!.Folder;

    public string StateFolder => Path.Combine(Folder, "state");

    /// <summary>How long a node is waited for.</summary>
    public void SetTimeout(int node, TimeSpan timeout) => Definition = Definition with
    {
        Nodes = [.. Definition.Nodes.Select((n, i) => i == node ? n with { Timeout = timeout } : n)],
    };

    /// <summary>Blank tokens with a new cluster key.</summary>
    /// <param name="timeout">How long each node is waited for.</param>
    public void Renew(TimeSpan timeout)
    {
        string? old = _cluster?.Folder;
        Array.ForEach(Tokens, t =>
        {
            t.MakeBlank();
            using Pin so = SoPin.Clone();
            TokenInitialization.Initialize(t.Address, so, t.Pin, null, CancellationToken.None);
        });
        _cluster = new TestCluster(Tokens);
        _cluster.HoldCeremony(r => r with { MakeIdentity = false });
        Definition = new ClusterDefinition
        {
            Id = "cluster-0123456789abcdef",
            Name = "payments",
            Nodes = [.. _cluster.Nodes.Select(n => new ClusterNode { Name = n.Name, Address = n.Address, Timeout = timeout })],
            ClusterKey = _cluster.Info,
        };
        if (old is not null)
        {
            Directory.Delete(old, recursive: true);
        }
    }

    public Pin PinOf(ClusterNode node) => Tokens[node.Name[^1] - '1'].Pin.Clone();

    public ShareCombiner Custodians() => _cluster!.Custodians(1, 3, 5);

    public void Change(int node, Action<TokenContent> change)
    {
        using TokenConnection connection = _cluster!.Open(node);
        change(new TokenContent(connection.Session));
    }

    public BackupResult BackUp() => BackupOperation.Run(_cluster!.BackupRequest() with { Cluster = Definition.ForBackup(Definition.Nodes[0]) }, null, CancellationToken.None);

    /// <summary>Removes everything of a label.</summary>
    public void Remove(int node, string label)
    {
        using TokenConnection connection = _cluster!.Open(node);
        connection.Session.FindObjects(new AttributeMap().Set(Cka.Label, label)).ForEach(h => connection.Session.TryDestroyObject(h));
    }

    /// <summary>What a node holds, seen without the engine's comparison; the cluster key apart.</summary>
    public List<string> Content(int node) =>
        [.. Witness.OfToken(Tokens[node]).Where(line => !line.Contains(ClusterKeyIdentity.Label, StringComparison.Ordinal))];

    public void Dispose()
    {
        SoPin.Dispose();
        // It disposes the tokens too.
        _cluster?.Dispose();
        Directory.Delete(_libraries, recursive: true);
    }
}
