using System.Management.Automation;
using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Restore-HsmClusterKey: brings the cluster key into nodes that lack it, from its custodians' shares.</summary>
[Cmdlet(VerbsData.Restore, "HsmClusterKey", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(NodeOutcome))]
public sealed class RestoreHsmClusterKeyCommand : ClusterKeyCommand
{
    /// <summary>The cluster.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, HelpMessage = ClusterHelp)]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>The nodes.</summary>
    [Parameter(HelpMessage = "Names of the nodes that get the key; all nodes where it is left out.")]
    [Node(TakesSeveral = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(NodeNameCompleter))]
    public NodeReference[] Node { get; set; } = [];

    /// <summary>The shares.</summary>
    [Parameter(HelpMessage = ShareHelp)]
    [ValidateNotNullOrEmpty]
    [Secrets]
    public SecureString[] Share { get; set; } = [];

    /// <summary>Files of shares.</summary>
    [Parameter(HelpMessage = SharePathHelp)]
    [ValidateNotNullOrEmpty]
    public string[] SharePath { get; set; } = [];

    /// <summary>PIN of the nodes.</summary>
    [Parameter(HelpMessage = PinHelp)]
    [Secret]
    public SecureString? Pin { get; set; }

    /// <summary>Another cluster key in a node is replaced.</summary>
    [Parameter(HelpMessage = "Replace another cluster key that a node holds.")]
    public SwitchParameter Force { get; set; }

    private protected override void ProcessInput()
    {
        ClusterDefinition cluster = Cluster!.Find(Paths);
        ClusterKeyInfo key = RequireKey(cluster);
        List<ClusterNode> nodes = [.. Node.Length == 0 ? cluster.Nodes : Node.Select(n => cluster.Node(n.Name)).Distinct()];
        nodes = nodes.FindAll(n => ShouldProcess($"node '{n.Name}' of cluster '{cluster.Name}'", $"Bring in cluster key {key.Check}"));
        if (nodes.Count == 0)
        {
            return;
        }
        Audited(string.Join(", ", nodes.Select(n => $"node '{n.Name}'")), cluster, record =>
        {
            record.Note("clusterKey", key.Check);
            BringIn(key, nodes);
        });
    }

    private void BringIn(ClusterKeyInfo key, List<ClusterNode> nodes)
    {
        using ShareCombiner custodians = CollectShares(key, Share, SharePath);
        IReadOnlyList<NodeAccess> access = OpenNodes(nodes, Pin);
        foreach (NodeOutcome outcome in WithProgress((progress, stop) => ClusterKeyRecovery.Join(custodians, key.Check, access, Force, progress, stop)))
        {
            WriteObject(outcome);
            if (outcome.State == NodeState.Failed)
            {
                WriteError(Errors.From(new HsmBackupException(ErrorCode.CeremonyFailed, $"Node '{outcome.Node}' did not get the cluster key: {outcome.Detail}",
                    "Put the node right and run the command again; nodes that have the key are passed over.")
                { Target = outcome.Node }));
            }
        }
    }
}
