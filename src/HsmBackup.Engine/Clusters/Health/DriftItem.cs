using HsmBackup.Engine.Backup;

namespace HsmBackup.Engine.Clusters.Health;

/// <summary>How an object of a node departs from what the majority of the cluster holds.</summary>
public enum DriftKind
{
    /// <summary>The majority holds it, and the node does not.</summary>
    Missing,

    /// <summary>The node holds it, and the majority does not.</summary>
    Extra,

    /// <summary>The node holds it with other attributes or another key.</summary>
    Different,
}

/// <summary>One object that is not as in the rest of the cluster.</summary>
/// <param name="Kind">How it departs.</param>
/// <param name="Object">The object.</param>
/// <param name="Differences">For <see cref="DriftKind.Different"/>: what is different, a line for each attribute, or that the key is.</param>
public sealed record DriftItem(DriftKind Kind, ObjectSummary Object, IReadOnlyList<string> Differences)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Kind}: {Object}" + (Differences.Count == 0 ? "" : $": {string.Join("; ", Differences)}");
}
