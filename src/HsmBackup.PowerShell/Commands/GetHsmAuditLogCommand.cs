using System.Management.Automation;
using HsmBackup.Engine.Auditing;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Get-HsmAuditLog: what was done with this module on this machine, oldest first.</summary>
[Cmdlet(VerbsCommon.Get, "HsmAuditLog")]
[OutputType(typeof(AuditEntry))]
public sealed class GetHsmAuditLogCommand : HsmCommand
{
    // A Turkish "I" must not decide which action is meant.
    private const WildcardOptions Anyhow = WildcardOptions.IgnoreCase | WildcardOptions.CultureInvariant;

    /// <summary>Actions wanted.</summary>
    [Parameter(Position = 0, HelpMessage = "Actions wanted, which are names of cmdlets; wildcards are permitted.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Action { get; set; }

    /// <summary>Backups wanted.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "Ids of the backups that entries are wanted of; wildcards are permitted.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? BackupId { get; set; }

    /// <summary>Clusters wanted.</summary>
    [Parameter(HelpMessage = "Names or ids of the clusters that entries are wanted of (of a lone token: its label); wildcards are permitted.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? ClusterName { get; set; }

    /// <summary>Results wanted.</summary>
    [Parameter(HelpMessage = "Results wanted: Started, Succeeded, Failed, Stopped.")]
    [ValidateNotNullOrEmpty]
    public AuditResult[]? Result { get; set; }

    /// <summary>Not before this time.</summary>
    [Parameter(HelpMessage = "No entries before this time.")]
    [Instant]
    public DateTimeOffset? After { get; set; }

    /// <summary>Not after this time.</summary>
    [Parameter(HelpMessage = "No entries after this time.")]
    [Instant]
    public DateTimeOffset? Before { get; set; }

    /// <summary>Only so many.</summary>
    [Parameter(HelpMessage = "Only so many entries: the newest of those wanted.")]
    [ValidateRange(1, int.MaxValue)]
    public int Last { get; set; }

    /// <summary>The state folder.</summary>
    [Parameter(HelpMessage = "State folder whose log is read; by default state in HSMBACKUP_HOME, or the user's own.")]
    [ValidateNotNullOrEmpty]
    public string? StatePath { get; set; }

    private protected override string? NamedState => StatePath;

    private protected override void ProcessInput()
    {
        var filter = new AuditFilter
        {
            Action = AnyOf(Action),
            BackupId = AnyOf(BackupId),
            Cluster = AnyOf(ClusterName),
            Results = Result,
            After = After,
            Before = Before,
        };
        IEnumerable<AuditEntry> found = Audit.Read(filter, damaged => WriteError(Errors.From(damaged)), StopToken);
        foreach (AuditEntry entry in Last > 0 ? found.TakeLast(Last) : found)
        {
            WriteObject(entry);
        }
    }

    private static Func<string, bool>? AnyOf(string[]? patterns) => patterns is null ? null
        : value => Array.Exists(patterns, pattern => WildcardPattern.Get(pattern, Anyhow).IsMatch(value));
}
