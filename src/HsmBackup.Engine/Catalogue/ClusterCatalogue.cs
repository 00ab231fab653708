using System.Collections.Concurrent;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Catalogue;

/// <summary>Where backups are looked for, and which.</summary>
public sealed record CatalogueRequest
{
    /// <summary>How long a passed test counts where nothing else is said.</summary>
    public static readonly TimeSpan DefaultProofAge = TimeSpan.FromDays(90);

    /// <summary>The stores, the most trusted first.</summary>
    public required IReadOnlyList<IBackupStore> Stores { get; init; }

    /// <summary>The cluster; null for all.</summary>
    public string? ClusterId { get; init; }

    /// <summary>How long a passed test counts.</summary>
    public TimeSpan MaximumProofAge { get; init; } = DefaultProofAge;

    /// <summary>The state folder, where tests are remembered; null for that of this account.</summary>
    public string? StateFolder { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>A file that has the name of a backup and cannot be read as one.</summary>
/// <param name="Store">Name of its store.</param>
/// <param name="Location">Its full path or address.</param>
/// <param name="Error">Why.</param>
public sealed record UnreadableBackup(string Store, string Location, HsmBackupException Error);

/// <summary>A store that could not be looked into.</summary>
/// <param name="Store">Its name.</param>
/// <param name="Error">Why.</param>
public sealed record MissingStore(string Store, HsmBackupException Error);

/// <summary>The backups in several stores, by their headers alone. What is in headers are claims; what tests showed is remembered on this machine.</summary>
public sealed class ClusterCatalogue
{
    // One read is enough for the header of every backup that this program writes.
    private const int UsualHeader = 2048;
    private const int RemoteReaders = 8;
    private const int MaxPreamble = BackupFormat.MaxHeaderLength + 64;

    private ClusterCatalogue(IReadOnlyList<BackupInfo> backups, IReadOnlyList<UnreadableBackup> unreadable, IReadOnlyList<MissingStore> missing)
    {
        Backups = backups;
        Unreadable = unreadable;
        MissingStores = missing;
    }

    /// <summary>The backups, oldest first, each once with all its copies.</summary>
    public IReadOnlyList<BackupInfo> Backups { get; }

    /// <summary>Files with the name of a backup that are none, or that cannot be read.</summary>
    public IReadOnlyList<UnreadableBackup> Unreadable { get; }

    /// <summary>Stores that could not be looked into.</summary>
    public IReadOnlyList<MissingStore> MissingStores { get; }

    /// <summary>Looks into the stores.</summary>
    /// <exception cref="HsmBackupException">Cancelled; BackupUnreadable: of the records of tests. What is wrong with a store is in the result.</exception>
    public static ClusterCatalogue Read(CatalogueRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var tests = new ConcurrentDictionary<string, TestRecords>(StringComparer.Ordinal);
        // While the stores are looked into: of many backups that takes as long.
        Task? expected = request.ClusterId is { } cluster ? Task.Run(() => RecordsOf(cluster), cancellationToken) : null;
        var found = new List<FoundCopy>();
        var unreadable = new List<UnreadableBackup>();
        var missing = new List<MissingStore>();
        var folders = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (IBackupStore store in request.Stores)
        {
            try
            {
                CheckFolder(store, folders);
                ReadStore(store, found, unreadable, cancellationToken);
            }
            catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
            {
                missing.Add(new MissingStore(store.Name, e));
            }
        }
        expected?.GetAwaiter().GetResult();
        // A file that cannot be read is a copy of the backup that it is named after, where there is another copy to tell whose that is.
        ILookup<string, FoundCopy> illegible = found.Where(f => f.Info is null).ToLookup(f => f.BackupId, StringComparer.Ordinal);
        List<BackupInfo> backups = [.. found.Where(f => f.Info is not null && (request.ClusterId is null || f.Info.ClusterId == request.ClusterId))
            .GroupBy(f => (f.BackupId, f.Info!.ClusterId))
            .Select(g => CopiesOfBackup.Join([.. g], [.. illegible[g.Key.BackupId]], RecordsOf(g.Key.ClusterId), request))
            .OrderBy(b => b.BackupId, StringComparer.Ordinal)];
        return new ClusterCatalogue(backups, unreadable, missing);

        TestRecords RecordsOf(string id) => tests.GetOrAdd(id, i => TestRecords.Read(request.StateFolder, i));
    }

    private static void CheckFolder(IBackupStore store, Dictionary<string, string> folders)
    {
        if (store.Kind != StoreKind.WebDav && !folders.TryAdd(RealPath.Of(store.Location), store.Name))
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument,
                $"The store '{store.Name}' is the same folder as the store '{folders[RealPath.Of(store.Location)]}': its copies are no copies of their own.",
                "Name each folder once in the definition.")
            { Target = store.Location };
        }
        StoreFolder.Check(store);
    }

