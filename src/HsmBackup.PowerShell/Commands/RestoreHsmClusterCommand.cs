using System.Management.Automation;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Protection;
using HsmBackup.PowerShell.Binding;
using TokenPin = HsmBackup.Engine.Protection.Pin;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Restore-HsmCluster: makes a token, or each node of a cluster, hold what a backup holds, no more and no less.</summary>
[Cmdlet(VerbsData.Restore, "HsmCluster",
    SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High, DefaultParameterSetName = PathSet)]
[OutputType(typeof(RestoreResult), typeof(RestorePlan))]
public sealed class RestoreHsmClusterCommand : RestoreCommand
{
    /// <summary>The backup.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet,
        ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        HelpMessage = "The backup file; a wildcard pattern must match one file only.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string? Path { get; set; }

    /// <summary>A backup that misses objects is accepted.</summary>
    [Parameter(HelpMessage = "Accept a Partial backup: the token then lacks what the backup does not hold.")]
    public SwitchParameter AllowPartial { get; set; }

    /// <summary>A token other than the one that was backed up is accepted.</summary>
    [Parameter(HelpMessage = "Accept a token with another label, or of another cluster, than the one that was backed up.")]
    public SwitchParameter AllowOtherToken { get; set; }

    /// <summary>Objects that no backup can bring back may be removed.</summary>
    [Parameter(HelpMessage = "Permit the removal of objects that even the safety backup could not bring back.")]
    public SwitchParameter RemoveUnrecoverable { get; set; }

    private protected override void ProcessInput()
    {
        string file = LiteralPath is null ? OneMatch(Path!) : Paths.Literal(LiteralPath);
        IReadOnlyList<TokenTarget> targets = RequireTargets();
        using OneTimeKey key = Keys.Require(file, KeyPath, Key, "-KeyPath or -Key");
        ForEachNode(targets, target => RestoreNode(file, key, target));
    }

    private void RestoreNode(string file, OneTimeKey key, TokenTarget target)
    {
        using TokenPin? pin = OpenPin(target);
        RestoreRequest request = new()
        {
            Path = file,
            Key = key,
            Token = target.Address,
            Pin = pin,
            Cluster = target.Cluster,
            AllowPartial = AllowPartial,
            AllowOtherToken = AllowOtherToken,
            RemoveUnrecoverable = RemoveUnrecoverable,
            StateFolder = Paths.LiteralOrNull(StatePath),
        };
        using RestoreOperation operation = WithProgress((progress, stop) => RestoreOperation.Prepare(request, progress, stop));
        if (Confirm(operation.Plan, target, out bool whatIf))
        {
            RestoreResult result = WithProgress(operation.Execute);
            Tell(result);
            WriteObject(result);
        }
        else if (whatIf)
        {
            WriteObject(operation.Plan);
        }
    }

    /// <summary>One question for the whole token, with the counts that it is about.</summary>
    private bool Confirm(RestorePlan plan, TokenTarget target, out bool whatIf)
    {
        string counts = $"add {plan.Add}, replace {plan.Replace}, remove {plan.Remove} and keep {plan.Keep} objects"
            + (plan.Unrestorable == 0 ? "" : $"; {plan.Unrestorable} objects of the Partial backup cannot be restored");
        bool confirmed = ShouldProcess(
            $"Restore backup {plan.BackupId} to {target}: {counts}.",
            $"Restore backup {plan.BackupId} to {target}? This will {counts}.",
            "Restore-HsmCluster",
            out ShouldProcessReason reason);
        whatIf = reason == ShouldProcessReason.WhatIf;
        return confirmed;
    }
}
