using HsmBackup.Engine.Retention;

namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>Which backups are kept, as the definition says it; what it leaves out has its usual value (<see cref="RetentionPolicy"/>).</summary>
public sealed record ClusterRetention
{
    /// <summary>Rules for copies in stores that are always there.</summary>
    public RetentionRules? Online { get; init; }

    /// <summary>Rules for copies on media that are put away.</summary>
    public RetentionRules? Offline { get; init; }

    /// <summary>How many copies a backup has at least, for as long as any rule wants it.</summary>
    public int? MinimumCopies { get; init; }

    /// <summary>How long a removal can be undone.</summary>
    public TimeSpan? RemovalDelay { get; init; }
}
