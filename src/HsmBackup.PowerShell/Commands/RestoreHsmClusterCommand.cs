using System.Management.Automation;
using System.Security;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Clusters.Restore;
using HsmBackup.Engine.Protection;
using HsmBackup.PowerShell.Binding;
using TokenPin = HsmBackup.Engine.Protection.Pin;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Restore-HsmCluster: makes a token, or each node of a cluster, hold what a backup holds, no more and no less.</summary>
[Cmdlet(VerbsData.Restore, "HsmCluster",
    SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High, DefaultParameterSetName = PathSet)]
[OutputType(typeof(RestoreResult), typeof(RestorePlan))]
public sealed partial class RestoreHsmClusterCommand : RestoreCommand
{
    /// <summary>The backup.</summary>
    [Parameter(Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        HelpMessage = "The backup file; a wildcard pattern must match one file only. The latest of the cluster where it is left out.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string? Path { get; set; }

    /// <summary>Folders in which the latest backup is looked for.</summary>
    [Parameter(ParameterSetName = PathSet,
        HelpMessage = "Folders in which the latest backup is looked for; by default the stores of the cluster.")]
    [ValidateNotNullOrEmpty]
    public string[]? BackupPath { get; set; }

    /// <summary>A backup that misses objects is accepted.</summary>
    [Parameter(HelpMessage = "Accept a Partial backup: the token then lacks what the backup does not hold.")]
    public SwitchParameter AllowPartial { get; set; }

    /// <summary>A token other than the one that was backed up is accepted.</summary>
    [Parameter(HelpMessage = "Accept a token with another label, or of another cluster, than the one that was backed up.")]
    public SwitchParameter AllowOtherToken { get; set; }

    /// <summary>Objects that no backup can bring back may be removed.</summary>
    [Parameter(HelpMessage = "Permit the removal of objects that even the safety backup could not bring back.")]
    public SwitchParameter RemoveUnrecoverable { get; set; }

    /// <summary>Blank tokens are initialised.</summary>
    [Parameter(HelpMessage = "Initialise tokens that are blank, and bring the cluster key into them from custodians' shares.")]
    public SwitchParameter InitializeToken { get; set; }

    /// <summary>PIN of the security officer of new tokens.</summary>
    [Parameter(HelpMessage = "PIN of the security officer, for tokens that are initialised. It is sent once to each.")]
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

    /// <summary>Where the definition of a cluster is written that was lost.</summary>
    [Parameter(HelpMessage = "The cluster's definition is lost: take it out of the backup, write it to this file, and restore with it.")]
    [ValidateNotNullOrEmpty]
    public string? DefinitionPath { get; set; }

    /// <summary>A folder for the configuration of other programs.</summary>
    [Parameter(HelpMessage = "Folder for configuration files with which p11-kit, OpenSSL and shells find the tokens.")]
    [ValidateNotNullOrEmpty]
    public string? ClientConfigurationPath { get; set; }

    private bool _pathIsNamed;
    private bool _clusterIsNamed;

    private bool IsForCluster => Cluster is not null || DefinitionPath is not null;

    private protected override bool NamesLibrary => base.NamesLibrary || DefinitionPath is not null;

    /// <summary>Remembers what the command line names; the rest comes down the pipeline.</summary>
    protected override void BeginProcessing()
    {
        _pathIsNamed = Path is not null;
        _clusterIsNamed = Cluster is not null;
    }

    private protected override void ProcessInput()
    {
        if (!_pathIsNamed && !_clusterIsNamed && Path == Cluster?.ToString())
        {
            // PowerShell makes a path too of a definition that comes down the pipeline: its name.
            Path = null;
        }
        CheckParameters();
        ClusterDefinition? known = DefinitionPath is null ? RequireTargets()[0].Definition : null;
        Audited(DefinitionPath is null ? string.Join(", ", RequireTargets()) : $"cluster of '{DefinitionPath}'", known, record => RestoreTo(known, record));
    }

    private void RestoreTo(ClusterDefinition? known, AuditedAction record)
    {
        using LatestBackup? latest = Path is null && LiteralPath is null ? FindLatest(known) : null;
        using LocalBackup? named = latest is null ? OpenBackup(Path, LiteralPath) : null;
        string file = latest?.Path ?? named!.Path;
        record.Note("path", latest?.Location ?? named!.Location);
        using OneTimeKey key = Keys.Require(latest?.Chosen.BackupId ?? file, KeyPath, Key, "-KeyPath or -Key");
        latest?.CheckKey(key);
        if (DefinitionPath is not null)
        {
            string written = Paths.Literal(DefinitionPath);
            known = WithProgress((_, stop) => DefinitionRecovery.Read(file, key, written, stop));
            Cluster = new ClusterReference(known);
            record.About(known.Id, known.Name);
        }
        IReadOnlyList<TokenTarget> targets = RequireTargets();
        IReadOnlyList<ClusterNode>? restored = IsForCluster || InitializeToken ? RestoreNodes(file, key, targets, record) : RestoreToken(file, key, targets[0], record);
        if (restored is not null && ClientConfigurationPath is not null)
        {
            WriteClientConfiguration(known?.Name ?? "token", restored);
        }
    }

    private void CheckParameters()
    {
        if (DefinitionPath is not null && (MyInvocation.BoundParameters.ContainsKey(nameof(Cluster)) || Library is not null))
        {
            throw Errors.InvalidArgument("-DefinitionPath excludes -Cluster and -Library: it is for a cluster whose definition is lost.",
                "Leave -DefinitionPath out where there is a definition.", DefinitionPath);
        }
        if (DefinitionPath is not null && !DefinitionPath.EndsWith(ClusterDefinition.FileExtension, StringComparison.OrdinalIgnoreCase))
        {
            throw Errors.InvalidArgument($"'{DefinitionPath}' is no name for a definition: it must end in {ClusterDefinition.FileExtension}.",
                "Name the file as definitions are named.", DefinitionPath);
        }
        if (!InitializeToken && (SoPin is not null || Share.Length > 0 || SharePath.Length > 0))
        {
            throw Errors.InvalidArgument("-SoPin, -Share and -SharePath are for tokens that are initialised, and -InitializeToken is not given.",
                "Give -InitializeToken too, or use Restore-HsmClusterKey for nodes that lack their cluster key only.");
        }
        if (Path is null && LiteralPath is null && !IsForCluster)
        {
            throw Errors.InvalidArgument("It is not said which backup is meant; only of a cluster the latest is found.", "Name the backup by -Path.");
        }
        if (BackupPath is not null && Path is not null)
        {
            throw Errors.InvalidArgument("-Path names the backup, so there is none to look for in -BackupPath.", "Give one of them.", Path);
        }
    }

    private LatestBackup FindLatest(ClusterDefinition? cluster)
    {
        using var stores = StoreSet.Of(BackupPath?.Select(Paths.Literal), cluster, Pins.Asker);
        if (stores.All.Count == 0)
        {
            throw Errors.InvalidArgument("It is not known where the backups are"
                + (cluster is null ? "." : $": the definition of cluster '{cluster.Name}' names no stores."),
                "Name the backup by -Path, or the folders by -BackupPath.", cluster?.Name);
        }
        var latest = LatestBackup.Find(stores.All, cluster?.Id, AllowPartial, Paths.LiteralOrNull(StatePath), StopToken);
        foreach (SkippedBackup skipped in latest.Skipped)
        {
            WriteWarning($"'{skipped.Path}' is passed over, and may be newer than what is restored: {skipped.Reason}");
        }
        WriteVerbose($"The latest backup that can be restored is {latest.Chosen.BackupId}, in '{latest.Location}'.");
        return latest;
    }

    /// <returns>The token as a node; null where nothing was done.</returns>
    private ClusterNode[]? RestoreToken(string file, OneTimeKey key, TokenTarget target, AuditedAction record)
    {
        using TokenPin? pin = OpenPin(target);
        RestoreRequest request = new()
        {
            Path = file,
            Key = key,
            Token = target.Address,
            Pin = pin,
            AllowPartial = AllowPartial,
            AllowOtherToken = AllowOtherToken,
            RemoveUnrecoverable = RemoveUnrecoverable,
            StateFolder = Paths.LiteralOrNull(StatePath),
        };
        using RestoreOperation operation = WithProgress((progress, stop) => RestoreOperation.Prepare(request, progress, stop));
        record.Note("backup", operation.Plan.BackupId);
        if (Confirm(operation.Plan, target.ToString(), "", out bool whatIf))
        {
            RestoreResult result = WithProgress(operation.Execute);
            Tell(result);
            WriteObject(result);
            return [NodeOf(target)];
        }
        if (whatIf)
        {
            WriteObject(operation.Plan);
        }
        else
        {
            record.Decline();
        }
        return null;
    }

    /// <summary>One question for the whole token, with the counts that it is about.</summary>
    private bool Confirm(RestorePlan plan, string target, string first, out bool whatIf)
    {
        string counts = $"add {plan.Add}, replace {plan.Replace}, remove {plan.Remove} and keep {plan.Keep} objects"
            + (plan.Unrestorable == 0 ? "" : $"; {plan.Unrestorable} objects of the Partial backup cannot be restored");
        bool confirmed = ShouldProcess(
            $"{first}Restore backup {plan.BackupId} to {target}: {counts}.",
            $"{first}Restore backup {plan.BackupId} to {target}? This will {counts}.",
            "Restore-HsmCluster",
            out ShouldProcessReason reason);
        whatIf = reason == ShouldProcessReason.WhatIf;
        return confirmed;
    }

    private void WriteClientConfiguration(string name, IReadOnlyList<ClusterNode> nodes)
    {
        foreach (string written in ClientConfiguration.Write(name, nodes, Paths.Literal(ClientConfigurationPath!)))
        {
            WriteVerbose($"Wrote '{written}'.");
        }
    }

    // A lone token is a node of its own.
    private static ClusterNode NodeOf(TokenTarget target) => target.Node is { } node
        ? node with { Address = target.Address }
        : new ClusterNode { Name = target.Address.ToString(), Address = target.Address };
}
