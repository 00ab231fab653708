using System.Globalization;
using System.Management.Automation;
using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Sync;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Sync-HsmCluster: makes the nodes of a cluster hold the same, by keys that travel under the cluster key.</summary>
[Cmdlet(VerbsData.Sync, "HsmCluster", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(NodeSyncResult), typeof(SyncPlan))]
public sealed class SyncHsmClusterCommand : HsmCommand
{
    /// <summary>The cluster.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, HelpMessage = "Name or path of a cluster definition, or the definition itself.")]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>The nodes that may be changed.</summary>
    [Parameter(HelpMessage = "Names of the nodes that are changed; all nodes where it is left out. All are read in any case.")]
    [Node(TakesSeveral = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(NodeNameCompleter))]
    public NodeReference[] Node { get; set; } = [];

    /// <summary>The node that is right where nodes differ.</summary>
    [Parameter(HelpMessage = "Name of the node that is right where nodes have different objects of one name.")]
    [Node]
    [ArgumentCompleter(typeof(NodeNameCompleter))]
    public NodeReference? Resolve { get; set; }

    /// <summary>What only a minority has goes.</summary>
    [Parameter(HelpMessage = "Remove objects that fewer than half of the nodes have, instead of copying them.")]
    public SwitchParameter RemoveExtra { get; set; }

    /// <summary>The file for the key of the safety backups.</summary>
    [Parameter(HelpMessage = "New file for the one-time key of the safety backups; needed where something is replaced or removed.")]
    [ValidateNotNullOrEmpty]
    public string? KeyPath { get; set; }

    /// <summary>PIN of the nodes.</summary>
    [Parameter(HelpMessage = "User PIN of the nodes, where it is one for all; otherwise the definition says where each comes from.")]
    [Secret]
    public SecureString? Pin { get; set; }

    /// <summary>The folder of the locks and safety backups.</summary>
    [Parameter(HelpMessage = "Folder for locks and safety backups; by default state in HSMBACKUP_HOME, or the user's own.")]
    [ValidateNotNullOrEmpty]
    public string? StatePath { get; set; }

    private protected override string? NamedState => StatePath;

    private protected override void ProcessInput()
    {
        ClusterDefinition cluster = Cluster!.Find(Paths);
        Audited(Node.Length == 0 ? $"cluster '{cluster.Name}'" : string.Join(", ", Node.Select(n => $"node '{n.Name}'")), cluster, record => Sync(cluster, record));
    }

    private void Sync(ClusterDefinition cluster, AuditedAction record)
    {
        var request = new SyncRequest
        {
            Cluster = cluster,
            OpenPin = node => Pins.Require(node, Pin, "Give it with -Pin, or name a source in the definition."),
            OnePinForAll = Pin is not null,
            Only = [.. Node.Select(n => n.Name)],
            Resolve = Resolve?.Name,
            RemoveExtra = RemoveExtra,
            KeyPath = Paths.LiteralOrNull(KeyPath),
            StateFolder = Paths.LiteralOrNull(StatePath),
        };
        using SyncOperation operation = WithProgress((progress, stop) => SyncOperation.Prepare(request, progress, stop));
        if (!IsWhatIf)
        {
            operation.CheckFeasible();
        }
        // Where no node is to be changed there is nothing to confirm.
        if (operation.Plan.ChangesNothing ? !IsWhatIf : Confirm(operation.Plan))
        {
            Tell(operation.Plan, WithProgress(operation.Execute));
        }
        else if (IsWhatIf)
        {
            WriteObject(operation.Plan);
            foreach (UnreadNode unread in operation.Plan.Unread)
            {
                Tell(unread);
            }
        }
        else
        {
            record.Decline();
        }
    }

