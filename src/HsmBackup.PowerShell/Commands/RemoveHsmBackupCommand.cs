using System.Management.Automation;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Retention;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Remove-HsmBackup: has a backup removed, in two steps, whatever the rules of retention want.</summary>
[Cmdlet(VerbsCommon.Remove, "HsmBackup", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High, DefaultParameterSetName = ClusterSet)]
[OutputType(typeof(CopyRetention))]
public sealed class RemoveHsmBackupCommand : StoredBackupCommand
{
    /// <summary>Why.</summary>
    [Parameter(HelpMessage = "Why it is removed; it is kept beside the copies for as long as that can be undone.")]
    [ValidateNotNullOrEmpty]
    public string Reason { get; set; } = "Somebody asked for it.";

    /// <summary>No question.</summary>
    [Parameter(HelpMessage = "Do not ask. No protection is lifted by it.")]
    public SwitchParameter Force { get; set; }

    private protected override void Process(string backupId, ClusterDefinition? cluster, string? folder)
    {
        // All stores are looked into, also where one is chosen: what must stay depends on what is elsewhere.
        using StoreSet stores = folder is not null ? StoreSet.Of([folder]) : StoreSet.Of(cluster!, names: null, Pins.Asker);
        CarryOut(new RetentionRequest
        {
            Stores = stores.All,
            ClusterId = cluster?.Id ?? BackupCatalogue.Read(System.IO.Path.Combine(folder!, StoreFile.OfBackup(backupId))).ClusterId,
            Policy = cluster?.RetentionPolicy ?? RetentionPolicy.Default,
            OnlyStores = cluster is null ? null : ChosenStores(cluster),
            Wish = new RemovalWish(backupId, Reason),
        }, cluster, backupId, Force);
    }
}
