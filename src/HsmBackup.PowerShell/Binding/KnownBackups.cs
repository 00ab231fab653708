using HsmBackup.Engine;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Stores;

namespace HsmBackup.PowerShell.Binding;

/// <summary>What is known of a backup from the stores of its cluster.</summary>
internal static class KnownBackups
{
    /// <summary>The key check value in the header of a backup; null where no store that answers has it.</summary>
    public static string? KeyCheckOf(string backupId, ClusterDefinition cluster, PinAsker asker, CancellationToken stop)
    {
        // A server only where no folder has it: it may ask for a password.
        foreach (ClusterStore place in cluster.Stores.OrderBy(s => s.Kind == StoreKind.WebDav))
        {
            try
            {
                using IBackupStore store = BackupStores.Open(place, asker);
                return ClusterCatalogue.ReadHeader(store, backupId, stop).KeyCheck;
            }
            catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
            {
                // Another store may have it; what is wrong with this one is not the matter here.
                continue;
            }
        }
        return null;
    }
}
