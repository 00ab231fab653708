using HsmBackup.Engine.Format;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>What a backup says of its cluster.</summary>
/// <param name="ClusterId">The cluster's id.</param>
/// <param name="ClusterName">Its name.</param>
/// <param name="Cluster">The cluster, with its definition; null for a lone token.</param>
/// <param name="Previous">Its backup before this one.</param>
internal sealed record BackupHeaderFacts(string ClusterId, string ClusterName, BackupCluster? Cluster, PreviousBackup? Previous)
{
    /// <summary>The facts of a token, a lone one or a node; without the backup before.</summary>
    public static BackupHeaderFacts Of(TokenInfo token, BackupCluster? cluster) => new(
        cluster?.Id ?? BackupOperation.ClusterIdOf(token), cluster?.Name ?? BackupOperation.ClusterNameOf(token), cluster, Previous: null);
}

/// <summary>The keys of a cluster that take part in a capture.</summary>
/// <param name="Known">What the cluster key in the token is known by; null where it has none.</param>
/// <param name="Binding">The cluster key, where the backup is bound to it; null in one-time-key mode.</param>
/// <param name="Identity">The key that signs; null where nobody does.</param>
internal sealed record CaptureKeys(ClusterKeyIdentity? Known, TokenClusterKey? Binding, IdentityKey? Identity);