    /// <summary>One question for the whole cluster, with the counts that it is about.</summary>
    private bool Confirm(SyncPlan plan)
    {
        string counts = $"copy {plan.Copy}, replace {plan.Replace} and remove {plan.Remove} objects"
            + (plan.Conflicts + plan.Different == 0 ? "" : $"; {plan.Conflicts + plan.Different} that nodes have otherwise stay as they are")
            + (plan.NotPossible == 0 ? "" : $"; {plan.NotPossible} cannot be carried")
            + (plan.Unread.Count == 0 ? "" : $"; left out, because they cannot be read: {string.Join(", ", plan.Unread.Select(u => u.Node))}");
        return ShouldProcess(
            $"Synchronise cluster '{plan.Cluster}': {counts}.",
            $"Synchronise cluster '{plan.Cluster}'? This will {counts}.",
            "Sync-HsmCluster");
    }

    /// <summary>All results first: an error may be one that ends the command.</summary>
    private void Tell(SyncPlan plan, IReadOnlyList<NodeSyncResult> results)
    {
        WriteObject(results, enumerateCollection: true);
        foreach (NodeSyncResult result in results.Where(r => r.SafetyBackupPath is not null))
        {
            WriteVerbose($"What node '{result.Node}' held before is in '{result.SafetyBackupPath}', which the key in '{KeyPath}' opens.");
        }
        WriteVerbose(string.Create(CultureInfo.InvariantCulture,
            $"Copied {results.Sum(r => r.Copied)}, replaced {results.Sum(r => r.Replaced)} and removed {results.Sum(r => r.Removed)} objects, each key proven, in {results.Max(r => r.Elapsed).TotalSeconds:F2} s."));
        foreach (NodeSyncResult result in results)
        {
            Warn(result);
        }
        if (results.Any(r => r.Conflicts > 0))
        {
            WriteWarning("Where nodes have different objects of one name nothing was done. Find out which node is right, and name it with -Resolve.");
        }
        foreach (UnreadNode unread in plan.Unread.Where(u => results.All(r => r.Node != u.Node)))
        {
            Tell(unread);
        }
        foreach (NodeSyncResult result in results)
        {
            Report(result);
        }
    }

    private void Warn(NodeSyncResult result)
    {
        foreach (SyncOutcome step in result.Steps.Where(s => !s.Item.Changes))
        {
            WriteWarning(step.Item.ToString());
        }
        foreach (SyncOutcome step in result.Steps.Where(s => s is { Outcome: CheckOutcome.Passed, Detail: not null }))
        {
            WriteWarning($"{step.Item.Node}: {step.Item.Object}: {step.Detail}");
        }
        if (result.Uncompared > 0)
        {
            WriteWarning($"{result.Node}: {result.Uncompared} of its keys could not be compared with those of the others.");
        }
    }

    private void Report(NodeSyncResult result)
    {
        foreach (SyncOutcome step in result.Steps.Where(s => s.Outcome == CheckOutcome.Failed))
        {
            WriteError(Errors.From(new HsmBackupException(ErrorCode.SyncFailed, $"{step.Item}: {step.Detail}",
                "Run the command again; what is done already is passed over. See how the node is with Get-HsmClusterHealth.")
            { Target = step }));
        }
        if (result.State is SyncState.Failed or SyncState.Unknown)
        {
            int notRun = result.Steps.Count(s => s.Outcome == CheckOutcome.NotRun);
            Report(result.Node, result.Error, result.Reason + (notRun == 0 ? "" : $"; {notRun} steps were not done"));
        }
    }

    // A node that was not to be changed may have what the others lack, so it is told that nobody looked.
    private void Tell(UnreadNode unread)
    {
        if (Node.Length == 0 || Node.Any(n => n.Name.Equals(unread.Node, StringComparison.OrdinalIgnoreCase)))
        {
            Report(unread.Node, unread.Error, unread.Reason);
        }
        else
        {
            WriteWarning($"Node '{unread.Node}' could not be read, and what it alone has is not copied: {unread.Reason}");
        }
    }

    private void Report(string node, ErrorCode? error, string reason) => WriteError(Errors.From(new HsmBackupException(
        error ?? ErrorCode.NodeSilent, $"Node '{node}' of the cluster was not synchronised: {reason}",
        "See how it is with Get-HsmClusterHealth, put it right, and run the command again; what is done already is passed over.")
    { Target = node }));
}
