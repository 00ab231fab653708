using HsmBackup.Engine;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Stores;

namespace HsmBackup.PowerShell.Binding;

/// <summary>What is known of a backup from the stores of its cluster that are folders of this machine.</summary>
internal static class KnownBackups
{
    /// <summary>The key check value in the header of a backup; null where the backup is not at hand.</summary>
    public static string? KeyCheckOf(string backupId, ClusterDefinition cluster)
    {
        foreach (string folder in cluster.Stores.Where(s => s.Kind != StoreKind.WebDav && Directory.Exists(s.Location)).Select(s => s.Location))
        {
            try
            {
                if (BackupCatalogue.List(folder, out _).FirstOrDefault(b => b.BackupId == backupId) is { } backup)
                {
                    return backup.KeyCheck;
                }
            }
            catch (HsmBackupException)
            {
                // Another store may have it; what is wrong with this one is not the matter here.
                continue;
            }
        }
        return null;
    }
}
