using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.PowerShell.Binding;
using TokenPin = HsmBackup.Engine.Protection.Pin;

namespace HsmBackup.PowerShell.Commands;

/// <summary>A cmdlet that works on the cluster key of a defined cluster, with its nodes and its custodians.</summary>
public abstract class ClusterKeyCommand : HsmCommand
{
    private protected const string ClusterHelp = "Name or path of a cluster definition, or the definition itself.";
    private protected const string PinHelp = "User PIN of the nodes, where it is one for all; otherwise the definition says where each comes from.";

    private readonly List<TokenPin> _pins = [];

    /// <summary>Opens the nodes' PINs, each once.</summary>
    private protected IReadOnlyList<NodeAccess> OpenNodes(IEnumerable<ClusterNode> nodes, SecureString? pin) =>
        [.. nodes.Select(n => new NodeAccess(n.Name, n.Address, OpenPin(n, pin)))];

    /// <summary>What is known of the cluster's key.</summary>
    /// <exception cref="HsmBackupException">ClusterKeyMissing.</exception>
    private protected static ClusterKeyInfo RequireKey(ClusterDefinition cluster) => cluster.ClusterKey
        ?? throw new HsmBackupException(ErrorCode.ClusterKeyMissing, $"The cluster '{cluster.Name}' has no cluster key yet.",
            "Make one by ceremony: New-HsmClusterKey.")
        { Target = cluster.Name };

    /// <summary>Takes shares that were given, or asks the custodians one by one, until there are enough.</summary>
    /// <exception cref="HsmBackupException">ShareTextInvalid, ShareRefused, SharesMissing.</exception>
    private protected ShareCombiner CollectShares(ClusterKeyInfo key, IReadOnlyList<SecureString> shares, IReadOnlyList<string> paths) =>
        new CustodianShares(Host, Paths, WriteVerbose, StopToken).Collect(key, shares, paths);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _pins.ForEach(p => p.Dispose());
            _pins.Clear();
        }
        base.Dispose(disposing);
    }

    private TokenPin? OpenPin(ClusterNode node, SecureString? pin)
    {
        TokenPin? opened = Pins.Open(node, pin);
        if (opened is not null)
        {
            _pins.Add(opened);
        }
        return opened;
    }
}
