using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Drills;

/// <summary>
/// The tokens of the cluster itself, which no drill touches: nothing of it is a target, by whatever library it is reached.
/// </summary>
internal static class Untouchable
{
    /// <summary>
    /// A drill cluster is another one than the cluster itself, and none of its nodes is a node of that by its definition.
    /// </summary>
    /// <exception cref="HsmBackupException">DrillNotPossible.</exception>
    public static void CheckDefinition(ClusterDefinition cluster, ClusterDefinition drillCluster)
    {
        foreach (ClusterNode target in drillCluster.Nodes)
        {
            if (cluster.Nodes.FirstOrDefault(n => IsSame(n, target)) is { } node)
            {
                throw Refused(cluster, target.Name, node.Name);
            }
        }
        if (drillCluster.Id == cluster.Id)
        {
            throw new HsmBackupException(ErrorCode.DrillNotPossible,
                $"The drill cluster '{drillCluster.Name}' has the id of cluster '{cluster.Name}' itself ({cluster.Id}): "
                + "its definition is that cluster's, or a copy of it.",
                "Make the drill cluster's definition with New-HsmCluster, which gives it an id of its own.")
            { Target = drillCluster.Name };
        }
    }

    /// <summary>No target is a node by what the tokens say of themselves. Nobody logs in.</summary>
    /// <returns>What could not be compared: nodes that do not answer. Their tokens are known by their definition only.</returns>
    /// <exception cref="HsmBackupException">DrillNotPossible.</exception>
    public static IReadOnlyList<string> CheckTokens(ClusterDefinition cluster, IReadOnlyList<TokenInfo> targets,
        CancellationToken cancellationToken)
    {
        IReadOnlyList<NodeAnswer<TokenInfo>> answers = NodeThreads.Run(cluster.Nodes, (node, _) =>
        {
            using var library = Pkcs11Library.Open(node.Address.Library);
            return library.FindToken(node.Address.TokenLabel, node.Address.TokenSerial);
        }, cancellationToken);
        foreach (TokenInfo target in targets)
        {
            if (answers.FirstOrDefault(a => IsSame(
                a.Value?.SerialNumber ?? a.Node.Address.TokenSerial, a.Value?.Label ?? a.Node.Address.TokenLabel, target)) is { } same)
            {
                throw Refused(cluster, target.Label, same.Node.Name);
            }
        }
        if (SameToken.Among([.. targets]).Select(t => (int?)t.Twin).FirstOrDefault() is { } twin)
        {
            throw new HsmBackupException(ErrorCode.DrillNotPossible,
                $"Two nodes of the drill cluster are one token, '{targets[twin].Label}'.", "Name each token once.");
        }
        return [.. answers.Where(a => a.Value is null)
            .Select(a => $"Node '{a.Node.Name}' did not answer, so the targets were compared with its definition only; they were blank.")];
    }

    /// <summary>By serial number, whoever the library says has made it; a number that says nothing leaves the label.</summary>
    private static bool IsSame(string? serial, string? label, TokenInfo target) => !target.IsInitialized
        ? serial == target.SerialNumber && SameToken.TellsApart(target.SerialNumber)
        : serial is not null && SameToken.TellsApart(serial) && SameToken.TellsApart(target.SerialNumber)
            ? serial == target.SerialNumber
            : label == target.Label && (serial is null || serial == target.SerialNumber);

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
