using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Stores;

/// <summary>
/// A place where files of backups live: the backups themselves, and small documents beside them. Whatever happens while a file is written,
/// no name of the list ever leads to a part of it. Every member can be called from several threads.
/// </summary>
/// <remarks>
/// All members throw a <see cref="HsmBackupException"/> that says what to do: StoreUnavailable (no answer, or a broken one, after the
/// retries that are safe), StoreUnmounted (the medium is not there), StoreRefused (who asks may not), StoreUntrusted (it is not known who
/// answers), DiskFull, BackupNotFound (no file of that name), IntegrityFailed (it does not read back as it was written), Cancelled.
/// </remarks>
public interface IBackupStore : IDisposable
{
    /// <summary>What people call it: its name in the definition of the cluster, or its location.</summary>
    string Name { get; }

    /// <summary>What it is.</summary>
    StoreKind Kind { get; }

    /// <summary>The full path of its folder, or the address of its collection, without any secret.</summary>
    string Location { get; }

    /// <summary>The rule of retention that copies in it fall under, whatever their headers say.</summary>
    RetentionClass RetentionClass { get; }

    /// <summary>All files of the store in the order of their names, without those that are being written.</summary>
    IReadOnlyList<StoreItem> List(CancellationToken cancellationToken);

    /// <summary>The path of a file where the store is a folder of this machine; null elsewhere.</summary>
    /// <param name="name">The file's name, without a folder.</param>
    string? LocalPath(string name);

    /// <summary>The full path of a file, or its address.</summary>
    /// <param name="name">The file's name.</param>
    string LocationOf(string name) => LocalPath(name) ?? $"{Location.TrimEnd('/')}/{Uri.EscapeDataString(name)}";

    /// <summary>The first bytes of a file; all of it where it is shorter.</summary>
    /// <param name="name">The file's name.</param>
    /// <param name="count">How many.</param>
    /// <param name="cancellationToken">Stops it.</param>
    byte[] ReadStart(string name, int count, CancellationToken cancellationToken);

    /// <summary>Copies a whole file. A connection that breaks is taken up where it broke, and the result is of one version of the file.</summary>
    /// <param name="name">The file's name.</param>
    /// <param name="destination">Takes the bytes.</param>
    /// <param name="cancellationToken">Stops it.</param>
    void Read(string name, Stream destination, CancellationToken cancellationToken);

    /// <summary>
    /// Adds a file: written under another name, read back, compared, and only then given its name. It never takes the place of another.
    /// </summary>
    /// <param name="name">Its name.</param>
    /// <param name="content">What is in it, from its beginning; a stream that can seek.</param>
    /// <param name="cancellationToken">Stops it; nothing is left behind where the store still answers.</param>
    /// <exception cref="HsmBackupException">
    /// As for all members; CopyExists: there is a file of that name. Its result is an <see cref="AdditionInDoubt"/> where the file may have
    /// got its name all the same.
    /// </exception>
    StoreItem Add(string name, Stream content, CancellationToken cancellationToken);

    /// <summary>Puts a file in the place of any of that name, as <see cref="Add"/> does: its readers see the old one or the new one.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="content">What is in it, from its beginning; a stream that can seek.</param>
    /// <param name="cancellationToken">Stops it.</param>
    void Replace(string name, Stream content, CancellationToken cancellationToken);

    /// <summary>Writes a small document, in place of any of that name, so that its readers see the old one or the new one.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="content">What is in it.</param>
    /// <param name="cancellationToken">Stops it.</param>
    void Replace(string name, ReadOnlySpan<byte> content, CancellationToken cancellationToken)
    {
        using var document = new MemoryStream(content.ToArray(), writable: false);
        Replace(name, document, cancellationToken);
    }

    /// <summary>Removes a file; one that is not there is no error.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="cancellationToken">Stops it.</param>
    void Remove(string name, CancellationToken cancellationToken);
}

/// <summary>A file in a store.</summary>
/// <param name="Name">Its name, without a folder.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Modified">When it was last written, by the store's clock, in UTC.</param>
/// <param name="Version">What changes with its content where the store knows such a thing (a strong ETag); else null.</param>
public sealed record StoreItem(string Name, long Length, DateTimeOffset Modified, string? Version);
