using System.Globalization;
using System.Management.Automation;
using System.Security;
using HsmBackup.Engine;
using HsmBackup.Engine.Backup;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>A cmdlet that brings objects of a backup into tokens.</summary>
public abstract class RestoreCommand : TokenCommand
{
    private protected const string PathSet = "Path";
    private protected const string LiteralPathSet = "LiteralPath";

    // Nodes whose PIN was refused: the next backup down the pipeline must not send it again.
    private readonly HashSet<string> _refused = new(StringComparer.Ordinal);

    /// <summary>The backup, by a path taken as it is.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true,
        HelpMessage = "The backup file, taken as it is written.")]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string? LiteralPath { get; set; }

    /// <summary>The file that holds the one-time key.</summary>
    [Parameter(HelpMessage = "File that holds the one-time key of the backup.")]
    [ValidateNotNullOrEmpty]
    public string? KeyPath { get; set; }

    /// <summary>The one-time key.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "The one-time key of the backup; -KeyPath goes before it.")]
    [Alias("OneTimeKey")]
    [Secret]
    public SecureString? Key { get; set; }

    /// <summary>The folder of the journal and the safety backup.</summary>
    [Parameter(HelpMessage = "Folder for the journal and safety backups; by default state in HSMBACKUP_HOME, or the user's own.")]
    [ValidateNotNullOrEmpty]
    public string? StatePath { get; set; }

    private protected override string? NamedState => StatePath;

    /// <summary>Restores to one token after the other. One that fails keeps no other from its keys.</summary>
    private protected void ForEachNode(IReadOnlyList<TokenTarget> targets, Action<TokenTarget> restore)
    {
        if (targets is [TokenTarget only])
        {
            restore(only);
            return;
        }
        foreach (TokenTarget target in targets)
        {
            // A wrong PIN ends the command only where it is the PIN of them all.
            TryItem(target.Node!.Name, () => RestoreOnce(target, restore), lockoutEnds: Pin is not null);
        }
    }

    /// <summary>Remembers that a node refused its PIN.</summary>
    private protected void Refuse(string node) => _refused.Add(node);

    /// <exception cref="HsmBackupException">PinRequired: the node refused its PIN before.</exception>
    private protected void CheckNotRefused(string node)
    {
        if (_refused.Contains(node))
        {
            throw new HsmBackupException(ErrorCode.PinRequired, $"The PIN of node '{node}' was refused before. It was not sent again.",
                "Correct the source of its PIN, then run the command again.")
            { Target = node };
        }
    }

    private void RestoreOnce(TokenTarget target, Action<TokenTarget> restore)
    {
        CheckNotRefused(target.Node!.Name);
        try
        {
            restore(target);
        }
        catch (HsmBackupException e) when (e.Code is ErrorCode.PinIncorrect or ErrorCode.PinLocked)
        {
            Refuse(target.Node.Name);
            throw;
        }
    }

    /// <summary>Says what a person must know of a restore.</summary>
    private protected void Tell(RestoreOutcome result)
    {
        WriteVerbose(string.Create(CultureInfo.InvariantCulture,
            $"Restored and proved {result.Proven} objects in {result.Elapsed.TotalSeconds:F2} s."));
        if (result.SafetyBackupPath is not null)
        {
            WriteVerbose($"What the token held before is in '{result.SafetyBackupPath}', which the same one-time key opens.");
        }
        foreach (RestoredObject missing in result.Objects.Where(missing => missing.Action == PlanAction.Unrestorable))
        {
            WriteWarning($"{missing.Object} is not on the token: the Partial backup does not hold its key.");
        }
        foreach (RestoredObject unproven in result.Objects.Where(kept => kept is { Action: PlanAction.Keep, Proof: not CheckOutcome.Passed }))
        {
            WriteWarning($"{unproven.Object} stayed as it was on the token: the backup has no key to compare it with.");
        }
        foreach (RestoredObject restored in result.Objects.Where(restored => restored.Differences.Count > 0))
        {
            WriteWarning($"{restored.Object} differs from the backup: {string.Join("; ", restored.Differences)}");
        }
    }
}
