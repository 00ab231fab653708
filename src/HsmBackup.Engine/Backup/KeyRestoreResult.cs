namespace HsmBackup.Engine.Backup;

/// <summary>A finished restore of single objects.</summary>
public sealed class KeyRestoreResult
{
    /// <summary>The backup.</summary>
    public required string BackupId { get; init; }

    /// <summary>The token.</summary>
    public required string TokenLabel { get; init; }

    /// <summary>True where the token holds each of the objects as the backup has it, and that was proven.</summary>
    public bool Exact => Objects.All(o => o.Action == PlanAction.Remove || (o.Proof == CheckOutcome.Passed && o.Differences.Count == 0));

    /// <summary>Objects added, replacements not counted.</summary>
    public int Added => Count(PlanAction.Add);

    /// <summary>Objects that were there already.</summary>
    public int Kept => Count(PlanAction.Keep);

    /// <summary>Objects that took the place of another.</summary>
    public int Replaced => Count(PlanAction.Replace);

    /// <summary>Objects that had to go beside those that were replaced one for one.</summary>
    public int Removed => Count(PlanAction.Remove);

    /// <summary>Objects that could not be restored because the backup lacks their keys.</summary>
    public int Unrestorable => Count(PlanAction.Unrestorable);

    /// <summary>Objects proven to be those of the backup.</summary>
    public int Proven => Objects.Count(o => o.Proof == CheckOutcome.Passed);

    /// <summary>Every object with what was done.</summary>
    public required IReadOnlyList<RestoredObject> Objects { get; init; }

    /// <summary>The safety backup of the whole token as it was; null where nothing was removed. Its key is the one given for the restore.</summary>
    public string? SafetyBackupPath => SafetyBackups.Count > 0 ? SafetyBackups[0] : null;

    /// <summary>All safety backups, oldest first: an interrupted restore makes another if it is taken up again before all was removed.</summary>
    public required IReadOnlyList<string> SafetyBackups { get; init; }

    /// <summary>True where a restore out of the same backup was interrupted on this token, and this one found its journal.</summary>
    public required bool Resumed { get; init; }

    /// <summary>How long it took; the time for the confirmation is not in it.</summary>
    public required TimeSpan Elapsed { get; init; }

    private int Count(PlanAction action) => Objects.Count(o => o.Action == action);
}
