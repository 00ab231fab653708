using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Clusters.Repair;

/// <summary>Which node is replaced, and from what it is filled.</summary>
public sealed record RepairRequest
{
    /// <summary>The cluster.</summary>
    public required ClusterDefinition Cluster { get; init; }

    /// <summary>The name of the node that failed.</summary>
    public required string Node { get; init; }

    /// <summary>What takes its place, by the same name; null where its definition fits the new token too.</summary>
    public ClusterNode? Replacement { get; init; }

    /// <summary>Fetches the PIN of a node, on the caller's own thread and before any node is asked. For the node itself it is the PIN that it gets.</summary>
    public required Func<ClusterNode, Pin> OpenPin { get; init; }

    /// <summary>True where one PIN was given for all nodes: if it is wrong, one node hears it and no other.</summary>
    public bool OnePinForAll { get; init; }

    /// <summary>The backup that it is filled from; null to fill it from its peers.</summary>
    public string? BackupPath { get; init; }

    /// <summary>The backup's one-time key, which stays the caller's to dispose; null where it is filled from its peers.</summary>
    public OneTimeKey? BackupKey { get; init; }

    /// <summary>Fill it from a Partial backup too.</summary>
    public bool AllowPartial { get; init; }

    /// <summary>Where locks, journals and safety backups are; null for the user's own.</summary>
    public string? StateFolder { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
