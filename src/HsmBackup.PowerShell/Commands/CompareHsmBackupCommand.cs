using System.Collections;
using System.Management.Automation;
using System.Security;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.PowerShell.Binding;
using TokenPin = HsmBackup.Engine.Protection.Pin;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Compare-HsmBackup: what differs between two backups, or between a backup and a live token.</summary>
[Cmdlet(VerbsData.Compare, "HsmBackup", DefaultParameterSetName = BackupSet)]
[OutputType(typeof(ObjectDifference), typeof(bool))]
public sealed class CompareHsmBackupCommand : TokenCommand
{
    private const string BackupSet = "Backup";
    private const string TokenSet = "Token";

    /// <summary>The backup that is compared with.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true,
        HelpMessage = "The backup file that the other side is compared with.")]
    [Alias("Path")]
    [ValidateNotNullOrEmpty]
    public string? ReferencePath { get; set; }

    /// <summary>The file with the one-time key of the reference.</summary>
    [Parameter(HelpMessage = "File that holds the one-time key of the reference.")]
    [ValidateNotNullOrEmpty]
    public string? ReferenceKeyPath { get; set; }

    /// <summary>The one-time key of the reference.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true,
        HelpMessage = "The one-time key of the reference; -ReferenceKeyPath goes before it.")]
    [Alias("OneTimeKey")]
    [Secret]
    public SecureString? ReferenceKey { get; set; }

    /// <summary>The other backup.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = BackupSet, HelpMessage = "The backup file to compare.")]
    [ValidateNotNullOrEmpty]
    public string? DifferencePath { get; set; }

    /// <summary>The file with the one-time key of the other backup.</summary>
    [Parameter(ParameterSetName = BackupSet, HelpMessage = "File that holds the one-time key of the backup to compare.")]
    [ValidateNotNullOrEmpty]
    public string? DifferenceKeyPath { get; set; }

    /// <summary>The one-time key of the other backup.</summary>
    [Parameter(ParameterSetName = BackupSet,
        HelpMessage = "The one-time key of the backup to compare; -DifferenceKeyPath goes before it.")]
    [Secret]
    public SecureString? DifferenceKey { get; set; }

    /// <inheritdoc/>
    [Parameter(ParameterSetName = TokenSet, ValueFromPipelineByPropertyName = true, HelpMessage = ClusterHelp)]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public override ClusterReference? Cluster { get; set; }

    /// <inheritdoc/>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = NodeHelp)]
    [Node]
    [ArgumentCompleter(typeof(NodeNameCompleter))]
    public override NodeReference? Node { get; set; }

    /// <inheritdoc/>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = LibraryHelp)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(LibraryCompleter))]
    public override string? Library { get; set; }

    /// <inheritdoc/>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = TokenLabelHelp)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(TokenLabelCompleter))]
    public override string? TokenLabel { get; set; }

    /// <inheritdoc/>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = TokenSerialHelp)]
    [ValidateNotNullOrEmpty]
    public override string? TokenSerial { get; set; }

    /// <inheritdoc/>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = PinHelp)]
    [Secret]
    public override SecureString? Pin { get; set; }

    /// <inheritdoc/>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = LibraryEnvironmentHelp)]
    public override Hashtable? LibraryEnvironment { get; set; }

    /// <inheritdoc/>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = LibraryParametersHelp)]
    [ValidateNotNullOrEmpty]
    public override string? LibraryParameters { get; set; }

    /// <inheritdoc/>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = EnableQuirkHelp)]
    public override Quirks EnableQuirk { get; set; }

    /// <inheritdoc/>
    [Parameter(ParameterSetName = TokenSet, HelpMessage = DisableQuirkHelp)]
    public override Quirks DisableQuirk { get; set; }

    /// <summary>Objects that are the same on both sides are listed too.</summary>
    [Parameter(HelpMessage = "List also the objects that are the same on both sides.")]
    public SwitchParameter IncludeEqual { get; set; }

    /// <summary>Output is true or false.</summary>
    [Parameter(HelpMessage = "Give only true (both sides are the same) or false.")]
    public SwitchParameter Quiet { get; set; }

    private protected override void ProcessInput()
    {
        string reference = Paths.Literal(ReferencePath!);
        string? difference = Paths.LiteralOrNull(DifferencePath);
        TokenTarget? target = difference is null ? RequireTarget() : null;
        Audited($"{reference} and {difference ?? target!.ToString()}", target?.Definition, record => Compare(reference, difference, target, record));
    }

    private void Compare(string reference, string? difference, TokenTarget? target, AuditedAction record)
    {
        using OneTimeKey referenceKey = Keys.Require(
            reference, ReferenceKeyPath, ReferenceKey, "-ReferenceKeyPath or -ReferenceKey");
        using OneTimeKey? differenceKey = difference is null
            ? null
            : Keys.Require(difference, DifferenceKeyPath, DifferenceKey, "-DifferenceKeyPath or -DifferenceKey");
        using TokenPin? pin = OpenPin(target);
        CompareRequest request = new()
        {
            ReferencePath = reference,
            ReferenceKey = referenceKey,
            DifferencePath = difference,
            DifferenceKey = differenceKey,
            Token = target?.Address,
            Pin = pin,
            Cluster = target?.Cluster,
        };
        CompareResult result = WithProgress((progress, stop) => CompareOperation.Run(request, progress, stop));
        record.Note("backup", result.ReferenceId);
        WriteVerbose($"{result.ReferenceId} and {result.DifferenceName} {(result.Equal ? "are the same" : "differ")}.");
        if (Quiet)
        {
            WriteObject(result.Equal);
            return;
        }
        foreach (ObjectDifference one in result.Objects.Where(one => IncludeEqual || one.Side != CompareSide.Equal))
        {
            WriteObject(one);
        }
    }
}
