using System.Runtime.ExceptionServices;
using HsmBackup.Engine;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Restore;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tokens;
using HsmBackup.PowerShell.Binding;
using TokenPin = HsmBackup.Engine.Protection.Pin;

namespace HsmBackup.PowerShell.Commands;

/// <content>All nodes of a cluster at a time.</content>
public sealed partial class RestoreHsmClusterCommand
{
    /// <returns>The nodes as they are now; null where nothing was done.</returns>
    private IReadOnlyList<ClusterNode>? RestoreNodes(string file, OneTimeKey key, IReadOnlyList<TokenTarget> targets, AuditedAction record)
    {
        ClusterDefinition? cluster = targets[0].Definition;
        var request = new ClusterRestoreRequest
        {
            Cluster = cluster,
            Nodes = [.. targets.Select(NodeOf)],
            Path = file,
            Key = key,
            OpenPin = node => PinOfNode(node, cluster),
            OnePinForAll = Pin is not null,
            InitializeBlank = InitializeToken,
            AllowPartial = AllowPartial,
            AllowOtherToken = AllowOtherToken,
            RemoveUnrecoverable = RemoveUnrecoverable,
            StateFolder = Paths.LiteralOrNull(StatePath),
        };
        using ClusterRestoreOperation operation = WithProgress((progress, stop) => ClusterRestoreOperation.Prepare(request, progress, stop));
        record.Note("backup", operation.BackupId);
        List<NodeRestorePlan> agreed = Agree(operation, cluster, record);
        if (agreed.Count == 0)
        {
            record.Decline();
            return null;
        }
        List<NodeRestorePlan> blank = agreed.FindAll(p => p.Initialization != InitializationStep.None);
        using TokenPin? soPin = blank.Count == 0 ? null : Pins.RequireOfficer(SoPin, blank.Select(p => NameOf(p.Node, cluster)));
        using ShareCombiner? shares = TakeShares(operation, agreed);
        cluster = WriteLostDefinition(cluster, shares);
        IReadOnlyList<NodeRestoreOutcome> outcomes = WithProgress((progress, stop) =>
            operation.Execute([.. agreed.Select(p => p.Node)], soPin, shares, progress, stop));
        // Whatever became of the restore: a token that has a new serial number must be found again.
        if (operation.Cluster is { } now && !ReferenceEquals(now, request.Cluster))
        {
            SaveDefinition(cluster!, now.Nodes);
        }
        foreach (NodeRestoreOutcome outcome in outcomes)
        {
            Tell(outcome, single: targets.Count == 1, joins: agreed.Exists(p => p.Node == outcome.Node && p.Joins));
        }
        return outcomes.Any(o => o.Result is not null) ? operation.Nodes : null;
    }

    /// <summary>Every plan is shown, and asked about, before anything is done to any node.</summary>
    private List<NodeRestorePlan> Agree(ClusterRestoreOperation operation, ClusterDefinition? cluster, AuditedAction record)
    {
        var agreed = new List<NodeRestorePlan>();
        foreach (NodeRestorePlan node in operation.Plans)
        {
            if (node.Error is not null)
            {
                Report(node.Node, node.Error, single: operation.Plans.Count == 1);
                continue;
            }
            if (Confirm(node.Plan!, NameOf(node.Node, cluster), FirstSteps(node, operation), out bool whatIf))
            {
                agreed.Add(node);
            }
            else if (whatIf)
            {
                WriteObject(node.Plan);
            }
            else
            {
                record.Decline(node.Node);
            }
        }
        return agreed;
    }

    private static string FirstSteps(NodeRestorePlan node, ClusterRestoreOperation operation)
    {
        string initialise = node.Initialization switch
        {
            InitializationStep.Whole => $"Initialise the blank token in slot {node.Slot} as '{node.Plan!.TokenLabel}'. ",
            InitializationStep.UserPin => $"Set the user PIN of token '{node.Plan!.TokenLabel}', whose initialisation was cut off. ",
            _ => "",
        };
        return initialise + (node.Joins ? $"Bring in cluster key {operation.ClusterKey!.Check}. " : "");
    }

