using System.Management.Automation;
using System.Security;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Drills;
using HsmBackup.PowerShell.Binding;
using HsmBackup.PowerShell.Output;
using TokenPin = HsmBackup.Engine.Protection.Pin;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Invoke-HsmDrill: rehearses the recovery of a cluster on tokens that are none of its own, and leaves a signed report.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "HsmDrill", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(Drill))]
public sealed partial class InvokeHsmDrillCommand : DrillCommand
{
    /// <summary>What is rehearsed.</summary>
    [Parameter(Mandatory = true, Position = 1,
        HelpMessage = "What is rehearsed: ClusterLoss, NodeLoss, KeyLoss, BackupVerification or StoreLoss.")]
    public DrillScenario Scenario { get; set; }

    /// <summary>Key files, and folders of them.</summary>
    [Parameter(HelpMessage = "Files that hold one-time keys of backups, or folders of such files; the one that fits the backup is taken.")]
    [ValidateNotNullOrEmpty]
    public string[] KeyPath { get; set; } = [];

    /// <summary>The one-time key.</summary>
    [Parameter(HelpMessage = "The one-time key of the backup.")]
    [Alias("OneTimeKey")]
    [Secret]
    public SecureString? Key { get; set; }

    /// <summary>Custodians' shares.</summary>
    [Parameter(HelpMessage = ShareHelp)]
    [ValidateNotNullOrEmpty]
    [Secrets]
    public SecureString[] Share { get; set; } = [];

    /// <summary>Files of shares.</summary>
    [Parameter(HelpMessage = SharePathHelp)]
    [ValidateNotNullOrEmpty]
    public string[] SharePath { get; set; } = [];

    /// <summary>PIN of the security officer of the drill cluster's tokens.</summary>
    [Parameter(HelpMessage = "PIN of the security officer, for tokens of the drill cluster that were never initialised.")]
    [Secret]
    public SecureString? SoPin { get; set; }

    /// <summary>PIN of the drill cluster's nodes.</summary>
    [Parameter(HelpMessage = "User PIN of the drill cluster's nodes, where it is one for all; otherwise its definition says where each comes from.")]
    [Secret]
    public SecureString? DrillPin { get; set; }

    /// <summary>PIN of the cluster's nodes.</summary>
    [Parameter(HelpMessage = "User PIN of the cluster's own nodes, one of which signs the report; otherwise the definition says where each comes from.")]
    [Secret]
    public SecureString? Pin { get; set; }

    /// <summary>Who runs it.</summary>
    [Parameter(HelpMessage = "Name of who runs the drill, for the report.")]
    [ValidateNotNullOrEmpty]
    public string? Operator { get; set; }

    /// <summary>Who watches.</summary>
    [Parameter(HelpMessage = "Name of who watches the drill, for the report.")]
    [ValidateNotNullOrEmpty]
    public string? Witness { get; set; }

    /// <summary>For the record.</summary>
    [Parameter(HelpMessage = "Why the drill is run, or anything else for the report.")]
    [ValidateNotNullOrEmpty]
    public string? Notes { get; set; }

    /// <summary>What was otherwise than planned.</summary>
    [Parameter(HelpMessage = "What was otherwise than planned, for the report; the drill adds what it sees itself.")]
    [ValidateNotNullOrEmpty]
    public string[] Deviation { get; set; } = [];

    /// <summary>What is to be done.</summary>
    [Parameter(HelpMessage = "What is to be done after the drill, for the report; the drill adds what follows from its failures.")]
    [ValidateNotNullOrEmpty]
    public string[] FollowUp { get; set; } = [];

    /// <summary>The seed of random choices.</summary>
    [Parameter(HelpMessage = "Seed of random choices: the same seed chooses the same backups or keys again.")]
    public long? Seed { get; set; }

    /// <summary>How many backups are verified.</summary>
    [Parameter(HelpMessage = "How many backups a BackupVerification restores; by default as many as the definition says.")]
    [ValidateRange(1, 10_000)]
    public int? SampleSize { get; set; }

