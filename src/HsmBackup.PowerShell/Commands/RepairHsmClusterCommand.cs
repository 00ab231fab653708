using System.Globalization;
using System.Management.Automation;
using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Repair;
using HsmBackup.Engine.Clusters.Sync;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tokens;
using HsmBackup.PowerShell.Binding;
using TokenPin = HsmBackup.Engine.Protection.Pin;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Repair-HsmCluster: replaces a node of a cluster that has failed.</summary>
[Cmdlet(VerbsDiagnostic.Repair, "HsmCluster",
    SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High, DefaultParameterSetName = PathSet)]
[OutputType(typeof(RepairResult), typeof(RepairPlan))]
public sealed class RepairHsmClusterCommand : HsmCommand
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    /// <summary>The cluster.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, HelpMessage = "Name or path of a cluster definition, or the definition itself.")]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>The node that failed.</summary>
    [Parameter(Mandatory = true, Position = 1, HelpMessage = "Name of the node that failed.")]
    [Node]
    [ArgumentCompleter(typeof(NodeNameCompleter))]
    public NodeReference? Node { get; set; }

    /// <summary>What takes its place.</summary>
    [Parameter(HelpMessage = "What takes the node's place, where its definition does not fit the new token: a hashtable or object with the members that differ.")]
    [Node(Describes = true)]
    public NodeReference? Replacement { get; set; }

    /// <summary>PIN of the nodes.</summary>
    [Parameter(HelpMessage = "User PIN of the nodes, where it is one for all; the new token gets it. Otherwise the definition says where each comes from.")]
    [Secret]
    public SecureString? Pin { get; set; }

    /// <summary>PIN of the security officer of the new token.</summary>
    [Parameter(HelpMessage = "PIN of the security officer, where the token is initialised. It is sent once.")]
    [Secret]
    public SecureString? SoPin { get; set; }

    /// <summary>Custodians' shares.</summary>
    [Parameter(HelpMessage = ShareHelp)]
    [ValidateNotNullOrEmpty]
    [Secrets]
    public SecureString[] Share { get; set; } = [];

    /// <summary>Files of shares.</summary>
    [Parameter(HelpMessage = SharePathHelp)]
    [ValidateNotNullOrEmpty]
    public string[] SharePath { get; set; } = [];

    /// <summary>The backup.</summary>
    [Parameter(ParameterSetName = PathSet,
        HelpMessage = "The backup file that the node is filled from; a wildcard pattern must match one file only. Its peers where it is left out.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string? Path { get; set; }

    /// <summary>The backup, by a path taken as it is.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, HelpMessage = "The backup file that the node is filled from, taken as it is written.")]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string? LiteralPath { get; set; }

    /// <summary>The file that holds the one-time key.</summary>
    [Parameter(HelpMessage = "File that holds the one-time key of the backup.")]
    [ValidateNotNullOrEmpty]
    public string? KeyPath { get; set; }

    /// <summary>The one-time key.</summary>
    [Parameter(HelpMessage = "The one-time key of the backup; -KeyPath goes before it.")]
    [Alias("OneTimeKey")]
    [Secret]
    public SecureString? Key { get; set; }

    /// <summary>A backup that misses objects is accepted.</summary>
    [Parameter(HelpMessage = "Accept a Partial backup: the node then lacks what the backup does not hold.")]
    public SwitchParameter AllowPartial { get; set; }

    /// <summary>The folder of the locks, the journal and the safety backup.</summary>
    [Parameter(HelpMessage = "Folder for locks, journals and safety backups; by default state in HSMBACKUP_HOME, or the user's own.")]
    [ValidateNotNullOrEmpty]
    public string? StatePath { get; set; }

    private protected override string? NamedState => StatePath;

    private bool IsFromBackup => Path is not null || LiteralPath is not null;

    private protected override void ProcessInput()
    {
        if (!IsFromBackup && (KeyPath is not null || Key is not null || AllowPartial))
        {
            throw Errors.InvalidArgument("-KeyPath, -Key and -AllowPartial are about a backup, and none is named: the node is filled from its peers.",
                "Name the backup with -Path, or leave them out.");
        }
        ClusterDefinition cluster = Cluster!.Find(Paths);
        ClusterNode failed = cluster.Node(Node!.Name);
        Audited(NameOf(failed.Name, cluster), cluster, record => Repair(cluster, failed, record));
    }

    private void Repair(ClusterDefinition cluster, ClusterNode failed, AuditedAction record)
    {
        using LocalBackup? backup = OpenBackup(cluster);
        string? file = backup?.Path;
        using OneTimeKey? key = file is null ? null : Keys.Require(file, KeyPath, Key, "-KeyPath or -Key");
        var request = new RepairRequest
        {
            Cluster = cluster,
            Node = failed.Name,
            Replacement = Replacement is null ? null : NodeDescription.Replace(failed, Replacement.Description!, Paths),
            OpenPin = node => Pins.Require(node, Pin, "Give it with -Pin, or name a source in the definition.", NameOf(node.Name, cluster)),
            OnePinForAll = Pin is not null,
            BackupPath = file,
            BackupKey = key,
            AllowPartial = AllowPartial,
            StateFolder = Paths.LiteralOrNull(StatePath),
        };
        using ClusterRepairOperation operation = WithProgress((progress, stop) => ClusterRepairOperation.Prepare(request, progress, stop));
        record.Note("backup", operation.Plan.BackupId);
        foreach (UnreadNode unread in operation.Plan.Unread)
        {
            WriteWarning($"Node '{unread.Node}' could not be looked into, and what it alone has is not copied: {unread.Reason}");
        }
        if (Confirm(operation))
        {
            Repair(operation, cluster);
        }
        else if (IsWhatIf)
        {
            WriteObject(operation.Plan);
        }
        else
        {
            record.Decline();
        }
    }

    /// <summary>The backup that is named, by its path or by its address in a store of the cluster; null where none is.</summary>
    private LocalBackup? OpenBackup(ClusterDefinition cluster) => (LiteralPath ?? Path) is not { } named ? null
        : StoreSet.IsAddress(named) ? StoreSet.Fetch(named, cluster, Pins.Asker, StopToken)
        : LocalBackup.Of(LiteralPath is null ? OneMatch(named) : Paths.Literal(named));

    private static string NameOf(string node, ClusterDefinition cluster) => $"node '{node}' of cluster '{cluster.Name}'";

    /// <summary>One question, with the token and the numbers that it is about.</summary>
    private bool Confirm(ClusterRepairOperation operation)
    {
        RepairPlan plan = operation.Plan;
        List<string> steps = [];
        if (plan.Initialization != InitializationStep.None)
        {
            steps.Add(plan.Initialization == InitializationStep.Whole
                ? $"initialise the blank token in slot {plan.Slot} as '{plan.Token}'"
                : $"set the user PIN of token '{plan.Token}' in slot {plan.Slot}, whose initialisation was cut off");
        }
        if (plan.Joins)
        {
            steps.Add($"bring in cluster key {operation.ClusterKey!.Check} from {operation.ClusterKey.Threshold} shares");
        }
        steps.Add(plan.Restore is { } restore
            ? $"restore {plan.Source} to it, {plan.Objects} objects: add {restore.Add}, replace {restore.Replace}, remove {restore.Remove} and keep {restore.Keep}"
                + (restore.Unrestorable == 0 ? "" : $"; {restore.Unrestorable} of the Partial backup cannot be restored")
            : $"fill it from {plan.Source}, {plan.Objects} objects");
        string work = $"{string.Join("; ", steps)}; prove every key";
        string node = $"node '{plan.Node}' of cluster '{plan.Cluster}'";
        return ShouldProcess($"Repair {node}: {work}.", $"Repair {node}? This will {work}.", "Repair-HsmCluster");
    }

    private void Repair(ClusterRepairOperation operation, ClusterDefinition cluster)
    {
        RepairPlan plan = operation.Plan;
        using TokenPin? soPin = plan.Initialization == InitializationStep.None ? null : Pins.RequireOfficer(SoPin, [NameOf(plan.Node, cluster)]);
        using ShareCombiner? shares = operation.ClusterKey is { } key ? new CustodianShares(Host, Paths, WriteVerbose, StopToken).Collect(key, Share, SharePath) : null;
        Tell(WithProgress((progress, stop) => operation.Execute(soPin, shares, progress, stop)), cluster);
    }

    /// <summary>The result first: an error may be one that ends the command.</summary>
    private void Tell(RepairResult result, ClusterDefinition before)
    {
        WriteObject(result);
        foreach (RepairStep step in result.Steps)
        {
            WriteVerbose(string.Create(CultureInfo.InvariantCulture, $"{step}, {step.Elapsed.TotalSeconds:F2} s"));
        }
        TokenAddress now = result.Definition.Node(result.Node).Address;
        if (now != before.Node(result.Node).Address && result.Steps.All(s => s is not { Name: "Definition", Outcome: CheckOutcome.Passed }))
        {
            WriteWarning($"The token of node '{result.Node}' is now '{now.TokenLabel}'{(now.TokenSerial is null ? "" : $" with serial number {now.TokenSerial}")}"
                + $" of '{now.Library.Path}', and the definition was not brought up to date.");
        }
        if (result.State != RepairState.Repaired)
        {
            string state = result.State == RepairState.Failed ? "was not repaired" : "is a member again, and not as it should be";
            WriteError(Errors.From(new HsmBackupException(result.Error ?? ErrorCode.RepairFailed, $"Node '{result.Node}' of cluster '{result.Cluster}' {state}: {result.Reason}",
                result.Error is ErrorCode.PinIncorrect or ErrorCode.PinLocked
                    ? "Find the right PIN before the next try: tokens lock after a few wrong ones. Then run the same command again; what is done already is passed over."
                    : "Put it right, and run the same command again: what is done already is passed over. Get-HsmClusterHealth -Deep shows how the node is; "
                        + "Sync-HsmCluster settles what nodes have otherwise.")
            { Target = result.Node }));
        }
    }
}