    private static void ReadStore(IBackupStore store, List<FoundCopy> found, List<UnreadableBackup> unreadable, CancellationToken cancellationToken)
    {
        IReadOnlyList<StoreItem> items = store.List(cancellationToken);
        HashSet<string> documents = [.. items.Select(i => i.Name).Where(n => !StoreFile.IsBackup(n))];
        List<StoreItem> files = [.. items.Where(i => StoreFile.IsBackup(i.Name))];
        var copies = new FoundCopy[files.Count];
        var errors = new HsmBackupException?[files.Count];
        bool isLocal = files.Count > 0 && store.LocalPath(files[0].Name) is not null;
        try
        {
            Parallel.For(0, files.Count, new ParallelOptions
            {
                CancellationToken = cancellationToken,
                MaxDegreeOfParallelism = isLocal ? Environment.ProcessorCount : RemoteReaders,
            }, i =>
            {
                StoreItem item = files[i];
                string id = StoreFile.IdOf(item.Name);
                BackupInfo? info = null;
                try
                {
                    info = BackupInfo.Of(ReadPreamble(store, item.Name, cancellationToken), store.LocationOf(item.Name), item.Length);
                }
                catch (HsmBackupException e) when (e.Code is not (ErrorCode.StoreUnavailable or ErrorCode.StoreUnmounted or ErrorCode.Cancelled))
                {
                    errors[i] = e;
                }
                copies[i] = new FoundCopy(store, item, id, info)
                {
                    Held = documents.Count > 0 && documents.Contains(StoreFile.OfHold(id)),
                    Pending = documents.Count > 0 && documents.Contains(StoreFile.OfRemoval(id)),
                };
            });
        }
        catch (AggregateException e) when (e.InnerExceptions.OfType<HsmBackupException>().FirstOrDefault() is { } first)
        {
            // The store went away: half of what it holds would pass for all of it.
            throw first;
        }
        catch (OperationCanceledException e)
        {
            throw new HsmBackupException(ErrorCode.Cancelled, "The search for backups was stopped.", "Run the command again.", e);
        }
        for (int i = 0; i < files.Count; i++)
        {
            if (errors[i] is { Code: ErrorCode.BackupNotFound })
            {
                // It was removed since the list was made.
                continue;
            }
            found.Add(copies[i]);
            if (errors[i] is { } error)
            {
                unreadable.Add(new UnreadableBackup(store.Name, copies[i].Location, error));
            }
        }
    }

    /// <summary>The header of one backup in a store.</summary>
    /// <param name="store">The store.</param>
    /// <param name="backupId">The backup.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HsmBackupException">Of the store, BackupNotFound among them; NotABackup, HeaderInvalid and the like.</exception>
    public static BackupHeader ReadHeader(IBackupStore store, string backupId, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        return ReadPreamble(store, StoreFile.OfBackup(backupId), cancellationToken).Header;
    }

    private static BackupPreamble ReadPreamble(IBackupStore store, string name, CancellationToken cancellationToken)
    {
        string location = store.LocationOf(name);
        byte[] start = store.ReadStart(name, UsualHeader, cancellationToken);
        BackupPreamble preamble = BackupFile.TryReadHeader(start, start.Length < UsualHeader, location)
            ?? BackupFile.TryReadHeader(store.ReadStart(name, MaxPreamble, cancellationToken), isWhole: true, location)!;
        return preamble.Header.Id.FileName == name ? preamble : throw new HsmBackupException(ErrorCode.HeaderInvalid,
            $"'{location}' is named after another backup: its header says that it is {preamble.Header.Id}.",
            "If it is a good backup that somebody renamed, give it its name back; it is not used under this one.")
        { Target = location };
    }
}
