using System.Management.Automation;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Retention;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Undo-HsmBackupRemoval: takes the mark of a pending removal away.</summary>
[Cmdlet(VerbsCommon.Undo, "HsmBackupRemoval", SupportsShouldProcess = true, DefaultParameterSetName = ClusterSet)]
[OutputType(typeof(CopyRetention))]
public sealed class UndoHsmBackupRemovalCommand : StoredBackupCommand
{
    private protected override void Process(string backupId, ClusterDefinition? cluster, string? folder)
    {
        if (ShouldProcess(backupId, "Undo the pending removal"))
        {
            Audited(backupId, cluster, _ =>
            {
                using StoreSet stores = OpenChosen(cluster, folder);
                var documents = new BackupDocuments(backupId, stores.All, e => WriteError(Errors.From(e, backupId)), stateFolder: null, TimeProvider.System);
                WriteObject(documents.UndoRemoval(StopToken), enumerateCollection: true);
            });
        }
    }
}
