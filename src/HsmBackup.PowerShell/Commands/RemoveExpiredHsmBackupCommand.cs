using System.Management.Automation;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Retention;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Remove-ExpiredHsmBackup: applies the retention policy of a cluster, with a reason for every copy that is kept or goes.</summary>
[Cmdlet(VerbsCommon.Remove, "ExpiredHsmBackup", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High, DefaultParameterSetName = ClusterSet)]
[OutputType(typeof(CopyRetention))]
public sealed class RemoveExpiredHsmBackupCommand : RetentionCommand
{
    /// <summary>No question.</summary>
    [Parameter(HelpMessage = "Do not ask. No protection is lifted by it.")]
    public SwitchParameter Force { get; set; }

    private protected override void ProcessInput()
    {
        ClusterDefinition cluster = Cluster!.Find(Paths);
        using var stores = StoreSet.Of(cluster, names: null, Pins.Asker);
        CarryOut(new RetentionRequest
        {
            Stores = stores.All,
            ClusterId = cluster.Id,
            Policy = cluster.RetentionPolicy,
            OnlyStores = ChosenStores(cluster),
        }, cluster, $"cluster '{cluster.Name}'", Force);
    }
}
