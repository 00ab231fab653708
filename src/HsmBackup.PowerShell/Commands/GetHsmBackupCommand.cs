using System.Management.Automation;
using HsmBackup.Engine;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Format;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Get-HsmBackup: lists backups by their headers; no key and no token is needed.</summary>
[Cmdlet(VerbsCommon.Get, "HsmBackup", DefaultParameterSetName = PathSet)]
[OutputType(typeof(BackupInfo))]
public sealed class GetHsmBackupCommand : HsmCommand
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";
    private const string ClusterSet = "Cluster";

    // A Turkish "I" must not decide which backup is meant.
    private const WildcardOptions Anyhow = WildcardOptions.IgnoreCase | WildcardOptions.CultureInvariant;

    private readonly List<BackupInfo> _found = [];

    /// <summary>Folders or backup files.</summary>
    [Parameter(Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        HelpMessage = "Folders or backup files; wildcards are permitted. The current location where it is left out.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Path { get; set; }

    /// <summary>Folders or backup files, taken as they are.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true,
        HelpMessage = "Folders or backup files, taken as they are written.")]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[]? LiteralPath { get; set; }

    /// <summary>The cluster whose stores are looked into.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ClusterSet,
        HelpMessage = "Name or path of a cluster definition, or the definition itself: its backups in all its stores, each once.")]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>Names of the stores that are looked into.</summary>
    [Parameter(ParameterSetName = ClusterSet, HelpMessage = "Names of the cluster's stores that are looked into; wildcards are permitted. All by default.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(StoreNameCompleter))]
    public string[]? Store { get; set; }

    /// <summary>Ids of the backups wanted.</summary>
    [Parameter(HelpMessage = "Ids of the backups wanted; wildcards are permitted.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(BackupIdCompleter))]
    public string[]? BackupId { get; set; }

    /// <summary>Names of the clusters wanted.</summary>
    [Parameter(HelpMessage = "Names of the clusters wanted (of a lone token: its label); wildcards are permitted.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? ClusterName { get; set; }

    /// <summary>Only the newest backup of each cluster.</summary>
    [Parameter(HelpMessage = "Only the newest backup of each cluster; with the other conditions, the newest that meets them.")]
    public SwitchParameter Latest { get; set; }

    /// <summary>Only backups that are known to restore.</summary>
    [Parameter(HelpMessage = "Only complete backups that passed a test of level Content or deeper on this machine, not too long ago.")]
    public SwitchParameter Restorable { get; set; }

    /// <summary>Only backups of which retention gives up a copy.</summary>
    [Parameter(ParameterSetName = ClusterSet,
        HelpMessage = "Only backups of which the retention policy gives up a copy; Remove-ExpiredHsmBackup -WhatIf tells the reasons.")]
    public SwitchParameter Expired { get; set; }

    private protected override void ProcessInput()
    {
        if (Cluster is not null)
        {
            ListStores(Cluster.Find(Paths));
            return;
        }
        foreach (string path in LiteralPath ?? [])
        {
            TryItem(path, () => List(Paths.Literal(path)));
        }
        foreach (string path in Path ?? (LiteralPath is null ? [Paths.Current] : []))
        {
            TryItem(path, () => ListMatches(path));
        }
    }

    /// <summary>Which backup is the newest is known only when all have been seen.</summary>
    protected override void EndProcessing()
    {
        foreach (IGrouping<string, BackupInfo> cluster in _found.GroupBy(backup => backup.ClusterName, StringComparer.Ordinal))
        {
            WriteObject(cluster.MaxBy(backup => backup.BackupId, StringComparer.Ordinal));
        }
    }

    private void ListStores(ClusterDefinition cluster)
    {
        using var stores = StoreSet.Of(cluster, Store, Pins.Asker);
        HashSet<string>? expired = Expired ? RetentionCommand.FindExpired(cluster, stores, StopToken) : null;
        foreach (BackupInfo backup in stores.Read(cluster.Id, cluster.RetentionPolicy.MaximumVerificationAge, WriteWarning, WriteError, StopToken).Backups)
        {
            if (expired is null || expired.Contains(backup.BackupId))
            {
                Write(backup);
            }
        }
    }

    private void ListMatches(string path)
    {
        IReadOnlyList<string> matches = Paths.Matches(path);
        bool isPattern = WildcardPattern.ContainsWildcardCharacters(path);
        if (matches.Count == 0 && !isPattern)
        {
            throw Errors.NoBackupAt(path);
        }
        foreach (string match in matches)
        {
            // A pattern such as * also finds files that never claimed to be backups.
            if (!isPattern || match.EndsWith(BackupFormat.FileExtension, StringComparison.Ordinal) || Directory.Exists(match))
            {
                TryItem(match, () => List(match));
            }
        }
    }

    private void List(string place)
    {
        IReadOnlyList<HsmBackupException> unreadable = [];
        IReadOnlyList<BackupInfo> backups = Directory.Exists(place) ? BackupCatalogue.List(place, out unreadable) : [BackupCatalogue.Read(place)];
        foreach (BackupInfo backup in BackupCatalogue.WithTests(backups, stateFolder: null))
        {
            Write(backup);
        }
        foreach (HsmBackupException error in unreadable)
        {
            WriteError(Errors.From(error, place));
        }
    }

    private void Write(BackupInfo backup)
    {
        if (!Matches(BackupId, backup.BackupId) || !Matches(ClusterName, backup.ClusterName) || (Restorable && !backup.Restorable))
        {
            return;
        }
        if (Latest)
        {
            _found.Add(backup);
        }
        else
        {
            WriteObject(backup);
        }
    }

    private static bool Matches(string[]? patterns, string value) =>
        patterns is null || Array.Exists(patterns, pattern => WildcardPattern.Get(pattern, Anyhow).IsMatch(value));
}
