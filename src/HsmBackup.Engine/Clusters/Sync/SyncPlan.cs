using HsmBackup.Engine.Backup;

namespace HsmBackup.Engine.Clusters.Sync;

/// <summary>What a synchronisation does with one object of one node.</summary>
public enum SyncAction
{
    /// <summary>The node lacks it and gets it from another node.</summary>
    Copy,

    /// <summary>The node has it otherwise than the node that was named to be right, and gets that one's.</summary>
    Replace,

    /// <summary>It was asked that objects go which only a minority of the nodes has, or which the node that was named to be right has not.</summary>
    Remove,

    /// <summary>Nodes have different objects of one name, and nobody said which of them is right. Nothing is done.</summary>
    Conflict,

    /// <summary>Nodes have the same key with other attributes, and nobody said which of them are right. Nothing is done.</summary>
    Different,

    /// <summary>It cannot leave the nodes that have it, or cannot be saved before it goes. Nothing is done.</summary>
    NotPossible,
}

/// <summary>One step of a synchronisation.</summary>
/// <param name="Node">The node that it changes, or would change.</param>
/// <param name="Action">What is done.</param>
/// <param name="Object">The object.</param>
/// <param name="From">The node that it comes from; null where none does.</param>
/// <param name="Reason">Why.</param>
public sealed record SyncItem(string Node, SyncAction Action, ObjectSummary Object, string? From, string Reason)
{
    /// <summary>Whether the step changes its node.</summary>
    public bool Changes => Action is SyncAction.Copy or SyncAction.Replace or SyncAction.Remove;

    /// <inheritdoc/>
    public override string ToString() => $"{Node}: {Action} {Object}" + (From is null ? "" : $" from {From}") + $" ({Reason})";
}

/// <summary>A node that a synchronisation could not look into.</summary>
/// <param name="Node">Its name.</param>
/// <param name="Error">What kind of failure it was; null where it did not answer in its time.</param>
/// <param name="Reason">Why.</param>
public sealed record UnreadNode(string Node, ErrorCode? Error, string Reason)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Node}: {Reason}";
}

/// <summary>What a synchronisation is going to do.</summary>
/// <param name="Cluster">The cluster's name.</param>
/// <param name="Nodes">How many nodes it has.</param>
/// <param name="Items">The steps, node by node; empty where the nodes that were read hold the same.</param>
/// <param name="Unread">Nodes that nobody could look into. They are left out.</param>
public sealed record SyncPlan(string Cluster, int Nodes, IReadOnlyList<SyncItem> Items, IReadOnlyList<UnreadNode> Unread)
{
    /// <summary>How many objects are copied.</summary>
    public int Copy => Count(SyncAction.Copy);

    /// <summary>How many objects are replaced.</summary>
    public int Replace => Count(SyncAction.Replace);

    /// <summary>How many objects are removed.</summary>
    public int Remove => Count(SyncAction.Remove);

    /// <summary>How many objects are in conflict.</summary>
    public int Conflicts => Count(SyncAction.Conflict);

    /// <summary>How many objects have the same key and other attributes.</summary>
    public int Different => Count(SyncAction.Different);

    /// <summary>How many objects cannot be brought where they are missing.</summary>
    public int NotPossible => Count(SyncAction.NotPossible);

    /// <summary>Whether no node is changed.</summary>
    public bool ChangesNothing => !Items.Any(i => i.Changes);

    /// <summary>Whether something goes, so that a safety backup of its node is made first.</summary>
    public bool RemovesAnything => Items.Any(i => i.Action is SyncAction.Replace or SyncAction.Remove);

    private int Count(SyncAction action) => Items.Count(i => i.Action == action);
}
