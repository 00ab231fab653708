using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Catalogue;

/// <summary>
/// Whether the folder of a store is there. To write to it would make it; to look for something in it is another matter: it may be on a
/// volume that is not mounted.
/// </summary>
internal static class StoreFolder
{
    /// <summary>Refuses a folder that is not there.</summary>
    /// <exception cref="HsmBackupException">StoreUnmounted.</exception>
    public static void Check(IBackupStore store)
    {
        if (store.Kind == StoreKind.Directory && !Directory.Exists(store.Location))
        {
            throw new HsmBackupException(ErrorCode.StoreUnmounted,
                $"The folder '{store.Location}' of store '{store.Name}' is not there: nothing was written to it yet, or its volume is not mounted.",
                "Mount the volume if there should be backups. The first backup makes the folder.")
            { Target = store.Location };
        }
    }
}
