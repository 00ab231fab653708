namespace HsmBackup.Engine.Clusters;

/// <summary>How well a recovery of the cluster is prepared, as far as that is on record on this machine.</summary>
public sealed record RecoveryPreparation
{
    /// <summary>When the last drill began that passed, in UTC; null where none did.</summary>
    public DateTimeOffset? LastDrill { get; init; }

    /// <summary>Why the runbook that was exported last cannot be relied on any more; null where nothing is known against it.</summary>
    public string? RunbookProblem { get; init; }
}
