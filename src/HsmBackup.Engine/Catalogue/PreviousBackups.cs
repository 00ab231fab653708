using HsmBackup.Engine.Format;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Catalogue;

/// <summary>
/// Looks for the backup of a cluster before the one that is being made, whose header will name it. One that goes away meanwhile, or a store
/// that is down, is no reason not to make a backup.
/// </summary>
internal static class PreviousBackups
{
    /// <summary>The newest that can be read in a folder.</summary>
    public static PreviousBackup? InFolder(string folder, string clusterId)
    {
        foreach (BackupInfo earlier in BackupCatalogue.List(folder, out _).Where(b => b.ClusterId == clusterId)
            .OrderByDescending(b => b.BackupId, StringComparer.Ordinal))
        {
            try
            {
                if (BackupId.TryParse(earlier.BackupId, out BackupId? id))
                {
                    return new PreviousBackup(id, earlier.ReadDigest());
                }
            }
            catch (Exception e) when (FileErrors.Covers(e))
            {
                continue;
            }
        }
        return null;
    }

    /// <summary>The newest in any of the stores. Ids sort by time, so that few headers are read.</summary>
    public static PreviousBackup? InStores(IReadOnlyList<IBackupStore> stores, string clusterId, CancellationToken cancellationToken)
    {
        var files = new List<(IBackupStore Store, string Name)>();
        foreach (IBackupStore store in stores)
        {
            try
            {
                files.AddRange(store.List(cancellationToken).Where(i => StoreFile.IsBackup(i.Name)).Select(i => (store, i.Name)));
            }
            catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
            {
                continue;
            }
        }
        foreach ((IBackupStore store, string name) in files.OrderByDescending(f => f.Name, StringComparer.Ordinal))
        {
            try
            {
                BackupHeader header = ClusterCatalogue.ReadHeader(store, StoreFile.IdOf(name), cancellationToken);
                if (header.ClusterId == clusterId)
                {
                    return new PreviousBackup(header.Id, ReadDigest(store, name, cancellationToken));
                }
            }
            catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
            {
                continue;
            }
        }
        return null;
    }

    private static string ReadDigest(IBackupStore store, string name, CancellationToken cancellationToken)
    {
        using var last = new LastBytes(BackupFormat.DigestLength);
        store.Read(name, last, cancellationToken);
        return Convert.ToHexStringLower(last.Bytes);
    }
}
