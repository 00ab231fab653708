using System.Management.Automation;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Retention;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Lock-HsmBackup: holds a backup, so that no copy of it is removed.</summary>
[Cmdlet(VerbsCommon.Lock, "HsmBackup", SupportsShouldProcess = true, DefaultParameterSetName = ClusterSet)]
[OutputType(typeof(HeldCopy))]
public sealed class LockHsmBackupCommand : StoredBackupCommand
{
    /// <summary>Why.</summary>
    [Parameter(Mandatory = true, HelpMessage = "Why the backup is held, for whoever wonders later.")]
    [ValidateNotNullOrEmpty]
    public string? Reason { get; set; }

    /// <summary>When the hold ends by itself.</summary>
    [Parameter(HelpMessage = "When the hold ends by itself: a date, or text such as 2030-01-01. It does not end by itself where this is left out.")]
    [Instant]
    public DateTimeOffset? Until { get; set; }

    private protected override void Process(string backupId, ClusterDefinition? cluster, string? folder)
    {
        if (ShouldProcess(backupId, "Hold the backup"))
        {
            Audited(backupId, cluster, record => Hold(backupId, cluster, folder, record));
        }
    }

    private void Hold(string backupId, ClusterDefinition? cluster, string? folder, AuditedAction record)
    {
        record.Note("reason", Reason);
        using StoreSet stores = OpenChosen(cluster, folder);
        var documents = new BackupDocuments(backupId, stores.All, e => WriteError(Errors.From(e, backupId)), stateFolder: null, TimeProvider.System);
        WriteObject(documents.Lock(Reason!, Until, StopToken), enumerateCollection: true);
    }
}
