using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Restore;

/// <summary>Which backup goes into which nodes.</summary>
public sealed record ClusterRestoreRequest
{
    /// <summary>The cluster; null where the one node is a lone token.</summary>
    public ClusterDefinition? Cluster { get; init; }

    /// <summary>The nodes that are restored.</summary>
    public required IReadOnlyList<ClusterNode> Nodes { get; init; }

    /// <summary>The backup file.</summary>
    public required string Path { get; init; }

    /// <summary>Its one-time key, which stays the caller's to dispose.</summary>
    public required OneTimeKey Key { get; init; }

    /// <summary>Fetches the PIN of a node, on the caller's own thread and before any node is asked.</summary>
    public required Func<ClusterNode, Pin> OpenPin { get; init; }

    /// <summary>True where one PIN was given for all nodes: if it is wrong, one node hears it and no other.</summary>
    public bool OnePinForAll { get; init; }

    /// <summary>Initialise tokens that are blank.</summary>
    public bool InitializeBlank { get; init; }

    /// <summary>Restore a Partial backup too.</summary>
    public bool AllowPartial { get; init; }

    /// <summary>Restore into nodes of another cluster than the backup's.</summary>
    public bool AllowOtherToken { get; init; }

    /// <summary>Remove objects from tokens that no safety backup can hold.</summary>
    public bool RemoveUnrecoverable { get; init; }

    /// <summary>Where journals and safety backups are; null for the default.</summary>
    public string? StateFolder { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>What is going to be done to one node, or why nothing is.</summary>
public sealed record NodeRestorePlan
{
    /// <summary>The node.</summary>
    public required string Node { get; init; }

    /// <summary>What happens to its objects; null where nothing can be done.</summary>
    public RestorePlan? Plan { get; init; }

    /// <summary>What of the initialisation is done first.</summary>
    public InitializationStep Initialization { get; init; }

    /// <summary>The slot of the token that is initialised.</summary>
    public ulong? Slot { get; init; }

    /// <summary>True where it gets the cluster key from custodians' shares before anything else is restored.</summary>
    public bool Joins { get; init; }

    /// <summary>Why nothing can be done.</summary>
    public Exception? Error { get; init; }
}

/// <summary>What became of one node.</summary>
public sealed record NodeRestoreOutcome
{
    /// <summary>The node.</summary>
    public required string Node { get; init; }

    /// <summary>The finished restore; null where it failed.</summary>
    public RestoreResult? Result { get; init; }

    /// <summary>How it failed; null where it did not.</summary>
    public Exception? Error { get; init; }

    /// <summary>True where the node fell silent.</summary>
    public bool TimedOut { get; init; }

    /// <summary>True where nobody knows what it holds: it fell silent while it was written to, and may still be at it.</summary>
    public bool StateUnknown { get; init; }

    /// <summary>What of its initialisation was done.</summary>
    public InitializationStep Initialized { get; init; }

    /// <summary>True where it got the cluster key.</summary>
    public bool Joined { get; init; }
}
