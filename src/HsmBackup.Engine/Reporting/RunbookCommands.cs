using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Reporting;

/// <summary>
/// The commands of a runbook. What is secret is asked for by the commands themselves; what changes from night to night, such as the latest
/// backup, is looked for when they run. In a procedure <c>$cluster</c> is the definition, wherever it comes from, and <c>$backup</c> the backup.
/// </summary>
internal static class RunbookCommands
{
    /// <summary>The definition, for a command that stands alone.</summary>
    public static string Cluster(ClusterDefinition cluster) => ShellText.Value(cluster.DefinitionPath ?? cluster.Name);

    /// <summary>The first command of a procedure.</summary>
    public static string SetCluster(ClusterDefinition cluster) => $"$cluster = {ShellText.Quoted(cluster.DefinitionPath ?? cluster.Name)}";

    /// <summary>The state of the nodes. Keys are compared too, where the cluster has the key for that.</summary>
    public static string DeepHealth(ClusterDefinition cluster) => $"Get-HsmClusterHealth -Cluster $cluster{(cluster.ClusterKey is null ? "" : " -Deep")}";

    public static string NewBackup(ClusterDefinition cluster) => $"New-HsmBackup -Cluster $cluster{(cluster.Stores.Count == 0 ? " -Destination BACKUPS" : "")}";

    /// <summary>Lists the backups, the oldest first. Where the definition names no stores, BACKUPS is a gap that <see cref="BackupsGap"/> explains.</summary>
    public static string Backups(ClusterDefinition cluster, string conditions = "") => cluster.Stores.Count > 0
        ? $"Get-HsmBackup -Cluster $cluster{conditions}" : $"Get-HsmBackup -LiteralPath BACKUPS{conditions} | Where-Object ClusterId -eq '{cluster.Id}'";

    /// <summary>What to put for BACKUPS; empty where it is not printed.</summary>
    public static string BackupsGap(ClusterDefinition cluster) => cluster.Stores.Count > 0 ? "" : " The definition names no stores: put the folder of the backups in place of BACKUPS.";

    public static string TakeLatest(ClusterDefinition cluster) => $"$backup = {Backups(cluster)} | Where-Object Complete | Select-Object -Last 1";

    /// <summary>Restores the latest backup of the stores, which finds the best copy by itself, or <c>$backup</c> where there are no stores.</summary>
    public static string Restore(ClusterDefinition cluster) =>
        $"Restore-HsmCluster -Cluster $cluster{(cluster.Stores.Count > 0 ? "" : " -LiteralPath $backup.Path")} -InitializeToken";

    /// <summary>Fills a node from its peers, which takes a cluster key, or from <c>$backup</c>.</summary>
    public static string Repair(ClusterDefinition cluster, string node) =>
        $"Repair-HsmCluster -Cluster $cluster -Node {ShellText.Value(node)}{(cluster.ClusterKey is null ? " -LiteralPath $backup.Path" : "")}";

    /// <summary>Hands a one-time key over that waits.</summary>
    /// <param name="source">The cluster.</param>
    /// <param name="backupId">The backup's id, as an expression.</param>
    public static string Receive(RunbookSource source, string backupId) =>
        $"Receive-HsmBackupKey -Cluster $cluster -BackupId {backupId}{(source.StatePath is { } state ? $" -StatePath {ShellText.Value(state)}" : "")}";

    /// <summary>Stores that are folders of this machine.</summary>
    public static IEnumerable<ClusterStore> Folders(ClusterDefinition cluster) => cluster.Stores.Where(s => s.Kind != StoreKind.WebDav);
}
