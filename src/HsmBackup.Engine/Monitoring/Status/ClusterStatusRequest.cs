using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Monitoring.Status;

/// <summary>What is to be looked at, and how.</summary>
public sealed record ClusterStatusRequest
{
    /// <summary>The cluster.</summary>
    public required ClusterDefinition Cluster { get; init; }

    /// <summary>Opens a store of the cluster; the look disposes it.</summary>
    public required Func<ClusterStore, IBackupStore> OpenStore { get; init; }

    /// <summary>Whether the nodes are left alone.</summary>
    public bool SkipHealth { get; init; }

    /// <summary>Fetches the PIN of a node; null to look at the nodes without logging in.</summary>
    public Func<ClusterNode, Pin>? OpenPin { get; init; }

    /// <summary>True where one PIN was given for all nodes.</summary>
    public bool OnePinForAll { get; init; }

    /// <summary>The state folder; null for that of this account.</summary>
    public string? StateFolder { get; init; }

    /// <summary>The clock, with the time zone of the computer.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
