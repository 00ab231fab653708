using System.Management.Automation;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Retention;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Unlock-HsmBackup: ends the hold on a backup.</summary>
[Cmdlet(VerbsCommon.Unlock, "HsmBackup", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium, DefaultParameterSetName = ClusterSet)]
[OutputType(typeof(HeldCopy))]
public sealed class UnlockHsmBackupCommand : StoredBackupCommand
{
    private protected override void Process(string backupId, ClusterDefinition? cluster, string? folder)
    {
        if (ShouldProcess(backupId, "End the hold"))
        {
            Audited(backupId, cluster, _ =>
            {
                using StoreSet stores = OpenChosen(cluster, folder);
                var documents = new BackupDocuments(backupId, stores.All, e => WriteError(Errors.From(e, backupId)), stateFolder: null, TimeProvider.System);
                WriteObject(documents.Unlock(StopToken), enumerateCollection: true);
            });
        }
    }
}