    /// <summary>Labels of the keys that are lost.</summary>
    [Parameter(HelpMessage = "Labels of the keys that are lost in a KeyLoss drill; wildcards are permitted. A few by chance where neither -Label nor -Id is given.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Label { get; set; } = [];

    /// <summary>Ids of the keys that are lost.</summary>
    [Parameter(HelpMessage = "CKA_ID in hexadecimal of the keys that are lost in a KeyLoss drill; wildcards are permitted.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Id { get; set; } = [];

    /// <summary>The store that is lost.</summary>
    [Parameter(HelpMessage = "Name of the store that is lost in a StoreLoss drill; by default the first of the definition.")]
    [ValidateNotNullOrEmpty]
    public string? Store { get; set; }

    /// <summary>A folder for a copy of the report.</summary>
    [Parameter(HelpMessage = "Folder that gets a copy of the report's files, in a folder named after the drill.")]
    [ValidateNotNullOrEmpty]
    public string? ReportPath { get; set; }

    /// <summary>A backup that misses objects is accepted.</summary>
    [Parameter(HelpMessage = "Take a Partial backup too. What it misses counts as not recovered, unless the definition acknowledges it.")]
    public SwitchParameter AllowPartial { get; set; }

    /// <summary>Keys that cannot be used on the targets are accepted.</summary>
    [Parameter(HelpMessage = "Let the drill pass though keys that were proven could not be used on the targets, for a reason that the report names.")]
    public SwitchParameter AllowUnused { get; set; }

    private protected override void ProcessInput()
    {
        ClusterDefinition cluster = Cluster!.Find(Paths);
        ClusterDefinition? ground = FindGround(cluster);
        string target = $"drill {Scenario} of cluster '{cluster.Name}' on {(ground is null ? "throw-away software tokens" : $"drill cluster '{ground.Name}'")}";
        if (ShouldProcess(target, "Rehearse the recovery"))
        {
            Audited($"drill {Scenario} of cluster '{cluster.Name}'", cluster, action => Run(cluster, ground, action));
        }
    }

    private void Run(ClusterDefinition cluster, ClusterDefinition? ground, AuditedAction action)
    {
        using var keys = new KeyRing(Host, Paths, KeyPath, Key);
        using TokenPin? soPin = SoPin is null ? null : TokenPin.FromSecureString(SoPin);
        var request = new DrillRequest
        {
            Cluster = cluster,
            DrillCluster = ground,
            Scenario = Scenario,
            OpenStore = store => BackupStores.Open(store, Pins.Asker),
            OpenKey = keys.Of,
            OpenShares = info => new CustodianShares(Host, Paths, WriteVerbose, StopToken).Collect(info, Share, SharePath),
            OpenDrillPin = node => Pins.Require(node, DrillPin,
                "Give it with -DrillPin, or name a source in the definition of the drill cluster.",
                $"node '{node.Name}' of drill cluster '{ground!.Name}'"),
            SoPin = soPin,
            Operator = Operator,
            Witness = Witness,
            Notes = Notes,
            Deviations = Deviation,
            FollowUps = FollowUp,
            Seed = Seed,
            SampleSize = SampleSize,
            Selection = new KeySelection { Labels = [.. Label.Select(NamePatterns.Label)], Ids = [.. Id.Select(NamePatterns.Id)] },
            LostStore = Store,
            AllowPartial = AllowPartial,
            AllowUnused = AllowUnused,
            StateFolder = State,
        };
        DrillReport report = WithProgress((progress, stop) => DrillOperation.Run(request, progress, stop));
        DrillRecord record = Publish(cluster, report);
        Tell(new Drill(record), action);
    }

    /// <summary>
    /// The cluster whose tokens are recovered to: beside the definition that names it, if not where definitions are found.
    /// </summary>
    private ClusterDefinition? FindGround(ClusterDefinition cluster)
    {
        if (cluster.Drill?.Cluster is not { } name)
        {
            return null;
        }
        string folder = Path.GetDirectoryName(cluster.DefinitionPath) ?? Paths.Current;
        return DefinitionSearch.IsPath(name) ? ClusterDefinition.Load(Path.GetFullPath(name, folder))
            : ClusterDefinition.Find(name, folder);
    }
}
