namespace HsmBackup.Engine.Clusters.Health;

/// <summary>How one node of a cluster is, and how the cluster is that it belongs to.</summary>
public sealed record NodeHealth
{
    /// <summary>Name of the cluster.</summary>
    public required string Cluster { get; init; }

    /// <summary>Name of the node.</summary>
    public required string Node { get; init; }

    /// <summary>Its zone; null where the definition names none.</summary>
    public string? Zone { get; init; }

    /// <summary>How it is.</summary>
    public required HealthState State { get; init; }

    /// <summary>Why it is not Online, in words; empty where it is.</summary>
    public required string Reason { get; init; }

    /// <summary>The error that made it so; null where there was none.</summary>
    public ErrorCode? Error { get; init; }

    /// <summary>How long the token took to answer one question (C_GetTokenInfo); null where it did not answer.</summary>
    public TimeSpan? Latency { get; init; }

    /// <summary>How long looking at the node took.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>How many objects it holds, as far as they were to be seen, the cluster key not counted; null where nobody could look.</summary>
    public int? Objects { get; init; }

    /// <summary>What it lacks, has beyond, or has otherwise than the majority of the cluster.</summary>
    public IReadOnlyList<DriftItem> Drift { get; init; } = [];

    /// <summary>How many objects it lacks.</summary>
    public int Missing => Count(DriftKind.Missing);

    /// <summary>How many objects it has that the majority has not.</summary>
    public int Extra => Count(DriftKind.Extra);

    /// <summary>How many objects it has otherwise.</summary>
    public int Different => Count(DriftKind.Different);

    /// <summary>Check value of the cluster key on it; null where there is none or nobody could look.</summary>
    public string? ClusterKeyCheck { get; init; }

    /// <summary>Whether it holds the cluster's own cluster key; null where the cluster has none or nobody could look.</summary>
    public bool? HasClusterKey { get; init; }

    /// <summary>True where keys were compared by wrapping them again, and not only by their attributes.</summary>
    public bool Deep { get; init; }

    /// <summary>With <see cref="Deep"/>: how many keys could not be compared, because they do not leave the token even wrapped.</summary>
    public int Uncompared { get; init; }

    /// <summary>Whether the user was logged in; without that private objects do not show.</summary>
    public bool LoggedIn { get; init; }

    /// <summary>Whether private objects were to be seen: somebody was logged in, or the token asks for no login.</summary>
    public bool SeesPrivate { get; init; }

    /// <summary>A wrong PIN was entered since the last right one.</summary>
    public bool PinCountLow { get; init; }

    /// <summary>The next wrong PIN locks the token.</summary>
    public bool PinFinalTry { get; init; }

    /// <summary>The user PIN is locked.</summary>
    public bool PinLocked { get; init; }

    /// <summary>Label of the token.</summary>
    public string? TokenLabel { get; init; }

    /// <summary>Serial number of the token.</summary>
    public string? TokenSerial { get; init; }

    /// <summary>Model of the token.</summary>
    public string? Model { get; init; }

    /// <summary>Firmware of the token.</summary>
    public string? Firmware { get; init; }

    /// <summary>How the cluster is.</summary>
    public required HealthState ClusterState { get; init; }

    /// <summary>Why the cluster is not Online, in words; empty where it is.</summary>
    public required string ClusterReason { get; init; }

    /// <summary>When the cluster's newest backup was made, in UTC; null where none was found.</summary>
    public DateTimeOffset? LastBackup { get; init; }

    /// <summary>Whether that is as new as the cluster's policy demands; null where it demands nothing.</summary>
    public bool? LastBackupInPolicy { get; init; }

    /// <summary>One-time keys of the cluster's unattended backups that wait here, and that nobody has received; the oldest first.</summary>
    public IReadOnlyList<WaitingKey> WaitingKeys { get; init; } = [];

    /// <summary>When the cluster's last drill began that passed, in UTC; null where none did, or nobody looked.</summary>
    public DateTimeOffset? LastDrill { get; init; }

    /// <summary>Whether that is as lately as the cluster's policy demands; null where it demands nothing, or nobody looked.</summary>
    public bool? LastDrillInPolicy { get; init; }

    /// <summary>Why the cluster's runbook cannot be relied on any more; null where nothing is known against it.</summary>
    public string? RunbookProblem { get; init; }

    /// <summary>Whether it does what clients ask of it, as far as that was to be seen.</summary>
    internal bool Serves => State is HealthState.Online or HealthState.Degraded or HealthState.OutOfSync;

    private int Count(DriftKind kind) => Drift.Count(d => d.Kind == kind);
}
