using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>Several real tokens, and the ceremony of their cluster key.</summary>
internal sealed class TestCluster : IDisposable
{
    private readonly List<Share> _shares = [];

    public TestCluster(int nodes = 3)
        : this([.. Enumerable.Range(1, nodes).Select(i => new SoftHsmToken($"node-{i}"))])
    {
    }

    /// <summary>The same with tokens of whatever make; they are disposed with the cluster.</summary>
    public TestCluster(params ITestToken[] tokens) => Tokens = tokens;

    public IReadOnlyList<ITestToken> Tokens { get; }

    public string Folder { get; } = Directory.CreateTempSubdirectory("hsmbackup-test-").FullName;

    /// <summary>What the last ceremony made.</summary>
    public CeremonyResult Ceremony { get; private set; } = null!;

    /// <summary>The custodians' shares of the last ceremony.</summary>
    public IReadOnlyList<Share> Shares => _shares;

    public IReadOnlyList<NodeAccess> Nodes => [.. Tokens.Select((t, i) => Node(i))];

    public NodeAccess Node(int index) => new($"node-{index + 1}", Tokens[index].Address, Tokens[index].Pin);

    public TokenConnection Open(int index = 0) => TokenConnection.Open(Tokens[index].Address, Tokens[index].Pin, readWrite: true, CancellationToken.None);

    public CeremonyRequest Request(int threshold = 3, int count = 5, bool identity = true) => new()
    {
        ClusterName = "payments",
        Nodes = Nodes,
        Threshold = threshold,
        ShareCount = count,
        MakeIdentity = identity,
    };

    public CeremonyResult HoldCeremony(Func<CeremonyRequest, CeremonyRequest>? change = null, Action<ShareSet>? handOver = null)
    {
        CeremonyRequest request = Request();
        return Ceremony = ClusterKeyCeremony.Run(change?.Invoke(request) ?? request, shares =>
        {
            handOver?.Invoke(shares);
            Keep(shares);
        }, _ => { }, null, CancellationToken.None);
    }

    /// <summary>The definition's part about the key.</summary>
    public ClusterKeyInfo Info => new()
    {
        Check = Ceremony.Key.Check,
        WrapChecks = Ceremony.Key.WrapChecks,
        ShareSetId = Ceremony.ShareSetId,
        Threshold = Ceremony.Threshold,
        Shares = Ceremony.ShareCount,
        Created = Ceremony.Created,
    };

    /// <summary>As custodians keep them: as text.</summary>
    public void Keep(ShareSet shares)
    {
        DropShares();
        Span<char> text = stackalloc char[Share.MaxTextLength];
        foreach (Share share in shares.Shares)
        {
            _shares.Add(Share.Parse(text[..share.CopyText(text)]));
        }
    }

    /// <summary>Custodians who come with their shares, by number.</summary>
    public ShareCombiner Custodians(params int[] numbers)
    {
        var combiner = new ShareCombiner(Ceremony.ShareSetId);
        foreach (int number in numbers)
        {
            combiner.Add(_shares[number - 1]).ThrowIfRefused();
        }
        return combiner;
    }

    /// <summary>Brings the cluster key into nodes again.</summary>
    public IReadOnlyList<NodeOutcome> Join(params int[] nodes)
    {
        using ShareCombiner custodians = Custodians(1, 3, 5);
        return ClusterKeyRecovery.Join(custodians, Ceremony.Key.Check, [.. nodes.Select(Node)], false, null, CancellationToken.None);
    }

    public BackupRequest BackupRequest(int node = 0) => new()
    {
        Token = Tokens[node].Address,
        Pin = Tokens[node].Pin,
        Destination = Path.Combine(Folder, "backups"),
        Mode = Engine.Format.BackupMode.ClusterBound,
        Cluster = Cluster,
    };

    /// <summary>What backups know of the cluster.</summary>
    public BackupCluster Cluster => new()
    {
        Id = "cluster-0123456789abcdef",
        Name = "payments",
        Node = "node-1",
        Definition = """{"id":"cluster-0123456789abcdef","name":"payments"}"""u8.ToArray(),
        ClusterKey = Ceremony.Key,
        IdentityCertificate = Ceremony.IdentityCertificate,
    };

    public BackupResult BackUp(int node = 0, Func<BackupRequest, BackupRequest>? change = null)
    {
        BackupRequest request = BackupRequest(node);
        return BackupOperation.Run(change?.Invoke(request) ?? request, null, CancellationToken.None);
    }

    public RestoreResult Restore(BackupResult backup, int node, Func<RestoreRequest, RestoreRequest>? change = null, OneTimeKey? key = null)
    {
        var request = new RestoreRequest
        {
            Path = backup.Path,
            Key = key ?? backup.Key!,
            Token = Tokens[node].Address,
            Pin = Tokens[node].Pin,
            AllowOtherToken = true,
            StateFolder = Path.Combine(Folder, "state"),
        };
        using RestoreOperation operation = RestoreOperation.Prepare(change?.Invoke(request) ?? request, null, CancellationToken.None);
        return operation.Execute(null, CancellationToken.None);
    }

    public void Dispose()
    {
        DropShares();
        foreach (ITestToken token in Tokens)
        {
            token.Dispose();
        }
        Directory.Delete(Folder, recursive: true);
    }

    private void DropShares()
    {
        _shares.ForEach(s => s.Dispose());
        _shares.Clear();
    }
}
