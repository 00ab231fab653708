using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters;

/// <summary>
/// A key-encryption key that all nodes of a cluster can have, because it was made in one of them and left it under the cluster key: the
/// same key wraps to the same bytes on every node, and no key is ever in the clear outside.
/// </summary>
/// <param name="ClusterKey">The cluster key that wraps it.</param>
/// <param name="Wrapped">The key-encryption key.</param>
/// <param name="Iv">The IV for tokens that wrap with CBC only.</param>
internal sealed record CommonKek(ClusterKeyIdentity ClusterKey, WrappedKek Wrapped, byte[] Iv)
{
    /// <summary>Makes one in the first node that can; null where none can.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="pins">Its nodes' PINs.</param>
    /// <param name="bridge">Keeps the library of the node for the question after this one.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="failures">Is given what the nodes answered that could not.</param>
    public static CommonKek? Make(ClusterDefinition cluster, NodePins pins, LibraryBridge bridge, CancellationToken cancellationToken,
        ICollection<NodeAnswer<CommonKek>>? failures = null)
    {
        if (cluster.ClusterKey is not { } info)
        {
            return null;
        }
        foreach (ClusterNode node in cluster.Nodes)
        {
            NodeAnswer<CommonKek> answer = NodeThreads.Run([node], (n, pulse) => MakeIn(n, info.Identity, pins.Of, bridge, pulse), cancellationToken)[0];
            if (answer.Value is { } made)
            {
                return made;
            }
            failures?.Add(answer);
            // Its PIN may have been sent, and is not sent again when the node is looked at.
            if (answer.TimedOut)
            {
                pins.Refuse(node, new HsmBackupException(ErrorCode.NodeSilent, NodeFailure.Silence(node) + ", and is not asked again", "Look at the HSM and its connection.") { Target = node.Name });
            }
            else if (answer.Error is HsmBackupException { Code: ErrorCode.PinIncorrect or ErrorCode.PinLocked or ErrorCode.TokenError } refusal)
            {
                pins.Refuse(node, refusal);
            }
        }
        return null;
    }

    private static CommonKek MakeIn(
        ClusterNode node, ClusterKeyIdentity clusterKey, Func<ClusterNode, Pin> openPin, LibraryBridge bridge, NodePulse pulse)
    {
        using Pkcs11Library library = Pkcs11Library.Open(node.Address.Library);
        TokenInfo token = library.FindToken(node.Address.TokenLabel, node.Address.TokenSerial);
        pulse.Beat();
        using TokenConnection connection = NodeLook.Open(node, token, openPin, pulse);
        using KeyEncryptionKey kek = KeyEncryptionKey.Generate(connection, TokenClusterKey.Require(connection, clusterKey));
        bridge.Keep(node);
        return new CommonKek(clusterKey, kek.Wrapped!, kek.Iv.ToArray());
    }
}
