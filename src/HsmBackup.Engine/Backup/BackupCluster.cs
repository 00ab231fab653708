using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>The cluster that a token is a node of, as far as its backups must know. A token without one is a cluster of its own.</summary>
public sealed record BackupCluster
{
    /// <summary>Its id, which backups are known by.</summary>
    public required string Id { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>The name of the node.</summary>
    public required string Node { get; init; }

    /// <summary>The definition of the cluster: one JSON object in UTF-8, without secrets.</summary>
    public required ReadOnlyMemory<byte> Definition { get; init; }

    /// <summary>
    /// What its cluster key is known by; null where it has none. A cluster key that is proven is in no backup, whatever its mode, and no
    /// comparison or restore sees it.
    /// </summary>
    public ClusterKeyIdentity? ClusterKey { get; init; }

    /// <summary>The certificate of its identity key (DER), which signs its backups; null where it has none.</summary>
    public ReadOnlyMemory<byte>? IdentityCertificate { get; init; }

    /// <summary>Objects that a backup may miss.</summary>
    public IReadOnlyList<AcknowledgedObject> Acknowledged { get; init; } = [];
}
