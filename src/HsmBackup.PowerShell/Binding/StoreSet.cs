using System.Management.Automation;
using HsmBackup.Engine;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Stores;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Stores that a command works with: those of a cluster, or folders that were named. It disposes them.</summary>
internal sealed class StoreSet : IDisposable
{
    // A Turkish "I" must not decide which store is meant.
    private const WildcardOptions Anyhow = WildcardOptions.IgnoreCase | WildcardOptions.CultureInvariant;

    private StoreSet(IReadOnlyList<IBackupStore> all) => All = all;

    /// <summary>The stores.</summary>
    public IReadOnlyList<IBackupStore> All { get; }

    /// <summary>Stores of a cluster.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="names">Names or patterns; null for all of them.</param>
    /// <param name="asker">Who can be asked for passwords.</param>
    /// <exception cref="HsmBackupException">InvalidArgument: there is no such store, or none at all; PinUnavailable, PinSourceRefused.</exception>
    public static StoreSet Of(ClusterDefinition cluster, string[]? names, PinAsker asker)
    {
        if (cluster.Stores.Count == 0)
        {
            throw Errors.InvalidArgument($"The definition of cluster '{cluster.Name}' names no stores.",
                "Add the places where its backups live to \"stores\" in the definition, or name a folder.", cluster.Name);
        }
        foreach (string name in names ?? [])
        {
            if (!cluster.Stores.Any(s => IsMatch(name, s)))
            {
                throw Errors.InvalidArgument($"The cluster '{cluster.Name}' has no store '{name}'.",
                    $"It has these: {string.Join(", ", cluster.Stores.Select(s => s.Name))}.", name);
            }
        }
        return Open(cluster.Stores.Where(s => names is null || Array.Exists(names, n => IsMatch(n, s))), s => BackupStores.Open(s, asker));
    }

    /// <summary>Folders, each of them as a store.</summary>
    public static StoreSet Of(IEnumerable<string> folders) => Open(folders, f => new DirectoryStore(f));

    /// <summary>The folders that were named, else the stores of the cluster; empty where there are neither.</summary>
    /// <param name="folders">What -BackupPath says, as full paths; null where it was left out.</param>
    /// <param name="cluster">The cluster; null where its definition is lost.</param>
    /// <param name="asker">Who can be asked for passwords.</param>
    public static StoreSet Of(IEnumerable<string>? folders, ClusterDefinition? cluster, PinAsker asker) =>
        folders is not null ? Of(folders)
        : cluster is { Stores.Count: > 0 } ? Of(cluster, null, asker)
        : new StoreSet([]);

    /// <summary>Whether a text is the address of a file in a store, and not a path.</summary>
    public static bool IsAddress(string text) => text.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    /// <summary>Fetches a backup from the store that has its address.</summary>
    /// <exception cref="HsmBackupException">InvalidArgument: the cluster has no such store; and what a store can fail with.</exception>
    public static LocalBackup Fetch(string address, ClusterDefinition cluster, PinAsker asker, CancellationToken stop)
    {
        int split = address.LastIndexOf('/') + 1;
        ClusterStore place = cluster.Stores.FirstOrDefault(s => s.Kind == StoreKind.WebDav && s.Location.TrimEnd('/') == address[..(split - 1)])
            ?? throw Errors.InvalidArgument($"The cluster '{cluster.Name}' has no store at '{address[..split]}'.",
                $"It has these: {string.Join(", ", cluster.Stores.Select(s => $"{s.Name} ({s.Location})"))}.", address);
        using IBackupStore store = BackupStores.Open(place, asker);
        return LocalBackup.Fetch(store, Uri.UnescapeDataString(address[split..]), stateFolder: null, stop);
    }

    /// <summary>The backups in these stores; what is wrong with a store or a file is told.</summary>
    /// <param name="clusterId">The cluster; null for all.</param>
    /// <param name="proofAge">How long a passed test counts.</param>
    /// <param name="warn">Told of media that are away.</param>
    /// <param name="report">Told of all else.</param>
    /// <param name="stop">Stops it.</param>
    public ClusterCatalogue Read(string? clusterId, TimeSpan proofAge, Action<string> warn, Action<ErrorRecord> report, CancellationToken stop)
    {
        var catalogue = ClusterCatalogue.Read(new CatalogueRequest { Stores = All, ClusterId = clusterId, MaximumProofAge = proofAge }, stop);
        foreach (MissingStore missing in catalogue.MissingStores)
        {
            if (missing.Error.Code == ErrorCode.StoreUnmounted)
            {
                warn($"{missing.Error.Message} Its backups do not count.");
            }
            else
            {
                report(Errors.From(missing.Error, missing.Store));
            }
        }
        foreach (UnreadableBackup unreadable in catalogue.Unreadable)
        {
            report(Errors.From(unreadable.Error, unreadable.Location));
        }
        return catalogue;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IBackupStore store in All)
        {
            store.Dispose();
        }
    }

    private static bool IsMatch(string pattern, ClusterStore store) => WildcardPattern.Get(pattern, Anyhow).IsMatch(store.Name);

    private static StoreSet Open<T>(IEnumerable<T> places, Func<T, IBackupStore> open)
    {
        var stores = new List<IBackupStore>();
        try
        {
            stores.AddRange(places.Select(open));
            return new StoreSet(stores);
        }
        catch
        {
            stores.ForEach(s => s.Dispose());
            throw;
        }
    }
}
