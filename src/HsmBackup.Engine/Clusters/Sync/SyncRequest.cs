using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Clusters.Sync;

/// <summary>What to make alike, and how.</summary>
public sealed record SyncRequest
{
    /// <summary>The cluster. It must have a cluster key, under which keys travel.</summary>
    public required ClusterDefinition Cluster { get; init; }

    /// <summary>Fetches the PIN of a node, on the caller's own thread and before any node is asked.</summary>
    public required Func<ClusterNode, Pin> OpenPin { get; init; }

    /// <summary>True where one PIN was given for all nodes: if it is wrong, one node hears it and no other.</summary>
    public bool OnePinForAll { get; init; }

    /// <summary>Names of the nodes that may be changed; empty for all. All nodes are read in any case.</summary>
    public IReadOnlyList<string> Only { get; init; } = [];

    /// <summary>The node that is right where nodes differ; null where nobody says so.</summary>
    public string? Resolve { get; init; }

    /// <summary>True where objects that only a minority of the nodes has are to go, instead of being copied.</summary>
    public bool RemoveExtra { get; init; }

    /// <summary>A new file for the one-time key of the safety backups; needed where something is replaced or removed.</summary>
    public string? KeyPath { get; init; }

    /// <summary>The folder for locks and safety backups; null for the user's own.</summary>
    public string? StateFolder { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
