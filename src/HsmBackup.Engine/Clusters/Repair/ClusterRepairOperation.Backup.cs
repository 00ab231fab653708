using System.Diagnostics;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Restore;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Repair;

/// <content>A node that is filled from a backup: a restore of this one node, which initialises its token and lets it join as well.</content>
public sealed partial class ClusterRepairOperation
{
    private static ClusterRepairOperation PrepareFromBackup(RepairRequest request, ClusterDefinition cluster, ClusterNode node, Stopwatch watch,
        IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        OneTimeKey key = request.BackupKey ?? throw new HsmBackupException(ErrorCode.KeyRequired, "The backup's one-time key is needed to fill the node from it.",
            "Give it with -KeyPath or -Key.");
        var pins = new NodePins([node], request.OpenPin);
        ClusterRestoreOperation? restore = null;
        try
        {
            progress?.Report(new OperationProgress("", "Looking at the node", 0, 0));
            // A restore does without the cluster key where the backup does; a member of the cluster does not.
            bool joins = NodeErrand.Run(node, pulse => Look(cluster, node, pins, pulse), cancellationToken).Joins;
            restore = ClusterRestoreOperation.Prepare(new ClusterRestoreRequest
            {
                Cluster = cluster,
                Nodes = [node],
                Path = request.BackupPath!,
                Key = key,
                OpenPin = pins.Of,
                InitializeBlank = true,
                AllowPartial = request.AllowPartial,
                StateFolder = request.StateFolder,
                Clock = request.Clock,
            }, progress, cancellationToken);
            CheckClusterKey(restore, cluster);
            NodeRestorePlan plan = restore.Plans[0];
            if (plan.Error is { } error)
            {
                throw error is HsmBackupException ? error : new HsmBackupException(NodeFailure.CodeOf(error), NodeFailure.ReasonOf(error) + ".",
                    "Look at the HSM and its connection.", error);
            }
            return new ClusterRepairOperation(request, cluster, pins, restore, new RepairPlan
            {
                Cluster = cluster.Name,
                Node = node.Name,
                Token = restore.Nodes[0].Address,
                Initialization = plan.Initialization,
                Slot = plan.Slot,
                Joins = joins,
                BackupId = restore.BackupId,
                Objects = plan.Plan!.Add + plan.Plan.Replace + plan.Plan.Keep + plan.Plan.Unrestorable,
                Restore = plan.Plan,
            }, watch);
        }
        catch
        {
            restore?.Dispose();
            pins.Dispose();
            throw;
        }
    }

    /// <summary>With the key of an older backup the node would hold everything, and be no member.</summary>
    private static void CheckClusterKey(ClusterRestoreOperation restore, ClusterDefinition cluster)
    {
        if (restore.IsBound && restore.ClusterKey?.Check != cluster.ClusterKey?.Check)
        {
            throw new HsmBackupException(ErrorCode.ClusterKeyMismatch,
                $"Backup {restore.BackupId} is bound to another cluster key than the one that cluster '{cluster.Name}' has now. Nothing was changed.",
                "Fill the node from its peers or from a backup that was made since. Restore-HsmCluster restores this one to the whole cluster.")
            { Target = restore.BackupId };
        }
    }

    private bool FillFromBackup(RepairSteps steps, Pin? soPin, ShareCombiner? shares, ref int added, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        NodeRestoreOutcome? outcome = null;
        bool filled = steps.Run("Fill", () =>
        {
            outcome = _restore!.Execute([Plan.Node], soPin, shares, progress, cancellationToken).Single();
            RestoreResult result = outcome.Result ?? throw outcome.Error!;
            return (CheckOutcome.Passed, FormattableString.Invariant($"{result.Objects.Count} objects of backup {result.BackupId}")
                + (result.SafetyBackupPath is null ? "" : $"; what it held before is in '{result.SafetyBackupPath}', which the same one-time key opens"));
        });
        ClusterNode node = _restore!.Nodes[0];
        _cluster = With(_cluster, node);
        steps.Insert("Initialize", outcome?.Initialized is not (null or InitializationStep.None), Plan.Initialization != InitializationStep.None);
        steps.Insert("Join", outcome?.Joined == true, Plan.Joins);
        if (!filled)
        {
            return false;
        }
        RestoreResult restored = outcome!.Result!;
        added = restored.Added + restored.Replaced;
        if (Plan.Joins && !outcome.Joined && !steps.Run("Join", () => Join(node, shares, progress, cancellationToken)))
        {
            return false;
        }
        steps.Run("Prove", () => restored.Exact
            ? (CheckOutcome.Passed, FormattableString.Invariant($"{restored.Proven} keys proven, and nothing beyond them"))
            : (CheckOutcome.Failed, "not everything is as in the backup: " + string.Join("; ", restored.Objects
                .Where(o => o.Differences.Count > 0 || o.Action == PlanAction.Unrestorable).Take(3).Select(o => o.Object.ToString()))));
        return true;
    }
}
