using HsmBackup.Engine.Clusters.Repair;

namespace HsmBackup.Engine.Drills.Scenarios;

/// <summary>
/// A node is lost and replaced. Where the cluster has a cluster key, the new node is filled from a peer, which was set up before from the
/// backup and is no part of the recovery; otherwise from the backup itself.
/// </summary>
internal sealed class NodeLossRehearsal(DrillRun run) : Rehearsal(run)
{
    private IReadOnlyList<DrillTargetNode> Replacement => [Targets[^1]];

    private bool FromPeer => Run.Request.Cluster.FillsFromPeers;

    /// <inheritdoc/>
    public override bool RecoversFromBackup => !FromPeer;

    /// <inheritdoc/>
    public override void Go()
    {
        OpenLatest(Run.Request.Cluster.Stores, Replacement);
        if (FromPeer)
        {
            Run.Steps.Run(DrillStep.Prepare, FillPeer, isRecovery: false);
        }
        Initialize(Replacement);
        Join(Replacement);
        Run.Steps.Run(DrillStep.Restore, Repair);
        Prove(Replacement, () => Latest);
        Use(() => Latest);
    }

    /// <inheritdoc/>
    protected override bool IsRecovery(string step) => base.IsRecovery(step)
        && !(FromPeer && step is DrillStep.Find or DrillStep.Fetch or DrillStep.Authenticate);

    private string FillPeer(IProgress<OperationProgress> told)
    {
        DrillTargetNode[] peer = [Targets[0]];
        InitializeTokens(peer, told);
        JoinNodes(peer, told);
        return RestoreAll(peer, Latest, told);
    }

    private string Repair(IProgress<OperationProgress> told)
    {
        DrillTargetNode node = Replacement[0];
        using ClusterRepairOperation repair = ClusterRepairOperation.Prepare(new RepairRequest
        {
            Cluster = Run.Cluster,
            Node = node.Node.Name,
            OpenPin = n => Targets.First(t => t.Node.Name == n.Name).Pin.Clone(),
            BackupPath = FromPeer ? null : Latest.Path,
            BackupKey = FromPeer ? null : Latest.Key,
            AllowPartial = Run.Request.AllowPartial,
            StateFolder = Run.Work,
            Clock = Run.Request.Clock,
        }, told, Run.Stop);
        RepairResult result = repair.Execute(null, Run.Shares, told, Run.Stop);
        return result.State == RepairState.Repaired
            ? FormattableString.Invariant($"{result.Added} objects brought from {result.Source}, and proven")
            : throw new HsmBackupException(result.Error ?? ErrorCode.DrillFailed, $"The replacement is {result.State}: {result.Reason}.",
                "Find out why with Repair-HsmCluster on tokens for tests.")
            { Target = node.Node.Name };
    }
}
