using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Drills;

/// <summary>The tokens of the cluster itself, which no drill touches: nothing of it is a target, by whatever library it is reached.</summary>
internal static class Untouchable
{
    /// <summary>No target is a node by its definition.</summary>
    /// <exception cref="HsmBackupException">DrillNotPossible.</exception>
    public static void CheckDefinition(ClusterDefinition cluster, IEnumerable<ClusterNode> targets)
    {
        foreach (ClusterNode target in targets)
        {
            if (cluster.Nodes.FirstOrDefault(n => IsSame(n, target)) is { } node)
            {
                throw Refused(cluster, target.Name, node.Name);
            }
        }
    }

    /// <summary>No target is a node by what the tokens say of themselves. Nobody logs in to a node; one that does not answer cannot be compared, and is none.</summary>
    /// <exception cref="HsmBackupException">DrillNotPossible.</exception>
    public static void CheckTokens(ClusterDefinition cluster, IReadOnlyList<TokenInfo> targets, CancellationToken cancellationToken)
    {
        List<TokenInfo?> all = [.. NodeThreads.Run(cluster.Nodes, (node, _) =>
        {
            using var library = Pkcs11Library.Open(node.Address.Library);
            return library.FindToken(node.Address.TokenLabel, node.Address.TokenSerial);
        }, cancellationToken).Select(a => a.Value)];
        int nodes = all.Count;
        all.AddRange(targets);
        foreach ((int twin, int first) in SameToken.Among(all))
        {
            if (twin >= nodes)
            {
                throw first < nodes ? Refused(cluster, targets[twin - nodes].Label, cluster.Nodes[first].Name)
                    : new HsmBackupException(ErrorCode.DrillNotPossible, $"Two nodes of the drill cluster are one token, '{targets[twin - nodes].Label}'.", "Name each token once.");
            }
        }
    }

    private static bool IsSame(ClusterNode node, ClusterNode target) =>
        RealPath.Of(node.Address.Library.Path) == RealPath.Of(target.Address.Library.Path)
        && Same(node.Address.Library.Environment, target.Address.Library.Environment)
        && node.Address.Library.Parameters == target.Address.Library.Parameters
        && (node.Address.TokenSerial is { } serial && target.Address.TokenSerial is { } other ? serial == other
            : node.Address.TokenLabel == target.Address.TokenLabel);

    private static bool Same(IReadOnlyDictionary<string, string>? one, IReadOnlyDictionary<string, string>? other) =>
        (one ?? new Dictionary<string, string>()).OrderBy(v => v.Key, StringComparer.Ordinal)
            .SequenceEqual((other ?? new Dictionary<string, string>()).OrderBy(v => v.Key, StringComparer.Ordinal));

    private static HsmBackupException Refused(ClusterDefinition cluster, string target, string node) => new(ErrorCode.DrillNotPossible,
        $"The target '{target}' is the token of node '{node}' of cluster '{cluster.Name}' itself. Nothing was touched.",
        "Name other tokens in the definition of the drill cluster: a drill never touches the cluster that it is about.")
    { Target = target };
}
