using System.Management.Automation;
using System.Security;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Monitoring.Status;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>A cmdlet that looks at all there is to a cluster.</summary>
public abstract class StatusCommand : HsmCommand
{
    private protected const string SkipHealthHelp = "Leave the nodes alone, and say nothing of them.";
    private protected const string NoLoginHelp = "Log in nowhere, and look at public objects only.";
    private protected const string StatusPinHelp = "User PIN of the nodes, where they have the same; by default each from the source that the definition names.";
    private protected const string StatusClusterHelp = "Name or path of the cluster's definition, or the definition itself.";

    /// <summary>The cluster.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true, HelpMessage = StatusClusterHelp)]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>The nodes are left alone.</summary>
    [Parameter(HelpMessage = SkipHealthHelp)]
    public SwitchParameter SkipHealth { get; set; }

    /// <summary>Nobody is logged in.</summary>
    [Parameter(HelpMessage = NoLoginHelp)]
    public SwitchParameter NoLogin { get; set; }

    /// <summary>The PIN of all nodes.</summary>
    [Parameter(HelpMessage = StatusPinHelp)]
    [Secret]
    public SecureString? Pin { get; set; }

    /// <summary>The state folder.</summary>
    [Parameter(HelpMessage = "State folder of the scheduled runs, with their records, drills and alerts; by default state in HSMBACKUP_HOME, or the user's own.")]
    [ValidateNotNullOrEmpty]
    public string? StatePath { get; set; }

    private protected sealed override string? NamedState => StatePath;

    /// <summary>The state folder as a full path; null for the one that is found by itself.</summary>
    private protected string? State => Paths.LiteralOrNull(StatePath);

    /// <summary>Looks at the cluster; what could not be looked at is told.</summary>
    private protected ClusterStatus ReadStatus(ClusterDefinition cluster)
    {
        var status = ClusterStatus.Read(new ClusterStatusRequest
        {
            Cluster = cluster,
            OpenStore = store => BackupStores.Open(store, Pins.Asker),
            SkipHealth = SkipHealth,
            OpenPin = NoLogin ? null : node => Pins.Require(node, Pin,
                "Give it with -Pin, name a source in the definition, or look without logging in (-NoLogin)."),
            OnePinForAll = Pin is not null,
            StateFolder = State,
        }, StopToken);
        foreach ((StatusPart part, string? why) in status.Unknown.Where(u => u.Value is not null))
        {
            WriteWarning($"Not all is known of the {part.ToString().ToLowerInvariant()} of cluster '{cluster.Name}': {why}");
        }
        return status;
    }
}
