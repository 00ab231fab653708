using System.Management.Automation;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Format;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>What the cmdlets have in common that work on single backups where they are stored: in a cluster's stores, or in a folder.</summary>
public abstract class StoredBackupCommand : RetentionCommand
{
    private protected const string PathSet = "Path";

    /// <summary>Ids of the backups.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = ClusterSet, ValueFromPipelineByPropertyName = true, HelpMessage = "Ids of the backups.")]
    [Parameter(ParameterSetName = PathSet, ValueFromPipelineByPropertyName = true, HelpMessage = "Ids of the backups, where -Path is a folder.")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(BackupIdCompleter))]
    public string[]? BackupId { get; set; }

    /// <summary>Backup files, or a folder.</summary>
    [Parameter(Mandatory = true, ParameterSetName = PathSet, ValueFromPipelineByPropertyName = true,
        HelpMessage = "Backup files of a lone token, or the folder of backups that -BackupId names; wildcards are permitted.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Path { get; set; }

    private protected sealed override void ProcessInput()
    {
        if (ParameterSetName == ClusterSet)
        {
            ClusterDefinition cluster = Cluster!.Find(Paths);
            foreach (string id in BackupId!)
            {
                TryItem(id, () => Process(id, cluster, folder: null));
            }
            return;
        }
        foreach (string path in Path!)
        {
            TryItem(path, () => ProcessPath(path));
        }
    }

    /// <summary>Does the work for one backup.</summary>
    /// <param name="backupId">The backup.</param>
    /// <param name="cluster">The cluster; null for a lone token.</param>
    /// <param name="folder">The folder that it is in; null for the stores of the cluster.</param>
    private protected abstract void Process(string backupId, ClusterDefinition? cluster, string? folder);

    /// <summary>The stores that were chosen.</summary>
    private protected StoreSet OpenChosen(ClusterDefinition? cluster, string? folder) =>
        folder is not null ? StoreSet.Of([folder]) : StoreSet.Of(cluster!, Store, Pins.Asker);

    private void ProcessPath(string path)
    {
        if (StoreSet.IsAddress(path))
        {
            throw Errors.InvalidArgument($"'{path}' is in a store that needs the definition of its cluster.", "Name the cluster with -Cluster.", path);
        }
        IReadOnlyList<string> matches = Paths.Matches(path);
        if (matches.Count == 0)
        {
            throw Errors.NoBackupAt(path);
        }
        foreach (string match in matches)
        {
            if (!Directory.Exists(match))
            {
                ProcessFile(match);
                continue;
            }
            foreach (string id in BackupId ?? throw Errors.InvalidArgument($"'{match}' is a folder.", "Name its backups with -BackupId, or their files with -Path.", match))
            {
                TryItem(id, () => Process(id, cluster: null, match));
            }
        }
    }

    private void ProcessFile(string file)
    {
        string name = System.IO.Path.GetFileName(file);
        if (!StoreFile.IsBackup(name))
        {
            throw Errors.InvalidArgument($"'{file}' does not have the name of a backup.", $"Name a file that ends with {BackupFormat.FileExtension}.", file);
        }
        TryItem(file, () => Process(StoreFile.IdOf(name), cluster: null, System.IO.Path.GetDirectoryName(file)!));
    }
}
