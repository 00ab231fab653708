namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>When backups of the cluster are made, and where they go.</summary>
public sealed record ClusterSchedule
{
    /// <summary>Times of the day, to the minute; at least one.</summary>
    public required IReadOnlyList<TimeOnly> Times { get; init; }

    /// <summary>Days of the week; empty for every day.</summary>
    public IReadOnlyList<DayOfWeek> Days { get; init; } = [];

    /// <summary>Whether the times are in UTC, and not in the time of the computer.</summary>
    public bool Utc { get; init; }

    /// <summary>Name of the node that is backed up; null for the first.</summary>
    public string? Node { get; init; }

    /// <summary>Names of the stores that the backup goes to; empty for all of them.</summary>
    public IReadOnlyList<string> Stores { get; init; } = [];

    /// <summary>Absolute paths of certificates that the one-time key is sealed for.</summary>
    public IReadOnlyList<string> KeyRecipients { get; init; } = [];
}

/// <summary>Which backups are kept. A backup is kept for as long as any of the rules wants it.</summary>
public sealed record ClusterRetention
{
    /// <summary>The newest so many.</summary>
    public int? KeepLast { get; init; }

    /// <summary>The newest of each of so many days.</summary>
    public int? KeepDaily { get; init; }

    /// <summary>The newest of each of so many weeks.</summary>
    public int? KeepWeekly { get; init; }

    /// <summary>The newest of each of so many months.</summary>
    public int? KeepMonthly { get; init; }

    /// <summary>The newest of each of so many years.</summary>
    public int? KeepYearly { get; init; }

    /// <summary>Everything that is younger.</summary>
    public TimeSpan? KeepWithin { get; init; }

    /// <summary>How long a removal can be undone.</summary>
    public TimeSpan? RemovalDelay { get; init; }
}
