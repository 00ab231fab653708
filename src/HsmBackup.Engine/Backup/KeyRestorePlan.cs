namespace HsmBackup.Engine.Backup;

/// <summary>What the restore of single objects is going to do. What is in no item is not touched, and mostly not even looked at.</summary>
public sealed class KeyRestorePlan : RestorePlan
{
    internal KeyRestorePlan(string backupId, string tokenLabel, IReadOnlyList<PlanStep> steps, int chosen, int companions, bool resumes)
        : base(backupId, tokenLabel, steps, resumes)
    {
        Chosen = chosen;
        Companions = companions;
        Conflicts = Count(PlanAction.Conflict);
        // What an interrupted restore left half made is in the backup; that is no reason to read the whole token.
        NeedsSafetyBackup = steps.Any(s => s.Item.Action is PlanAction.Replace or PlanAction.Remove && !s.Target!.IsDebris);
    }

    /// <summary>How many objects were asked for.</summary>
    public int Chosen { get; }

    /// <summary>How many come along with them.</summary>
    public int Companions { get; }

    /// <summary>In how many cases the token has something else in their place. Nothing is restored while there are any.</summary>
    public int Conflicts { get; }
}
