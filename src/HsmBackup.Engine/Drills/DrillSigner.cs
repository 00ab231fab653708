using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Repair;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Drills;

/// <summary>
/// Signs the report of a drill by the cluster's identity key, in a read-only session with one of its nodes. That is the only thing that a
/// drill ever does with them.
/// </summary>
public static class DrillSigner
{
    /// <summary>Looks for a node that can sign.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="openPin">Fetches the PIN of a node, on the caller's own thread.</param>
    /// <param name="onePinForAll">True where one PIN was given for all nodes: one that was refused is sent to no other.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What signs, or why nobody does; neither where the cluster has no identity key.</returns>
    public static (BackupSigner? Sign, string? Problem) Find(ClusterDefinition cluster, Func<ClusterNode, Pin> openPin, bool onePinForAll,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        ArgumentNullException.ThrowIfNull(openPin);
        if (cluster.IdentityCertificate is not { } text)
        {
            return (null, null);
        }
        byte[] certificate = Convert.FromBase64String(text);
        List<string> reasons = [];
        foreach (ClusterNode node in cluster.Nodes)
        {
            try
            {
                AtNode(node, openPin(node), certificate, _ => true, cancellationToken);
                return (digest =>
                {
                    byte[] signed = digest.ToArray();
                    return AtNode(node, openPin(node), certificate, key => SealSignature.With(key.Certificate, key.Sign)(signed),
                        CancellationToken.None);
                }, null);
            }
            catch (Exception e) when (e is not (OperationCanceledException or OutOfMemoryException))
            {
                reasons.Add($"{node.Name}: {NodeFailure.ReasonOf(e)}");
                if (onePinForAll && e is HsmBackupException { Code: ErrorCode.PinIncorrect or ErrorCode.PinLocked })
                {
                    break;
                }
            }
        }
        return (null, $"The report is not signed: no node could be asked for the cluster's identity key. {string.Join(" ", reasons)}");
    }

    private static T AtNode<T>(ClusterNode node, Pin pin, byte[] certificate, Func<IdentityKey, T> work,
        CancellationToken cancellationToken) =>
        NodeErrand.Run(node, _ =>
        {
            using TokenConnection connection = TokenConnection.Open(node.Address, pin, readWrite: false, cancellationToken);
            return work(IdentityKey.Require(connection, certificate));
        }, cancellationToken, pin);
}
