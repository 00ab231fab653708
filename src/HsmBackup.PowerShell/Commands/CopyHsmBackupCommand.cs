using System.Management.Automation;
using HsmBackup.Engine;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Stores;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Copy-HsmBackup: brings backups to stores that have no copy of them, or to a folder.</summary>
[Cmdlet(VerbsCommon.Copy, "HsmBackup", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium, DefaultParameterSetName = ClusterSet)]
[OutputType(typeof(CopiedBackup))]
public sealed class CopyHsmBackupCommand : HsmCommand
{
    private const string ClusterSet = "Cluster";
    private const string PathSet = "Path";

    // A Turkish "I" must not decide which backup is meant.
    private const WildcardOptions Anyhow = WildcardOptions.IgnoreCase | WildcardOptions.CultureInvariant;

    /// <summary>The cluster whose stores are brought up to date.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ClusterSet, HelpMessage = "Name or path of a cluster definition, or the definition itself.")]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>Ids of the backups.</summary>
    [Parameter(Position = 0, ParameterSetName = ClusterSet, ValueFromPipelineByPropertyName = true,
        HelpMessage = "Ids of the backups to copy; wildcards are permitted. All of them by default.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(BackupIdCompleter))]
    public string[]? BackupId { get; set; }

    /// <summary>Names of the stores that are to have copies.</summary>
    [Parameter(ParameterSetName = ClusterSet, HelpMessage = "Names of the cluster's stores that are to have a copy; wildcards are permitted. All by default.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(StoreNameCompleter))]
    public string[]? Store { get; set; }

    /// <summary>Backup files.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        HelpMessage = "Backup files; wildcards are permitted.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Path { get; set; }

    /// <summary>The folder that the files are copied to.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = PathSet, HelpMessage = "Folder for the copies, made where it does not exist.")]
    [ValidateNotNullOrEmpty]
    public string? Destination { get; set; }

    /// <summary>Damaged copies are replaced.</summary>
    [Parameter(HelpMessage = "Put a good copy in the place of one that is damaged, unreadable or another file.")]
    public SwitchParameter Force { get; set; }

    private readonly List<string> _wanted = [];

    private protected override void ProcessInput()
    {
        if (ParameterSetName == PathSet)
        {
            foreach (string path in Path!)
            {
                TryItem(path, () => CopyFiles(path));
            }
            return;
        }
        // The catalogue is read once, whatever comes down the pipeline.
        _wanted.AddRange(BackupId ?? ["*"]);
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (_wanted.Count > 0)
        {
            Guard(() => CopyInCluster(Cluster!.Find(Paths)));
        }
    }

    private void CopyInCluster(ClusterDefinition cluster)
    {
        using var sources = StoreSet.Of(cluster, names: null, Pins.Asker);
        using var targets = StoreSet.Of(cluster, Store, Pins.Asker);
        var catalogue = sources.Read(cluster.Id, cluster.RetentionPolicy.MaximumVerificationAge, WriteWarning, WriteError, StopToken);
        List<BackupInfo> chosen = [.. catalogue.Backups.Where(b => _wanted.Exists(w => WildcardPattern.Get(w, Anyhow).IsMatch(b.BackupId)))];
        foreach (string missing in _wanted.Where(w => !WildcardPattern.ContainsWildcardCharacters(w) && !chosen.Exists(c => c.BackupId == w)))
        {
            WriteError(Errors.From(new HsmBackupException(ErrorCode.BackupNotFound, $"None of the stores of cluster '{cluster.Name}' that could be looked into has a backup {missing}.",
                "Get-HsmBackup -Cluster lists what there is.")
            { Target = missing }, missing));
        }
        // A store that cannot be looked into now may well have the copy; it is tried when nothing else is known.
        HashSet<string> away = [.. catalogue.MissingStores.Where(m => m.Error.Code == ErrorCode.StoreUnmounted
            && targets.All.Any(t => t.Name == m.Store && t.Kind == StoreKind.Offline)).Select(m => m.Store)];
        // What retention gives up is not brought back by itself; who names a backup wants it.
        HashSet<string> expired = _wanted.TrueForAll(w => w == "*") ? RetentionCommand.FindExpired(cluster, sources, StopToken) : [];
        foreach (BackupInfo backup in chosen.Where(b => !expired.Contains(b.BackupId)))
        {
            List<IBackupStore> lacking = [.. targets.All.Where(t => !away.Contains(t.Name) && Lacks(backup, t))];
            if (lacking.Count > 0)
            {
                TryItem(backup.BackupId, () => Copy(cluster, backup, sources.All, lacking));
            }
        }
    }

    private bool Lacks(BackupInfo backup, IBackupStore store)
    {
        BackupCopy? there = backup.Copies.FirstOrDefault(c => c.Store == store.Name);
        return there is null || (there.State != CopyState.Present && Force);
    }

    private void CopyFiles(string path)
    {
        IReadOnlyList<string> files = Paths.Matches(path);
        if (files.Count == 0)
        {
            throw Errors.NoBackupAt(path);
        }
        using var target = StoreSet.Of([Paths.Literal(Destination!)]);
        foreach (string file in files.Where(f => f == path || f.EndsWith(BackupFormat.FileExtension, StringComparison.Ordinal)))
        {
            TryItem(file, () =>
            {
                using var source = StoreSet.Of([System.IO.Path.GetDirectoryName(file)!]);
                BackupInfo backup = BackupCatalogue.WithTests([BackupCatalogue.Read(file)], stateFolder: null).Single();
                Copy(cluster: null, backup, source.All, target.All);
            });
        }
    }

    private void Copy(ClusterDefinition? cluster, BackupInfo backup, IReadOnlyList<IBackupStore> sources, IReadOnlyList<IBackupStore> targets)
    {
        if (!ShouldProcess(string.Join(", ", targets.Select(t => t.Name)), $"Copy backup {backup.BackupId}"))
        {
            return;
        }
        Audited(backup.BackupId, cluster, record => Copy(record, new CopyRequest { Backup = backup, Sources = sources, Targets = targets, ReplaceDamaged = Force }));
    }

    private void Copy(AuditedAction record, CopyRequest request)
    {
        BackupInfo backup = request.Backup;
        record.About(backup.ClusterId, backup.ClusterName);
        record.Note("backup", backup.BackupId);
        CopiedBackup copied = WithProgress((progress, stop) => CopyOperation.Run(request, progress, stop));
        record.Note("copies", string.Join(", ", copied.Copies.Select(c => $"{c.Store}: {c.Outcome}")));
        WriteObject(copied);
        TryItem(backup.BackupId, () => TestRecords.Add(stateFolder: null, copied.Tests));
        foreach (CopyResult failed in copied.Copies.Where(c => !c.IsThere))
        {
            WriteError(Errors.From(new HsmBackupException(ErrorCode.CopyFailed, $"Backup {backup.BackupId} was not copied to '{failed.Store}': {failed.Error!.Message}",
                failed.Error.RecommendedAction, failed.Error)
            { Target = failed.Location }, failed.Store));
        }
    }
}
