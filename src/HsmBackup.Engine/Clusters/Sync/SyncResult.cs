using HsmBackup.Engine.Backup;

namespace HsmBackup.Engine.Clusters.Sync;

/// <summary>How a node came out of a synchronisation.</summary>
public enum SyncState
{
    /// <summary>It holds what the other nodes hold that could be read, and nothing had to be done.</summary>
    AlreadyInSync,

    /// <summary>It now holds what they hold, each key proven.</summary>
    Synchronized,

    /// <summary>It is not alike, or not known to be: objects are in conflict, cannot be carried, were refused, or are keys that cannot be compared.</summary>
    Incomplete,

    /// <summary>It could not be read or written, for the reason given. Steps that were done before that are listed, and proven.</summary>
    Failed,

    /// <summary>It stopped answering while it was written: whether its last step was done is not known.</summary>
    Unknown,
}

/// <summary>What became of a step.</summary>
/// <param name="Item">The step.</param>
/// <param name="Outcome">Passed where it was done and proven; Failed; Skipped where nothing was to be done; NotRun.</param>
/// <param name="Detail">Why it failed, or what came out otherwise; null where there is nothing to say.</param>
public sealed record SyncOutcome(SyncItem Item, CheckOutcome Outcome, string? Detail = null)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Outcome}: {Item}" + (Detail is null ? "" : $": {Detail}");
}

/// <summary>What a synchronisation did to one node.</summary>
public sealed record NodeSyncResult
{
    /// <summary>The cluster's name.</summary>
    public required string Cluster { get; init; }

    /// <summary>The node's name.</summary>
    public required string Node { get; init; }

    /// <summary>How it came out.</summary>
    public required SyncState State { get; init; }

    /// <summary>Why it is not alike; empty where it is.</summary>
    public required string Reason { get; init; }

    /// <summary>What kind of failure it was; null where the node did not fail, or did not answer in its time.</summary>
    public ErrorCode? Error { get; init; }

    /// <summary>Every step that was planned for it.</summary>
    public IReadOnlyList<SyncOutcome> Steps { get; init; } = [];

    /// <summary>How many keys of it could not be compared: they do not leave the token even wrapped, or another maker's token wraps them otherwise.</summary>
    public int Uncompared { get; init; }

    /// <summary>The backup of the node from before anything went; null where nothing did.</summary>
    public string? SafetyBackupPath { get; init; }

    /// <summary>How long it took, the reading of the cluster included.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>How many objects were copied to it, and proven.</summary>
    public int Copied => Passed(SyncAction.Copy);

    /// <summary>How many of its objects were replaced, the new ones proven.</summary>
    public int Replaced => Passed(SyncAction.Replace);

    /// <summary>How many of its objects were removed.</summary>
    public int Removed => Passed(SyncAction.Remove);

    /// <summary>How many of its objects are in conflict with those of others, by key or by attributes.</summary>
    public int Conflicts => Steps.Count(s => s.Item.Action is SyncAction.Conflict or SyncAction.Different);

    /// <summary>How many steps failed, were not run, or were not possible from the start.</summary>
    public int Failed => Steps.Count(s => s.Outcome is CheckOutcome.Failed or CheckOutcome.NotRun || s.Item.Action == SyncAction.NotPossible);

    /// <inheritdoc/>
    public override string ToString() => $"{Node}: {State}" + (Reason.Length == 0 ? "" : $" ({Reason})");

    private int Passed(SyncAction action) => Steps.Count(s => s.Item.Action == action && s.Outcome == CheckOutcome.Passed);
}
