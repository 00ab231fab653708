using System.Security;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Keys;

namespace HsmBackup.PowerShell.Output;

/// <summary>A cluster key that was made by ceremony, or shared anew; its shares are in it only where that was asked for.</summary>
public sealed class CreatedClusterKey
{
    internal CreatedClusterKey(ClusterDefinition cluster, IReadOnlyList<NodeOutcome> nodes, IReadOnlyList<SecureString> shares, IReadOnlyList<string> sharePaths)
    {
        ClusterKeyInfo key = cluster.ClusterKey!;
        ClusterName = cluster.Name;
        DefinitionPath = cluster.DefinitionPath!;
        Check = key.Check;
        Created = key.Created;
        Threshold = key.Threshold;
        ShareCount = key.Shares;
        ShareSetId = key.ShareSetId;
        // Arrays, which PowerShell can index.
        RetiredShareSets = [.. key.RetiredShareSets];
        Identity = cluster.IdentityCertificate;
        Nodes = [.. nodes];
        Shares = [.. shares];
        SharePaths = [.. sharePaths];
    }

    /// <summary>The cluster's name.</summary>
    public string ClusterName { get; }

    /// <summary>The definition, which tells of the key.</summary>
    public string DefinitionPath { get; }

    /// <summary>The check value, by which the key is known.</summary>
    public string Check { get; }

    /// <summary>When it was made, in UTC.</summary>
    public DateTimeOffset Created { get; }

    /// <summary>How many shares give it back.</summary>
    public int Threshold { get; }

    /// <summary>How many shares there are.</summary>
    public int ShareCount { get; }

    /// <summary>The identifier of the valid set of shares.</summary>
    public int ShareSetId { get; }

    /// <summary>The identifiers of the sets that it replaced.</summary>
    public int[] RetiredShareSets { get; }

    /// <summary>The certificate of the identity key, DER in base64; null where the cluster has none.</summary>
    public string? Identity { get; }

    /// <summary>What became of each node; empty for a re-split, which touches none.</summary>
    public NodeOutcome[] Nodes { get; }

    /// <summary>The shares, with -SharesInOutputOnly; otherwise empty.</summary>
    public SecureString[] Shares { get; }

    /// <summary>The files of the shares, with -ShareFolder; otherwise empty.</summary>
    public string[] SharePaths { get; }

    /// <summary>The check value.</summary>
    public override string ToString() => Check;
}
