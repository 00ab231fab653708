namespace HsmBackup.Engine.Backup;

/// <summary>What the restore of single objects is going to do. What is in no item is not touched, and mostly not even looked at.</summary>
public sealed class KeyRestorePlan : RestorePlan
{
    internal KeyRestorePlan(string backupId, string tokenLabel, IReadOnlyList<PlanStep> steps, int chosen, int companions)
        : base(backupId, tokenLabel, steps, resumes: false)
    {
        Chosen = chosen;
        Companions = companions;
        Conflicts = Count(PlanAction.Conflict);
    }

    /// <summary>How many objects were asked for.</summary>
    public int Chosen { get; }

    /// <summary>How many come along with them.</summary>
    public int Companions { get; }

    /// <summary>In how many cases the token has something else in their place. Nothing is restored while there are any.</summary>
    public int Conflicts { get; }
}
