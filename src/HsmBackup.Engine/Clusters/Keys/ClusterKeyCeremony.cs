using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Keys;

/// <summary>What a ceremony is to make.</summary>
public sealed record CeremonyRequest
{
    /// <summary>The cluster's name.</summary>
    public required string ClusterName { get; init; }

    /// <summary>All nodes of the cluster.</summary>
    public required IReadOnlyList<NodeAccess> Nodes { get; init; }

    /// <summary>How many shares give the key back.</summary>
    public required int Threshold { get; init; }

    /// <summary>How many shares there are.</summary>
    public required int ShareCount { get; init; }

    /// <summary>Identifiers of the sets of shares that there were before.</summary>
    public IReadOnlyCollection<int> UsedSets { get; init; } = [];

    /// <summary>Replace the cluster keys that the nodes hold. Backups that are bound to them then need their shares.</summary>
    public bool ReplaceExisting { get; init; }

    /// <summary>Make an identity key too, in the first node, and bring it to the others.</summary>
    public bool MakeIdentity { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>A cluster key that was made; nothing in it is secret.</summary>
public sealed record CeremonyResult
{
    /// <summary>What the key is known by.</summary>
    public required ClusterKeyIdentity Key { get; init; }

    /// <summary>The identifier of the set of shares.</summary>
    public required int ShareSetId { get; init; }

    /// <summary>How many shares give the key back.</summary>
    public required int Threshold { get; init; }

    /// <summary>How many shares there are.</summary>
    public required int ShareCount { get; init; }

    /// <summary>When it was made, in UTC.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The certificate of the identity key in DER; null where none was made.</summary>
    public ReadOnlyMemory<byte>? IdentityCertificate { get; init; }

    /// <summary>How many tokens gave random numbers to the key.</summary>
    public required int RandomSources { get; init; }

    /// <summary>What became of each node.</summary>
    public required IReadOnlyList<NodeOutcome> Nodes { get; init; }
}

/// <summary>
/// The ceremony of a cluster key. It is all or nothing: every node holds the key, its custodians have their shares and the definition names
/// it, or the nodes are as they were. For as long as the definition is not written, nothing depends on the key, and any failure, a
/// custodian who gives up included, takes it out of the nodes again.
/// </summary>
public sealed class ClusterKeyCeremony : IDisposable
{
    private readonly CeremonyRequest _request;
    private readonly List<(NodeAccess Node, TokenConnection Connection)> _nodes = [];
    private readonly List<(int Node, TokenClusterKey Key)> _added = [];
    private readonly List<(int Node, IdentityKey Key)> _identities = [];
    private readonly Dictionary<int, string> _withoutIdentity = [];

    private ClusterKeyCeremony(CeremonyRequest request) => _request = request;

    /// <summary>Runs it.</summary>
    /// <param name="request">What it is to make.</param>
    /// <param name="handOver">
    /// Gives the shares to their custodians. Called when every node holds the key. If it throws, the shares are worth nothing.
    /// </param>
    /// <param name="commit">Writes the definition. Once it returns, the ceremony has succeeded.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops it; the nodes are then as they were.</param>
    /// <exception cref="HsmBackupException">InvalidArgument, ClusterKeyExists; CeremonyFailed with the <see cref="NodeOutcome"/>s as its result.</exception>
    public static CeremonyResult Run(CeremonyRequest request, Action<ShareSet> handOver, Action<CeremonyResult> commit,
        IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        using var ceremony = new ClusterKeyCeremony(request);
        return ceremony.Run(handOver, commit, progress, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((_, TokenConnection connection) in _nodes)
        {
            connection.Dispose();
        }
    }

    private CeremonyResult Run(Action<ShareSet> handOver, Action<CeremonyResult> commit, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        CheckRequest();
        int current = -1;
        try
        {
            for (current = 0; current < _request.Nodes.Count; current++)
            {
                Report(progress, "Opening the nodes", current);
                Open(_request.Nodes[current], cancellationToken);
            }
            using ClusterKey key = ClusterKey.Generate([.. _nodes.Select(n => n.Connection)], out int randomSources);
            using ShareSet shares = key.Split(_request.Threshold, _request.ShareCount, _request.UsedSets);
            var earlier = _nodes.ConvertAll(n => TokenClusterKey.FindLabelled(n.Connection));
            for (current = 0; current < _nodes.Count; current++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Report(progress, "Bringing the cluster key into the nodes", current);
                _added.Add((current, key.PutInto(_nodes[current].Connection, out _)));
            }
            current = 0;
            // Without the cast the null would become empty bytes, which are no certificate.
            ReadOnlyMemory<byte>? certificate = _request.MakeIdentity
                ? MakeIdentity(ref current, progress, cancellationToken)
                : (ReadOnlyMemory<byte>?)null;
            current = -1;
            handOver(shares);
            cancellationToken.ThrowIfCancellationRequested();
            CeremonyResult result = ResultOf(key, shares, certificate, randomSources, earlier);
            commit(result);
            return result with { Nodes = RemoveEarlier(earlier) };
        }
        catch (Exception e)
        {
            List<NodeOutcome> outcomes = Undo(current, e);
            bool clean = outcomes.TrueForAll(o => o.State != NodeState.Left);
            if (clean && (current < 0 || e is OperationCanceledException or HsmBackupException { Code: ErrorCode.ClusterKeyExists }))
            {
                // No node's fault, and the nodes are as they were: there is nothing to add.
                throw;
            }
            throw Failed(outcomes, clean, e);
        }
    }

    private void CheckRequest()
    {
        ShareSet.CheckCounts(_request.Threshold, _request.ShareCount);
        if (_request.Nodes.Count == 0)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, "A cluster key needs at least one node.", "Name the nodes of the cluster.");
        }
        if (_request.Nodes.DistinctBy(n => (n.Address.Library.Path, n.Address.TokenLabel, n.Address.TokenSerial)).Count() != _request.Nodes.Count)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, "Two nodes of the cluster are the same token.", "Name each token once.");
        }
    }

    private void Open(NodeAccess node, CancellationToken cancellationToken)
    {
        CheckOther(node);
        TokenConnection connection = TokenConnection.Open(node.Address, node.Pin, readWrite: true, cancellationToken);
        _nodes.Add((node, connection));
        if (!_request.ReplaceExisting && TokenClusterKey.Labelled(connection) is { Count: > 0 } others)
        {
            throw new HsmBackupException(ErrorCode.ClusterKeyExists,
                $"Node '{node.Name}' holds a cluster key already: {string.Join(", ", others)}. Nothing was touched.",
                "If it is of a ceremony that was cut off, or is to be replaced, say so with -Force. Backups that are bound to a replaced key can "
                + "then be restored only after its shares have brought it back.")
            { Target = node.Name };
        }
    }

    /// <summary>One token under two names would wait for itself: all nodes are held open until the end.</summary>
    private void CheckOther(NodeAccess node)
    {
        using Pkcs11Library library = Pkcs11Library.Open(node.Address.Library);
        TokenInfo token = library.FindToken(node.Address.TokenLabel, node.Address.TokenSerial);
        if (_nodes.Find(n => n.Connection.Library.Owner == library.Owner && n.Connection.Token.SlotId == token.SlotId) is { Connection: not null } same)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, $"Node '{node.Name}' is the same token as node '{same.Node.Name}'.", "Name each token once.")
            { Target = node.Name };
        }
    }

    private ReadOnlyMemory<byte> MakeIdentity(ref int current, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        Report(progress, "Making the identity key", current);
        var first = IdentityKey.Generate(_nodes[0].Connection, _request.ClusterName, _request.Clock.GetUtcNow());
        _identities.Add((0, first));
        for (current = 1; current < _nodes.Count; current++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Report(progress, "Bringing the identity key into the nodes", current);
            try
            {
                _identities.Add((current, IdentityTransfer.Copy(first, _nodes[0].Connection, _added[0].Key, _nodes[current].Connection, _added[current].Key)));
            }
            catch (Exception e) when (e is Pkcs11Exception or HsmBackupException)
            {
                // Such as a token without EC keys. It is a node all the same: it cannot sign backups, and it says so.
                _withoutIdentity.Add(current, e.Message);
            }
        }
        return first.Certificate;
    }

    private CeremonyResult ResultOf(ClusterKey key, ShareSet shares, ReadOnlyMemory<byte>? certificate, int randomSources, List<List<ulong>> earlier) => new()
    {
        Key = key.Identity,
        ShareSetId = shares.SetId,
        Threshold = shares.Threshold,
        ShareCount = shares.Shares.Count,
        Created = _request.Clock.GetUtcNow(),
        IdentityCertificate = certificate,
        RandomSources = randomSources,
        Nodes = [.. _nodes.Select((n, i) => OutcomeOf(i, earlier[i].Count > 0 ? "it replaces another cluster key" : null))],
    };

    /// <summary>The keys that were replaced go last: until here a failure left them in force.</summary>
    private List<NodeOutcome> RemoveEarlier(List<List<ulong>> earlier) => [.. _nodes.Select((n, i) =>
    {
        int kept = earlier[i].Count(h => n.Connection.Session.TryDestroyObject(h) != Ckr.Ok);
        return OutcomeOf(i, (kept, earlier[i].Count) switch
        {
            (_, 0) => null,
            (0, _) => "it replaces another cluster key, which was removed",
            _ => "it replaces another cluster key, which the token would not let go",
        });
    })];

    private NodeOutcome OutcomeOf(int node, string? detail)
    {
        string? without = _withoutIdentity.TryGetValue(node, out string? why) ? $"it is without the identity key: {why}" : null;
        string all = string.Join("; ", new[] { detail, without }.OfType<string>());
        return new NodeOutcome(_nodes[node].Node.Name, NodeState.Added, all.Length > 0 ? all : null);
    }

    /// <summary>Takes the new keys out of all nodes again.</summary>
    /// <param name="failed">The node that failed; -1 where it was none of them.</param>
    /// <param name="cause">Why.</param>
    private List<NodeOutcome> Undo(int failed, Exception cause)
    {
        var touched = new HashSet<int>(_added.Select(a => a.Node));
        var left = new HashSet<int>();
        left.UnionWith(_identities.Where(i => !Succeeds(i.Key.TryRemove)).Select(i => i.Node));
        left.UnionWith(_added.Where(a => !Succeeds(() => a.Key.TryRemove(_nodes[a.Node].Connection))).Select(a => a.Node));
        return [.. _request.Nodes.Select((n, i) => new NodeOutcome(n.Name,
            left.Contains(i) ? NodeState.Left : i == failed ? NodeState.Failed : touched.Contains(i) ? NodeState.Undone : NodeState.NotTouched,
            left.Contains(i) ? "the new cluster key or identity key is still in it; nothing depends on it, and the next ceremony removes it with -Force"
            : i == failed ? cause.Message : null))];
    }

    private static bool Succeeds(Func<bool> removal)
    {
        try
        {
            return removal();
        }
        catch (Pkcs11Exception)
        {
            return false;
        }
    }

    private static HsmBackupException Failed(List<NodeOutcome> outcomes, bool clean, Exception cause)
    {
        return new HsmBackupException(ErrorCode.CeremonyFailed,
            $"The ceremony failed, and the cluster has no new cluster key. {string.Join("; ", outcomes)}."
            + (clean ? " All nodes are as they were." : ""),
            cause is HsmBackupException own ? $"{own.RecommendedAction} Then hold the ceremony again; shares that were given out in this one are worth nothing."
                : "Put the node right, then hold the ceremony again; shares that were given out in this one are worth nothing.", cause)
        {
            Result = outcomes,
        };
    }

    private void Report(IProgress<OperationProgress>? progress, string step, int done) =>
        progress?.Report(new OperationProgress($"Ceremony of the cluster key of '{_request.ClusterName}'", step, done, _request.Nodes.Count));
}
