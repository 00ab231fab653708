using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Clusters;

/// <summary>Opens the stores that a definition names.</summary>
public static class BackupStores
{
    /// <summary>Opens a store; nothing is asked of it yet.</summary>
    /// <param name="store">What the definition says.</param>
    /// <param name="asker">Who can be asked for its password.</param>
    /// <exception cref="HsmBackupException">PinUnavailable, PinSourceRefused.</exception>
    public static IBackupStore Open(ClusterStore store, PinAsker asker)
    {
        ArgumentNullException.ThrowIfNull(store);
        return store.Kind switch
        {
            StoreKind.Directory => new DirectoryStore(store.Location, store.Name),
            StoreKind.Offline => new OfflineStore(store.Location, store.Name),
            _ => throw new HsmBackupException(ErrorCode.StoreUnavailable, $"The store '{store.Name}' cannot be opened.", "Name another store."),
        };
    }
}
