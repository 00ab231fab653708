using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Keys;

/// <summary>What custodians' shares are for after the ceremony: to bring the cluster key into further nodes, and to be replaced by others.</summary>
public static class ClusterKeyRecovery
{
    /// <summary>
    /// Brings a cluster key, rebuilt from shares, into nodes. Each node is for itself: it holds the key in the end, proven, or is as it was,
    /// and the others go on.
    /// </summary>
    /// <param name="shares">Enough shares.</param>
    /// <param name="expectedCheck">The check value that the key must have.</param>
    /// <param name="nodes">The nodes.</param>
    /// <param name="replaceExisting">Replace another cluster key that a node holds.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops it before the next node.</param>
    /// <returns>What became of each node.</returns>
    /// <exception cref="HsmBackupException">SharesMissing, SharesInconsistent, ClusterKeyMismatch: no node was touched.</exception>
    public static IReadOnlyList<NodeOutcome> Join(ShareCombiner shares, string expectedCheck, IReadOnlyList<NodeAccess> nodes, bool replaceExisting,
        IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        using ClusterKey key = ClusterKey.Rebuild(shares, expectedCheck);
        var outcomes = new List<NodeOutcome>();
        foreach (NodeAccess node in nodes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Report(new OperationProgress($"Cluster key {expectedCheck}", $"Joining {node.Name}", outcomes.Count, nodes.Count));
            outcomes.Add(TryJoin(key, node, replaceExisting, cancellationToken));
        }
        return outcomes;
    }

    /// <summary>
    /// Splits the key anew. The tokens are not touched. Until the definition is written the old shares are the valid ones; afterwards they are
    /// refused by name, though mathematically they still give the key: only a new cluster key takes their power away.
    /// </summary>
    /// <param name="shares">Enough shares of the old set.</param>
    /// <param name="info">The cluster key.</param>
    /// <param name="threshold">How many of the new shares give the key back.</param>
    /// <param name="count">How many new shares there are.</param>
    /// <param name="handOver">Gives the new shares to their custodians.</param>
    /// <param name="commit">Writes the definition with what it is given.</param>
    /// <exception cref="HsmBackupException">InvalidArgument, SharesMissing, SharesInconsistent, ClusterKeyMismatch.</exception>
    public static ClusterKeyInfo Resplit(ShareCombiner shares, ClusterKeyInfo info, int threshold, int count,
        Action<ShareSet> handOver, Action<ClusterKeyInfo> commit)
    {
        ShareSet.CheckCounts(threshold, count);
        using ClusterKey key = ClusterKey.Rebuild(shares, info.Check);
        int[] used = [.. info.RetiredShareSets, info.ShareSetId];
        using ShareSet set = key.Split(threshold, count, used);
        handOver(set);
        ClusterKeyInfo renewed = info with { ShareSetId = set.SetId, Threshold = threshold, Shares = count, RetiredShareSets = used };
        commit(renewed);
        return renewed;
    }

    /// <summary>Brings a cluster key into one node.</summary>
    /// <exception cref="HsmBackupException">ClusterKeyExists: it holds another; and those of the token. The token is as it was.</exception>
    internal static NodeOutcome Join(ClusterKey key, NodeAccess node, bool replaceExisting, CancellationToken cancellationToken)
    {
        using TokenConnection connection = TokenConnection.Open(node.Address, node.Pin, readWrite: true, cancellationToken);
        if (TokenClusterKey.Find(connection, key.Identity) is not null)
        {
            return new NodeOutcome(node.Name, NodeState.AlreadyThere);
        }
        List<ulong> others = TokenClusterKey.FindLabelled(connection);
        if (others.Count > 0 && !replaceExisting)
        {
            throw new HsmBackupException(ErrorCode.ClusterKeyExists,
                $"it holds another cluster key: {string.Join(", ", TokenClusterKey.Labelled(connection))}; -Force replaces it",
                "Replace it with Restore-HsmClusterKey -Force, if no backup needs it any more.")
            { Target = node.Name };
        }
        key.PutInto(connection, out _);
        int kept = others.Count(h => connection.Session.TryDestroyObject(h) != Ckr.Ok);
        return new NodeOutcome(node.Name, NodeState.Added, (kept, others.Count) switch
        {
            (_, 0) => null,
            (0, _) => "it replaces another cluster key, which was removed",
            _ => "it replaces another cluster key, which the token would not let go",
        });
    }

    private static NodeOutcome TryJoin(ClusterKey key, NodeAccess node, bool replaceExisting, CancellationToken cancellationToken)
    {
        try
        {
            return Join(key, node, replaceExisting, cancellationToken);
        }
        catch (Exception e) when (e is Pkcs11Exception or HsmBackupException)
        {
            return new NodeOutcome(node.Name, NodeState.Failed, e.Message);
        }
    }
}
