using System.Collections;
using HsmBackup.Engine.Clusters.Definitions;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Completes <c>-Cluster</c> with the names of the definitions that are found by name. None of them is used.</summary>
public sealed class ClusterNameCompleter : ValueCompleter
{
    private protected override IEnumerable<CompletionValue> Find(IDictionary boundParameters) => DefinitionSearch.Files(SessionPaths().Current)
        .Select(path => new CompletionValue(DefinitionSearch.NameOf(path), path));
}

/// <summary>Completes <c>-Node</c> with the nodes of the cluster on the same line.</summary>
public sealed class NodeNameCompleter : ValueCompleter
{
    private protected override IEnumerable<CompletionValue> Find(IDictionary boundParameters) =>
        boundParameters["Cluster"] is string { Length: > 0 } cluster
            ? new ClusterReference(cluster).Find(SessionPaths()).Nodes.Select(node => new CompletionValue(
                node.Name, $"{node.Address} of {Path.GetFileName(node.Address.Library.Path)}{(node.Zone is null ? "" : $", {node.Zone}")}"))
            : [];
}

/// <summary>Completes <c>-Store</c> with the stores of the cluster on the same line. None of them is looked into.</summary>
public sealed class StoreNameCompleter : ValueCompleter
{
    private protected override IEnumerable<CompletionValue> Find(IDictionary boundParameters) =>
        boundParameters["Cluster"] is string { Length: > 0 } cluster
            ? new ClusterReference(cluster).Find(SessionPaths()).Stores.Select(store => new CompletionValue(store.Name, $"{store.Kind}: {store.Location}"))
            : [];
}
