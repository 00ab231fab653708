using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Reporting;

/// <summary>
/// The commands of a runbook. What is secret is asked for by the commands themselves; what changes from night to night, such as the latest
/// backup, is looked for when they run. In a procedure <c>$cluster</c> is the definition, wherever it comes from, and <c>$backup</c>
/// the backup.
/// </summary>
internal static class RunbookCommands
{
    /// <summary>The definition, for a command that stands alone.</summary>
    public static string Cluster(ClusterDefinition cluster) => ShellText.Value(cluster.DefinitionPath ?? cluster.Name);

    /// <summary>The first command of a procedure.</summary>
    public static string SetCluster(ClusterDefinition cluster) => $"$cluster = {ShellText.Quoted(cluster.DefinitionPath ?? cluster.Name)}";

    /// <summary>
    /// The state folder, for every command that has a parameter for it: another would know nothing of keys, drills, journals and
    /// runbooks.
    /// </summary>
    public static string State(RunbookSource source) => source.StatePath is { } state ? $" -StatePath {ShellText.Value(state)}" : "";

    /// <summary>The state of the nodes. Keys are compared too, where the cluster has the key for that.</summary>
    public static string DeepHealth(RunbookSource source) =>
        $"Get-HsmClusterHealth -Cluster $cluster{(source.Cluster.ClusterKey is null ? "" : " -Deep")}{State(source)}";

    public static string NewBackup(ClusterDefinition cluster) =>
        $"New-HsmBackup -Cluster $cluster{(cluster.Stores.Count == 0 ? " -Destination BACKUPS" : "")}";

    /// <summary>
    /// Lists the backups, the oldest first. Where the definition names no stores, BACKUPS is a gap that <see cref="BackupsGap"/>
    /// explains.
    /// </summary>
    public static string Backups(ClusterDefinition cluster, string conditions = "") => cluster.Stores.Count > 0
        ? $"Get-HsmBackup -Cluster $cluster{conditions}"
        : $"Get-HsmBackup -LiteralPath BACKUPS{conditions} | Where-Object ClusterId -eq '{cluster.Id}'";

    /// <summary>What to put for BACKUPS; empty where it is not printed.</summary>
    public static string BackupsGap(ClusterDefinition cluster) =>
        cluster.Stores.Count > 0 ? "" : " The definition names no stores: put the folder of the backups in place of BACKUPS.";

    public static string TakeLatest(ClusterDefinition cluster) =>
        $"$backup = {Backups(cluster)} | Where-Object Complete | Select-Object -Last 1";

    /// <summary>
    /// Restores the latest backup of the stores, which finds the best copy by itself, or <c>$backup</c> where there are no stores.
    /// </summary>
    public static string Restore(RunbookSource source) =>
        $"Restore-HsmCluster -Cluster $cluster{(source.Cluster.Stores.Count > 0 ? "" : " -LiteralPath $backup.Path")} "
            + $"-InitializeToken{State(source)}";

    /// <summary>Fills a node from its peers where it has some that can, else from <c>$backup</c>.</summary>
    public static string Repair(RunbookSource source, string node) =>
        $"Repair-HsmCluster -Cluster $cluster -Node {ShellText.Value(node)}"
            + $"{(source.Cluster.FillsFromPeers ? "" : " -LiteralPath $backup.Path")}{State(source)}";

    /// <summary>Hands a one-time key over that waits.</summary>
    /// <param name="source">The cluster.</param>
    /// <param name="backupId">The backup's id, as an expression.</param>
    public static string Receive(RunbookSource source, string backupId) =>
        $"Receive-HsmBackupKey -Cluster $cluster -BackupId {backupId}{State(source)}";

    /// <summary>Stores that are folders of this machine.</summary>
    public static IEnumerable<ClusterStore> Folders(ClusterDefinition cluster) => cluster.Stores.Where(s => s.Kind != StoreKind.WebDav);
}
