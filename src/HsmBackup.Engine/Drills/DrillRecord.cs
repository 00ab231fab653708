using HsmBackup.Engine.Clusters;

namespace HsmBackup.Engine.Drills;

/// <summary>Whether the files of a drill are still what was written when it ended.</summary>
public enum DrillIntegrity
{
    /// <summary>They are, and the cluster's identity key has signed that.</summary>
    Signed,

    /// <summary>
    /// They match their digests, and nobody has signed those: damage shows, and a change by somebody who makes new digests does not.
    /// </summary>
    Unsigned,

    /// <summary>A file was changed, or is missing, or the signature is not by the cluster's identity key.</summary>
    Altered,
}

/// <summary>A drill of the past, with its files.</summary>
public sealed record DrillRecord
{
    /// <summary>The id, which is the name of the folder too.</summary>
    public required string Id { get; init; }

    /// <summary>The folder of its files.</summary>
    public required string Folder { get; init; }

    /// <summary>The report; null where its files are <see cref="DrillIntegrity.Altered"/>: then nothing in them is believed.</summary>
    public DrillReport? Report { get; init; }

    /// <summary>Whether the files are what was written.</summary>
    public required DrillIntegrity Integrity { get; init; }

    /// <summary>What is wrong with them; null where nothing is.</summary>
    public string? Problem { get; init; }

    /// <summary>Who signed; null where nobody did.</summary>
    public string? Signer { get; init; }

    /// <summary>The page for people.</summary>
    public string HtmlPath => Path.Combine(Folder, DrillRecords.HtmlFile);

    /// <summary>Whether it counts as a drill of a cluster.</summary>
    public bool CountsFor(ClusterDefinition cluster) => DoubtFor(cluster) is null;

    /// <summary>
    /// Why it does not count as a drill of a cluster: its files were changed, it is of another cluster whose files were put here, or nobody
    /// has signed it though the cluster could have. Null where it counts.
    /// </summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="allowUnsigned">True to let it count though nobody has signed it.</param>
    public string? DoubtFor(ClusterDefinition cluster, bool allowUnsigned = false)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        return Report is null || Integrity == DrillIntegrity.Altered ? Problem ?? "its files were changed"
            : Report.ClusterId != cluster.Id ? $"it is of cluster '{Report.Cluster}' ({Report.ClusterId}), not of '{cluster.Name}'"
            : Integrity == DrillIntegrity.Unsigned && cluster.IdentityCertificate is not null && !allowUnsigned
                ? "it is not signed, though the cluster has an identity key"
            : null;
    }

    /// <summary>The drill and the state of its files.</summary>
    public override string ToString() => $"{Report?.ToString() ?? Id}, {Integrity}";
}
