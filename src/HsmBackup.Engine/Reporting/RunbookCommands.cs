using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Reporting;

/// <summary>The commands of a runbook: complete as they stand. What is secret is asked for by the commands themselves.</summary>
internal static class RunbookCommands
{
    public static string Cluster(ClusterDefinition cluster) => ShellText.Value(cluster.DefinitionPath ?? cluster.Name);

    public static string Health(ClusterDefinition cluster, string option) => $"Get-HsmClusterHealth -Cluster {Cluster(cluster)}{(option.Length == 0 ? "" : " " + option)}";

    /// <summary>Keys are compared too, where the cluster has the key for that.</summary>
    public static string DeepHealth(ClusterDefinition cluster) => Health(cluster, cluster.ClusterKey is null ? "" : "-Deep");

    public static string NewBackup(ClusterDefinition cluster) =>
        cluster.Stores.Count == 0 ? $"New-HsmBackup -Cluster {Cluster(cluster)} -Destination ./backups" : $"New-HsmBackup -Cluster {Cluster(cluster)}";

    public static string Repair(ClusterDefinition cluster, string node) => $"Repair-HsmCluster -Cluster {Cluster(cluster)} -Node {ShellText.Value(node)}";

    /// <summary>Restores the latest backup from the stores, or the named file.</summary>
    public static string Restore(RunbookSource source) => $"Restore-HsmCluster -Cluster {Cluster(source.Cluster)}"
        + (source.Cluster.Stores.Count > 0 || source.Latest is null ? "" : $" -Path {ShellText.Value(source.Latest.Path)}") + " -InitializeToken";

    /// <summary>Stores that are folders of this machine.</summary>
    public static IEnumerable<ClusterStore> Folders(ClusterDefinition cluster) => cluster.Stores.Where(s => s.Kind != StoreKind.WebDav);

    /// <summary>The file or address of a backup.</summary>
    public static string PathOf(BackupInfo backup) => ShellText.Value(backup.Path);
}
