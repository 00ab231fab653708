using System.Management.Automation;
using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Protection;
using HsmBackup.PowerShell.Binding;
using TokenPin = HsmBackup.Engine.Protection.Pin;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Restore-HsmKey: brings chosen objects out of a backup into a live token, and leaves the rest of it alone.</summary>
[Cmdlet(VerbsData.Restore, "HsmKey",
    SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High, DefaultParameterSetName = PathSet)]
[OutputType(typeof(KeyRestoreResult), typeof(KeyRestorePlan), typeof(ObjectSummary))]
public sealed class RestoreHsmKeyCommand : RestoreCommand
{
    private readonly List<ObjectSummary> _objects = [];
    private string? _file;
    private SecureString? _key;

    /// <summary>The backup.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipelineByPropertyName = true,
        HelpMessage = "The backup file; a wildcard pattern must match one file only.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string? Path { get; set; }

    /// <summary>Labels of the objects wanted.</summary>
    [Parameter(Position = 1, HelpMessage = "Labels of the objects wanted; wildcards are permitted.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Label { get; set; }

    /// <summary>Ids of the objects wanted.</summary>
    [Parameter(HelpMessage = "Ids (CKA_ID) of the objects wanted, in hexadecimal digits; * and ? are permitted.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Id { get; set; }

    /// <summary>Classes of the objects wanted.</summary>
    [Parameter(HelpMessage = "Classes of the objects wanted, such as PrivateKey or CKO_SECRET_KEY; wildcards are permitted.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ObjectClassCompleter))]
    public string[]? ObjectClass { get; set; }

    /// <summary>Objects wanted one by one.</summary>
    [Parameter(ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        HelpMessage = "Objects wanted, as -WhatIf, Compare-HsmBackup and the verdicts of New-HsmBackup show them.")]
    [Alias("Object")]
    [ValidateNotNullOrEmpty]
    public ObjectSummary[]? InputObject { get; set; }

    /// <summary>Only what was asked for.</summary>
    [Parameter(HelpMessage = "Leave out what belongs to the objects wanted: public keys, certificates and their issuers.")]
    public SwitchParameter NoCompanion { get; set; }

    /// <summary>What is in the place of an object may go.</summary>
    [Parameter(HelpMessage = "Let what has the id or label of a restored object go; a safety backup of the token is made first.")]
    public SwitchParameter Replace { get; set; }

    /// <summary>Another id is another place, whatever the label.</summary>
    [Parameter(HelpMessage = "Restore an object although another one with its label and another id is there.")]
    public SwitchParameter AllowDuplicateLabel { get; set; }

    /// <summary>Objects that the backup does not hold whole are accepted.</summary>
    [Parameter(HelpMessage = "Restore what can be restored, even if the backup does not hold all of the objects whole.")]
    public SwitchParameter AllowPartial { get; set; }

    /// <summary>A token other than the one that was backed up is accepted.</summary>
    [Parameter(HelpMessage = "Accept a token with another label than the one that was backed up.")]
    public SwitchParameter AllowOtherToken { get; set; }

    /// <summary>Objects that no backup can bring back may be removed.</summary>
    [Parameter(HelpMessage = "Permit -Replace to remove objects that even the safety backup could not bring back.")]
    public SwitchParameter RemoveUnrecoverable { get; set; }

    private KeySelection Selection => new()
    {
        Labels = [.. (Label ?? []).Select(NamePatterns.Label)],
        Ids = [.. (Id ?? []).Select(NamePatterns.Id)],
        Classes = [.. (ObjectClass ?? []).Select(NamePatterns.Class)],
        Objects = _objects,
        WithCompanions = !NoCompanion,
    };

    /// <summary>What comes down the pipeline is one restore, not one for each object.</summary>
    private protected override void ProcessInput()
    {
        string named = LiteralPath ?? Path!;
        string file = StoreSet.IsAddress(named) ? named : LiteralPath is null ? OneMatch(Path!) : Paths.Literal(LiteralPath);
        if (_file is not null && _file != file)
        {
            throw Errors.InvalidArgument("Objects are restored out of one backup at a time.", "Name the one backup to restore from.", file);
        }
        _file = file;
        _key = Key;
        _objects.AddRange(InputObject ?? []);
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        // Nothing came down the pipeline: there is nothing to do.
        if (_file is not null)
        {
            Guard(() => Run(_file));
        }
    }

    private void Run(string named)
    {
        KeySelection selection = Selection;
        IReadOnlyList<TokenTarget> targets = RequireTargets();
        Audited(string.Join(", ", targets), targets[0].Definition, record => RestoreTo(targets, named, selection, record));
    }

    private void RestoreTo(IReadOnlyList<TokenTarget> targets, string named, KeySelection selection, AuditedAction record)
    {
        using LocalBackup backup = OpenBackup(path: null, named);
        string file = backup.Path;
        record.Note("path", backup.Location);
        using OneTimeKey key = Keys.Require(file, KeyPath, _key, "-KeyPath or -Key");
        if (selection.IsEmpty && IsWhatIf)
        {
            WriteObject(BackupListing.Read(file, key, StopToken), enumerateCollection: true);
            return;
        }
        ForEachNode(targets, target => RestoreNode(file, key, selection, target, targets.Count, record));
    }

    private void RestoreNode(string file, OneTimeKey key, KeySelection selection, TokenTarget target, int targets, AuditedAction record)
    {
        // Where nothing was asked for, nobody is asked for a PIN either.
        using TokenPin? pin = selection.IsEmpty ? null : OpenPin(target);
        KeyRestoreRequest request = new()
        {
            Path = file,
            Key = key,
            Token = target.Address,
            Pin = pin,
            Cluster = target.Cluster,
            Selection = selection,
            Replace = Replace,
            AllowDuplicateLabel = AllowDuplicateLabel,
            AllowPartial = AllowPartial,
            AllowOtherToken = AllowOtherToken,
            RemoveUnrecoverable = RemoveUnrecoverable,
            StateFolder = Paths.LiteralOrNull(StatePath),
        };
        try
        {
            Restore(request, target, targets, record);
        }
        catch (HsmBackupException nothing) when (nothing is { Code: ErrorCode.NothingSelected, Result: not null } && IsWhatIf)
        {
            WriteError(Errors.From(nothing, file));
            WriteObject(nothing.Result, enumerateCollection: true);
        }
    }

    private void Restore(KeyRestoreRequest request, TokenTarget target, int targets, AuditedAction record)
    {
        using KeyRestoreOperation operation = WithProgress((progress, stop) => KeyRestoreOperation.Prepare(request, progress, stop));
        record.Note("backup", operation.Plan.BackupId);
        if (!IsWhatIf)
        {
            operation.CheckFeasible();
        }
        if (Confirm(operation.Plan, target, out bool whatIf))
        {
            KeyRestoreResult result = WithProgress(operation.Execute);
            Tell(result);
            WriteObject(result);
        }
        else if (whatIf)
        {
            WriteObject(operation.Plan);
        }
        else if (target.Node is { } node && targets > 1)
        {
            record.Decline(node.Name);
        }
        else
        {
            record.Decline();
        }
    }

    /// <summary>One question for all the objects, with the counts that it is about.</summary>
    private bool Confirm(KeyRestorePlan plan, TokenTarget target, out bool whatIf)
    {
        string counts = $"add {plan.Add}, replace {plan.Replace}, remove {plan.Remove} and keep {plan.Keep} objects"
            + (plan.Unrestorable == 0 ? "" : $"; {plan.Unrestorable} cannot be restored")
            + (plan.Conflicts == 0 ? "" : $"; {plan.Conflicts} are in conflict with what the token holds, so that nothing would be done");
        bool confirmed = ShouldProcess(
            $"Restore {plan.Chosen} chosen and {plan.Companions} related objects of backup {plan.BackupId} to {target}: {counts}.",
            $"Restore {plan.Chosen} chosen and {plan.Companions} related objects of backup {plan.BackupId} to {target}? This will {counts}.",
            "Restore-HsmKey",
            out ShouldProcessReason reason);
        whatIf = reason == ShouldProcessReason.WhatIf;
        return confirmed;
    }
}
