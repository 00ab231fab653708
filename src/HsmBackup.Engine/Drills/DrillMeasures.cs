namespace HsmBackup.Engine.Drills;

/// <summary>What a drill measured.</summary>
public sealed record DrillMeasures
{
    /// <summary>
    /// Recovery time: the sum of the steps that a recovery has, from looking for the backup to the last key that was used. Null where the
    /// drill did not come to its end.
    /// </summary>
    public TimeSpan? RecoveryTime { get; init; }

    /// <summary>
    /// Recovery point: how old the backup was when the drill began. Null where none was found or its date is after
    /// that, and where nothing comes back from one: a node that is filled from its peers is as new as they are, and in a verification
    /// nothing is lost.
    /// </summary>
    public TimeSpan? RecoveryPoint { get; init; }

    /// <summary>
    /// Keys and certificates that the targets must hold afterwards, less what the definition acknowledges as not in the backup.
    /// </summary>
    public required int KeysExpected { get; init; }

    /// <summary>How many of them the targets held.</summary>
    public required int KeysRecovered { get; init; }

    /// <summary>How many of them were proven to be those of the backup.</summary>
    public required int KeysProven { get; init; }

    /// <summary>How many of them were used, with the right result each time.</summary>
    public required int KeysUsed { get; init; }

    /// <summary>How many of them were proven and could not be used, each for its reason.</summary>
    public required int KeysSkipped { get; init; }

    /// <summary>Recovery time objective of the definition; null where it has none.</summary>
    public TimeSpan? RecoveryTimeTarget { get; init; }

    /// <summary>Recovery point objective of the definition; null where it has none.</summary>
    public TimeSpan? RecoveryPointTarget { get; init; }

    /// <summary>Whether the recovery time met its objective; null where there is none, or no recovery time.</summary>
    public bool? RecoveryTimeMet => RecoveryTime is { } time && RecoveryTimeTarget is { } target ? time <= target : null;

    /// <summary>Whether the recovery point met its objective; null where there is none, or no recovery point.</summary>
    public bool? RecoveryPointMet => RecoveryPoint is { } age && RecoveryPointTarget is { } target ? age <= target : null;
}