    private static string NameOf(string node, ClusterDefinition? cluster) => cluster is null ? $"token '{node}'" : $"node '{node}' of cluster '{cluster}'";

    private TokenPin PinOfNode(ClusterNode node, ClusterDefinition? cluster)
    {
        CheckNotRefused(node.Name);
        return Pins.Require(node, Pin, "Give it with -Pin, name a source in the definition, or run the command where somebody can type it.", NameOf(node.Name, cluster));
    }

    private ShareCombiner? TakeShares(ClusterRestoreOperation operation, List<NodeRestorePlan> agreed)
    {
        if (!agreed.Exists(p => p.Joins) || (!operation.IsBound && Share.Length + SharePath.Length == 0))
        {
            return null;
        }
        ShareCombiner shares = new CustodianShares(Host, Paths, WriteVerbose, StopToken) { TakesAnySet = DefinitionPath is not null }
            .Collect(operation.ClusterKey!, Share, SharePath);
        try
        {
            operation.CheckShares(shares);
            return shares;
        }
        catch
        {
            shares.Dispose();
            throw;
        }
    }

    /// <summary>The definition that was taken out of the backup, on disk before anything depends on it.</summary>
    private ClusterDefinition? WriteLostDefinition(ClusterDefinition? cluster, ShareCombiner? shares)
    {
        if (DefinitionPath is null || cluster!.DefinitionPath is not null)
        {
            return cluster;
        }
        if (shares?.SetId is { } set && cluster.ClusterKey is { } key && set != key.ShareSetId)
        {
            cluster = cluster with { ClusterKey = key with { ShareSetId = set, RetiredShareSets = [.. key.RetiredShareSets, key.ShareSetId] } };
            WriteWarning("The cluster key was split anew after the backup was made. The definition names the set of the shares that were given; "
                + "how many shares there are it has from before. New-HsmClusterKey -Resplit puts that right.");
        }
        return cluster.Save(Paths.Literal(DefinitionPath));
    }

    private void SaveDefinition(ClusterDefinition cluster, IReadOnlyList<ClusterNode> nodes)
    {
        string serials = string.Join(", ", nodes.Where(n => n.Address.TokenSerial is not null).Select(n => $"{n.Name}: {n.Address.TokenSerial}"));
        if (cluster.DefinitionPath is null)
        {
            WriteWarning($"Tokens have new serial numbers, and the definition is in no file in which they could be written down: {serials}.");
            return;
        }
        if (TryItem(cluster.DefinitionPath, () => (cluster with { Nodes = nodes }).Save(cluster.DefinitionPath)))
        {
            WriteVerbose($"The new serial numbers are in '{cluster.DefinitionPath}': {serials}.");
        }
        else
        {
            WriteWarning($"Write the new serial numbers into '{cluster.DefinitionPath}': {serials}.");
        }
    }

    private void Tell(NodeRestoreOutcome outcome, bool single, bool joins)
    {
        if (outcome.Initialized != InitializationStep.None)
        {
            WriteVerbose($"The token of node '{outcome.Node}' was initialised.");
        }
        if (outcome.Result is { } result)
        {
            if (joins && outcome is { Joined: false, Initialized: not InitializationStep.None })
            {
                WriteWarning($"Node '{outcome.Node}' has no cluster key yet: no shares were given. Restore-HsmClusterKey brings it in.");
            }
            Tell(result);
            WriteObject(result);
            return;
        }
        if (outcome.Initialized != InitializationStep.None)
        {
            WriteWarning($"The token of node '{outcome.Node}' was initialised, and the restore failed then. The same command goes on from there.");
        }
        Report(outcome.Node, outcome.Error!, single);
    }

    private void Report(string node, Exception error, bool single)
    {
        if (error is HsmBackupException { Code: ErrorCode.PinIncorrect or ErrorCode.PinLocked })
        {
            Refuse(node);
        }
        if (single)
        {
            ExceptionDispatchInfo.Throw(error);
        }
        // What ends the command where one PIN is wrong for all nodes was thrown by the engine already.
        TryItem(node, () => ExceptionDispatchInfo.Throw(error), lockoutEnds: false);
    }
}
