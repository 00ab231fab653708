using System.Management.Automation;
using HsmBackup.Engine;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Handover;
using HsmBackup.Engine.Monitoring.Status;
using HsmBackup.PowerShell.Binding;
using TokenPin = HsmBackup.Engine.Protection.Pin;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Get-HsmClusterHealth: how each node of a cluster is, and how the cluster is. Nothing is written, and it never hangs.</summary>
[Cmdlet(VerbsCommon.Get, "HsmClusterHealth")]
[OutputType(typeof(NodeHealth), typeof(bool))]
public sealed class GetHsmClusterHealthCommand : TokenCommand
{
    /// <summary>Keys are compared too.</summary>
    [Parameter(HelpMessage = "Compare keys by wrapping them again, not only attributes; the cluster must have a cluster key.")]
    public SwitchParameter Deep { get; set; }

    /// <summary>Nobody is logged in.</summary>
    [Parameter(HelpMessage = "Log in nowhere, and look at public objects only.")]
    public SwitchParameter NoLogin { get; set; }

    /// <summary>Folders with backups.</summary>
    [Parameter(HelpMessage = "Folders in which the newest backup is looked for; by default the stores of the cluster.")]
    [ValidateNotNullOrEmpty]
    public string[]? BackupPath { get; set; }

    /// <summary>The state folder of scheduled runs.</summary>
    [Parameter(HelpMessage = "State folder of the scheduled runs, in which one-time keys wait; by default state in HSMBACKUP_HOME, or the user's own.")]
    [ValidateNotNullOrEmpty]
    public string? StatePath { get; set; }

    /// <summary>Only whether all is well.</summary>
    [Parameter(HelpMessage = "Give true where the cluster is Online, else false, and nothing more.")]
    public SwitchParameter Quiet { get; set; }

    private protected override void ProcessInput()
    {
        if (Deep && NoLogin)
        {
            throw Errors.InvalidArgument("-Deep and -NoLogin exclude each other: keys cannot be compared without a login.", "Leave one of them out.");
        }
        ClusterDefinition cluster = ClusterOf(RequireTargets());
        if (Deep && cluster.ClusterKey is null)
        {
            throw new HsmBackupException(ErrorCode.ClusterKeyMissing, $"The cluster '{cluster.Name}' has no cluster key, under which keys could be compared.",
                "Make one by ceremony (New-HsmClusterKey), or leave -Deep out.")
            { Target = cluster.Name };
        }
        var request = new ClusterHealthRequest
        {
            Cluster = cluster,
            OpenPin = NoLogin ? null : PinOf,
            OnePinForAll = Pin is not null,
            Deep = Deep,
            Backups = FindBackups(cluster),
            WaitingKeys = FindWaitingKeys(cluster),
            Preparation = FindPreparation(cluster),
        };
        IReadOnlyList<NodeHealth> nodes = ClusterHealthOperation.Run(request, StopToken);
        if (Quiet)
        {
            WriteObject(nodes.All(n => n is { State: HealthState.Online, ClusterState: HealthState.Online }));
            return;
        }
        WriteObject(nodes, enumerateCollection: true);
    }

    // A lone token is a cluster of one; of a cluster in which a node was named, that node alone is looked at.
    private static ClusterDefinition ClusterOf(IReadOnlyList<TokenTarget> targets)
    {
        List<ClusterNode> nodes = [.. targets.Select(t => t.Node is { } node
            ? node with { Address = t.Address }
            : new ClusterNode { Name = t.Address.ToString(), Address = t.Address })];
        return targets[0].Definition is { } definition
            ? definition with { Nodes = nodes }
            : new ClusterDefinition { Id = "", Name = nodes[0].Name, Nodes = nodes };
    }

    private TokenPin PinOf(ClusterNode node) => Pins.Require(node, Pin,
        "Give it with -Pin, name a source in the definition, or look without logging in (-NoLogin).");

    private IReadOnlyList<BackupInfo> FindBackups(ClusterDefinition cluster)
    {
        using var stores = StoreSet.Of(BackupPath?.Select(Paths.Literal), cluster, Pins.Asker);
        return stores.Read(clusterId: null, cluster.RetentionPolicy.MaximumVerificationAge, WriteWarning, WriteError, StopToken).Backups;
    }

    private RecoveryPreparation? FindPreparation(ClusterDefinition cluster)
    {
        RecoveryPreparation? found = null;
        if (cluster.Id.Length > 0)
        {
            TryItem(cluster.Name, () => found = ClusterStatus.ReadPreparation(cluster, Paths.LiteralOrNull(StatePath)));
        }
        return found;
    }

    // Of a lone token nothing waits: it has no schedule. That keys cannot be looked for says nothing about the nodes.
    private IReadOnlyList<WaitingKey> FindWaitingKeys(ClusterDefinition cluster)
    {
        IReadOnlyList<WaitingKey> found = [];
        if (cluster.Id.Length > 0)
        {
            TryItem(cluster.Name, () => found = WaitingKeys.Of(cluster, Paths.LiteralOrNull(StatePath), null, TimeProvider.System).List());
        }
        return found;
    }
}
