using HsmBackup.Engine.Clusters.Definitions;

namespace HsmBackup.Engine.Drills.Scenarios;

/// <summary>All nodes are lost: new ones are made, and get everything from the latest backup that can be restored.</summary>
internal class ClusterLossRehearsal(DrillRun run) : Rehearsal(run)
{
    /// <summary>The stores that are left.</summary>
    protected virtual IReadOnlyList<ClusterStore> Stores => Run.Request.Cluster.Stores;

    /// <inheritdoc/>
    public override void Go()
    {
        OpenLatest(Stores, Targets);
        Initialize(Targets);
        Join(Targets);
        Restore(Targets, () => Latest);
        Prove(Targets, () => Latest);
        Use(() => Latest);
    }
}
