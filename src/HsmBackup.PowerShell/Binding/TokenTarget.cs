using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.PowerShell.Binding;

/// <summary>The token that a command works on: alone, or as a node of a cluster.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Definition">Its cluster; null for a lone token.</param>
/// <param name="Node">The node; null for a lone token.</param>
internal sealed record TokenTarget(TokenAddress Address, ClusterDefinition? Definition = null, ClusterNode? Node = null)
{
    /// <summary>What the engine must know of the cluster.</summary>
    public BackupCluster? Cluster => Node is null ? null : Definition!.ForBackup(Node);

    /// <summary>What people call it.</summary>
    public override string ToString() => Node is null ? $"token '{Address}'" : $"node '{Node}' of cluster '{Definition}'";
}
