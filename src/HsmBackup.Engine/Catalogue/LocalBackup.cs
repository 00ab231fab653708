using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Catalogue;

/// <summary>
/// A backup as a file of this machine: where its store is a folder the file itself, else a copy that goes when this is disposed. It is
/// encrypted, so that it may lie on a disk.
/// </summary>
public sealed class LocalBackup : IDisposable
{
    private readonly StagingFolder? _staging;

    private LocalBackup(string path, string location, StagingFolder? staging)
    {
        Path = path;
        Location = location;
        _staging = staging;
    }

    /// <summary>The full path of the file.</summary>
    public string Path { get; }

    /// <summary>Where the backup lives: the same, or its address.</summary>
    public string Location { get; }

    /// <summary>A file as it is.</summary>
    public static LocalBackup Of(string path) => new(System.IO.Path.GetFullPath(path), System.IO.Path.GetFullPath(path), null);

    /// <summary>A file of a store.</summary>
    /// <param name="store">The store.</param>
    /// <param name="name">The name of the file in it.</param>
    /// <param name="stateFolder">The state folder, where copies lie; null for that of this account.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HsmBackupException">Of the store; DestinationUnwritable, DiskFull.</exception>
    public static LocalBackup Fetch(IBackupStore store, string name, string? stateFolder, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        if (store.LocalPath(name) is { } path)
        {
            return Of(path);
        }
        var staging = StagingFolder.Create(stateFolder);
        try
        {
            string copy = System.IO.Path.Combine(staging.Path, name);
            using FileStream file = StateFolder.CreateFile(copy);
            store.Read(name, file, cancellationToken);
            return new LocalBackup(copy, store.LocationOf(name), staging);
        }
        catch (Exception e)
        {
            staging.Dispose();
            if (FileErrors.Covers(e))
            {
                throw FileErrors.From(e, staging.Path);
            }
            throw;
        }
    }

    /// <summary>A copy that the catalogue has found.</summary>
    /// <param name="copy">The copy.</param>
    /// <param name="stores">The stores that were looked into.</param>
    /// <param name="stateFolder">The state folder; null for that of this account.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HsmBackupException">As for <see cref="Fetch(IBackupStore, string, string?, CancellationToken)"/>.</exception>
    public static LocalBackup Fetch(BackupCopy copy, IReadOnlyList<IBackupStore> stores, string? stateFolder, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(copy);
        return Fetch(stores.First(s => s.Name == copy.Store), copy.FileName, stateFolder, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _staging?.Dispose();
}
