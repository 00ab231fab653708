namespace HsmBackup.Engine.Backup;

/// <summary>An object after a restore.</summary>
/// <param name="Object">The object.</param>
/// <param name="Action">What was done with it.</param>
/// <param name="Proof">Passed where the token's object was proven to be the backup's; Skipped where the backup has no key to compare with.</param>
/// <param name="Differences">What the token made different in spite of being told.</param>
public sealed record RestoredObject(ObjectSummary Object, PlanAction Action, CheckOutcome Proof, IReadOnlyList<string> Differences)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Action}: {Object}" + (Differences.Count == 0 ? "" : $" ({string.Join("; ", Differences)})");
}

/// <summary>What is told of every finished restore.</summary>
public abstract class RestoreOutcome
{
    /// <summary>The backup.</summary>
    public required string BackupId { get; init; }

    /// <summary>The token.</summary>
    public required string TokenLabel { get; init; }

    /// <summary>The node of the cluster; null for a lone token.</summary>
    public string? Node { get; init; }

    /// <summary>Objects added, replacements not counted.</summary>
    public int Added => Count(PlanAction.Add);

    /// <summary>Objects that were there already.</summary>
    public int Kept => Count(PlanAction.Keep);

    /// <summary>Objects replaced.</summary>
    public int Replaced => Count(PlanAction.Replace);

    /// <summary>Objects removed, replaced ones not counted.</summary>
    public int Removed => Count(PlanAction.Remove);

    /// <summary>Objects of the backup that could not be restored because it lacks their keys.</summary>
    public int Unrestorable => Count(PlanAction.Unrestorable);

    /// <summary>Objects proven to be those of the backup.</summary>
    public int Proven => Objects.Count(o => o.Proof == CheckOutcome.Passed);

    /// <summary>Every object with what was done.</summary>
    public required IReadOnlyList<RestoredObject> Objects { get; init; }

    /// <summary>The safety backup of the whole token as it was; null where nothing was removed. Its key is the one given for the restore.</summary>
    public string? SafetyBackupPath => SafetyBackups.Count > 0 ? SafetyBackups[0] : null;

    /// <summary>All safety backups, oldest first: an interrupted restore makes another each time it is taken up again.</summary>
    public required IReadOnlyList<string> SafetyBackups { get; init; }

    /// <summary>True where this finished an interrupted restore.</summary>
    public required bool Resumed { get; init; }

    /// <summary>How long it took, from opening the file to the last comparison; the time for the confirmation is not in it.</summary>
    public required TimeSpan Elapsed { get; init; }

    private int Count(PlanAction action) => Objects.Count(o => o.Action == action);
}

/// <summary>A finished restore of a whole token.</summary>
public sealed class RestoreResult : RestoreOutcome
{
    /// <summary>True where the token holds what the backup holds, no more, no less and no different.</summary>
    public required bool Exact { get; init; }
}

/// <summary>A finished restore of single objects.</summary>
public sealed class KeyRestoreResult : RestoreOutcome
{
    /// <summary>True where the token holds each of the objects as the backup has it, and that was proven.</summary>
    public bool Exact => Objects.All(o => o.Action == PlanAction.Remove || (o.Proof == CheckOutcome.Passed && o.Differences.Count == 0));
}
