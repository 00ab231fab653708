namespace HsmBackup.Engine.Backup;

/// <summary>What a restore does with an object.</summary>
public enum PlanAction
{
    /// <summary>It is in the backup and not on the token.</summary>
    Add,

    /// <summary>It is on the token as it is in the backup, key included.</summary>
    Keep,

    /// <summary>It is on the token with another key or other attributes: the backup's is added and proven, then the token's removed.</summary>
    Replace,

    /// <summary>It is on the token and not in the backup.</summary>
    Remove,

    /// <summary>The backup lists it without its key, and the token does not have it: it cannot be restored.</summary>
    Unrestorable,

    /// <summary>
    /// Only where single objects are restored: the token has something else of that id or label, and it was not said that it may be
    /// replaced. Nothing is restored while there is one.
    /// </summary>
    Conflict,
}

/// <summary>One line of a plan.</summary>
/// <param name="Action">What is done.</param>
/// <param name="Object">With which object.</param>
/// <param name="Reason">Why.</param>
public sealed record PlanItem(PlanAction Action, ObjectSummary Object, string Reason)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Action}: {Object} ({Reason})";
}

/// <summary>What a restore is going to do, before it does anything.</summary>
public class RestorePlan
{
    internal RestorePlan(string backupId, string tokenLabel, IReadOnlyList<PlanStep> steps, bool resumes)
    {
        BackupId = backupId;
        TokenLabel = tokenLabel;
        Steps = steps;
        Items = [.. steps.Select(s => s.Item)];
        Resumes = resumes;
        // Counted once: they are looked at for every object of a restore.
        Add = Count(PlanAction.Add);
        Keep = Count(PlanAction.Keep);
        Replace = Count(PlanAction.Replace);
        Remove = Count(PlanAction.Remove);
        Unrestorable = Count(PlanAction.Unrestorable);
        NeedsSafetyBackup = Replace + Remove > 0;
    }

    /// <summary>The backup.</summary>
    public string BackupId { get; }

    /// <summary>The token.</summary>
    public string TokenLabel { get; }

    /// <summary>The node of the cluster; null for a lone token.</summary>
    public string? Node { get; init; }

    /// <summary>Every object that the restore is about, once.</summary>
    public IReadOnlyList<PlanItem> Items { get; }

    /// <summary>How many objects are added.</summary>
    public int Add { get; }

    /// <summary>How many stay.</summary>
    public int Keep { get; }

    /// <summary>How many are replaced.</summary>
    public int Replace { get; }

    /// <summary>How many are removed.</summary>
    public int Remove { get; }

    /// <summary>How many cannot be restored.</summary>
    public int Unrestorable { get; }

    /// <summary>True where the token holds what the backup holds.</summary>
    public bool ChangesNothing => Add + Replace + Remove == 0;

    /// <summary>True where a restore of this backup was interrupted on this token, and this one finishes it.</summary>
    public bool Resumes { get; }

    /// <summary>True where objects of the token will go, so that a safety backup is made of it first.</summary>
    public bool NeedsSafetyBackup { get; private protected init; }

    internal IReadOnlyList<PlanStep> Steps { get; }

    private protected int Count(PlanAction action) => Items.Count(i => i.Action == action);
}
