using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Stores;

namespace HsmBackup.PowerShell.Binding;

/// <summary>The folders in which backups of a cluster are looked for.</summary>
internal static class BackupFolders
{
    /// <summary>Those that were named, else the cluster's stores that are folders.</summary>
    /// <param name="named">What -BackupPath says; null where it was left out.</param>
    /// <param name="cluster">The cluster; null where its definition is lost.</param>
    /// <param name="paths">Paths of the session.</param>
    /// <param name="warn">Told of stores that are not there.</param>
    public static IReadOnlyList<string> Of(string[]? named, ClusterDefinition? cluster, SessionPaths paths, Action<string> warn)
    {
        if (named is not null)
        {
            return [.. named.Select(paths.Literal)];
        }
        List<string> stores = [.. (cluster?.Stores ?? []).Where(s => s.Kind is StoreKind.Directory or StoreKind.Offline).Select(s => s.Location)];
        foreach (string missing in stores.Where(s => !Directory.Exists(s)))
        {
            warn($"The store '{missing}' of cluster '{cluster!.Name}' is not there; its backups do not count.");
        }
        return stores.FindAll(Directory.Exists);
    }
}
