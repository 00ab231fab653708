namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>What health is judged by.</summary>
public sealed record ClusterPolicy
{
    /// <summary>How old the newest backup may be.</summary>
    public TimeSpan? MaximumBackupAge { get; init; }

    /// <summary>How long ago the last passed drill may be.</summary>
    public TimeSpan? MaximumDrillAge { get; init; }

    /// <summary>How long a passed test speaks for a backup; null for the usual 90 days.</summary>
    public TimeSpan? MaximumVerificationAge { get; init; }
}

/// <summary>What a recovery must achieve.</summary>
public sealed record RecoveryTargets
{
    /// <summary>Recovery time objective: how long a recovery may take.</summary>
    public TimeSpan? Rto { get; init; }

    /// <summary>Recovery point objective: how much of the latest changes may be lost.</summary>
    public TimeSpan? Rpo { get; init; }
}

/// <summary>How recovery is rehearsed.</summary>
public sealed record ClusterDrill
{
    /// <summary>How many backups are verified where nothing else is said.</summary>
    public const int DefaultSampleSize = 3;

    /// <summary>The time from one drill to the next.</summary>
    public required TimeSpan Interval { get; init; }

    /// <summary>
    /// The definition of the drill cluster, by its name or path: its tokens are recovered to, and are blank between drills. Null where
    /// there is none.
    /// </summary>
    public string? Cluster { get; init; }

    /// <summary>
    /// Whether throw-away software tokens may take the keys of a drill: they are in the memory of this computer while it lasts, and so is
    /// the cluster key where backups are bound to it.
    /// </summary>
    public bool SoftwareTargets { get; init; }

    /// <summary>How many of the stored backups a verification restores.</summary>
    public int SampleSize { get; init; } = DefaultSampleSize;

    /// <summary>Names of the contacts who take part.</summary>
    public IReadOnlyList<string> Participants { get; init; } = [];
}
