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

    /// <summary>Absolute path of the folder where sealed keys wait; null for the one in the state folder.</summary>
    public string? KeyFolder { get; init; }

    /// <summary>Name of the SecretManagement vault that keys are put into; null for none.</summary>
    public string? KeyVault { get; init; }
}
