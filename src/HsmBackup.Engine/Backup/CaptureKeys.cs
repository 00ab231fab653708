using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>The cluster of a token that is captured, and the keys of it that take part.</summary>
/// <param name="Cluster">The cluster; null for a lone token.</param>
/// <param name="Known">What the cluster key in the token is known by; null where it has none.</param>
/// <param name="Binding">The cluster key, where the backup is bound to it; null in one-time-key mode.</param>
/// <param name="Identity">The key that signs; null where nobody does.</param>
internal sealed record CaptureKeys(BackupCluster? Cluster, ClusterKeyIdentity? Known, TokenClusterKey? Binding, IdentityKey? Identity);
