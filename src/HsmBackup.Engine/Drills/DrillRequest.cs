using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Drills;

/// <summary>Which drill, of which cluster, and who gives the secrets for it.</summary>
public sealed record DrillRequest
{
    /// <summary>The cluster whose recovery is rehearsed. No token of it is touched.</summary>
    public required ClusterDefinition Cluster { get; init; }

    /// <summary>The drill cluster whose tokens are recovered to; null where throw-away software tokens are.</summary>
    public ClusterDefinition? DrillCluster { get; init; }

    /// <summary>What is rehearsed.</summary>
    public required DrillScenario Scenario { get; init; }

    /// <summary>Opens a store of the cluster; the drill disposes it. A store that is lost in the scenario is not opened.</summary>
    public required Func<ClusterStore, IBackupStore> OpenStore { get; init; }

    /// <summary>
    /// Fetches the one-time key of a backup, on the caller's own thread; the drill disposes it. Null where nobody has it.
    /// </summary>
    public required Func<BackupInfo, OneTimeKey?> OpenKey { get; init; }

    /// <summary>
    /// Collects custodians' shares of a cluster key, on the caller's own thread; the drill disposes them. Null where there are none.
    /// </summary>
    public Func<ClusterKeyInfo, ShareCombiner>? OpenShares { get; init; }

    /// <summary>Fetches the user PIN of a node of the drill cluster, or the one that it is to get; on the caller's own thread.</summary>
    public Func<ClusterNode, Pin>? OpenDrillPin { get; init; }

    /// <summary>PIN of the security officer, for tokens of the drill cluster that were never initialised; stays the caller's.</summary>
    public Pin? SoPin { get; init; }

    /// <summary>Who runs it.</summary>
    public string? Operator { get; init; }

    /// <summary>Who watches.</summary>
    public string? Witness { get; init; }

    /// <summary>Anything for the record.</summary>
    public string? Notes { get; init; }

    /// <summary>What the operator saw that was otherwise than planned.</summary>
    public IReadOnlyList<string> Deviations { get; init; } = [];

    /// <summary>What the operator wants to be done about it.</summary>
    public IReadOnlyList<string> FollowUps { get; init; } = [];

    /// <summary>The seed of random choices: the same seed chooses the same. Null for one by chance.</summary>
    public long? Seed { get; init; }

    /// <summary>How many backups a verification restores; null for what the definition says.</summary>
    public int? SampleSize { get; init; }

    /// <summary>Which keys are lost, in a drill of that scenario; null for a few by chance.</summary>
    public KeySelection? Selection { get; init; }

    /// <summary>Name of the store that is lost, in a drill of that scenario; null for the first.</summary>
    public string? LostStore { get; init; }

    /// <summary>Take a Partial backup too. What it misses and the definition does not acknowledge counts as not recovered.</summary>
    public bool AllowPartial { get; init; }

    /// <summary>
    /// Let it pass though keys that were proven could not be used on the targets, each for a reason that the report names.
    /// </summary>
    public bool AllowUnused { get; init; }

    /// <summary>The state folder; null for that of this account.</summary>
    public string? StateFolder { get; init; }

    /// <summary>The library of software tokens; null for the SoftHSM that is installed.</summary>
    public string? SoftwareLibrary { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
