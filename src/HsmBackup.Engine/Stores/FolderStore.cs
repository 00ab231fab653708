using System.IO.Enumeration;
using HsmBackup.Engine.Format;
using Microsoft.Win32.SafeHandles;

namespace HsmBackup.Engine.Stores;

/// <summary>A store that is a folder of this machine. What the two kinds differ in is when the folder counts as being there.</summary>
public abstract class FolderStore : IBackupStore
{
    private protected FolderStore(string folder, string? name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        Location = Path.GetFullPath(folder);
        Name = name ?? Location;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public abstract StoreKind Kind { get; }

    /// <inheritdoc/>
    public string Location { get; }

    /// <inheritdoc/>
    public abstract RetentionClass RetentionClass { get; }

    /// <inheritdoc/>
    public IReadOnlyList<StoreItem> List(CancellationToken cancellationToken) => Run<IReadOnlyList<StoreItem>>(
        () => IsThere() ? [.. Files(cancellationToken).OrderBy(i => i.Name, StringComparer.Ordinal)] : [], cancellationToken);

    /// <inheritdoc/>
    public string? LocalPath(string name) => PathOf(name);

    /// <inheritdoc/>
    public byte[] ReadStart(string name, int count, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return Run(() =>
        {
            using SafeFileHandle? file = OpenFile(name, FileOptions.None);
            if (file is null)
            {
                return [];
            }
            byte[] start = new byte[count];
            int length = RandomAccess.Read(file, start, fileOffset: 0);
            return length == count ? start : start[..length];
        }, cancellationToken);
    }

    /// <inheritdoc/>
    public void Read(string name, Stream destination, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(destination);
        using Stream file = Run(() => Open(name), cancellationToken);
        byte[] buffer = new byte[HashedCopy.BufferSize];
        int read;
        while ((read = Run(() => file.Read(buffer), cancellationToken)) > 0)
        {
            // Not within Run: what the destination fails with is no failure of this store.
            destination.Write(buffer, 0, read);
        }
    }

    /// <inheritdoc/>
    public StoreItem Add(string name, Stream content, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(content);
        string path = PathOf(name);
        return Run(() =>
        {
            MakeReady();
            // Before a long copy rather than after it. Whoever comes in between is found when the file gets its name.
            if (Path.Exists(path) || !Write(name, content, overwrite: false, cancellationToken))
            {
                throw StoreErrors.Exists(this, name);
            }
            var file = new FileInfo(path);
            return new StoreItem(name, file.Length, file.LastWriteTimeUtc, null);
        }, cancellationToken);
    }

    /// <inheritdoc/>
    public void Replace(string name, Stream content, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(content);
        StoreName.Check(name);
        _ = Run(() =>
        {
            MakeReady();
            return Write(name, content, overwrite: true, cancellationToken);
        }, cancellationToken);
    }

    /// <inheritdoc/>
    public void Remove(string name, CancellationToken cancellationToken)
    {
        string path = PathOf(name);
        _ = Run(() =>
        {
            bool there = IsThere();
            if (there)
            {
                File.Delete(path);
                _ = FolderFlush.TryFlush(Location);
            }
            return there;
        }, cancellationToken);
    }

    /// <summary>Nothing is held between two calls.</summary>
    public void Dispose() => GC.SuppressFinalize(this);

    /// <summary>Whether there is a folder to look into.</summary>
    /// <exception cref="HsmBackupException">StoreUnmounted: there should be one.</exception>
    private protected abstract bool IsThere();

    /// <summary>Makes sure of a folder to write to.</summary>
    /// <exception cref="HsmBackupException">StoreUnmounted.</exception>
    private protected abstract void MakeReady();

    private bool Write(string name, Stream content, bool overwrite, CancellationToken cancellationToken)
    {
        FolderWrite.RemoveLeftovers(Location);
        content.Position = 0;
        using var write = new FolderWrite(Location, name);
        return write.Write(content, cancellationToken)
            ? write.Publish(overwrite)
            : throw StoreErrors.NotKept(this, name, "the SHA-256 of what the disk gives back is another one");
    }

    private Stream Open(string name) => OpenFile(name, FileOptions.SequentialScan) is { } file ? new FileStream(file, FileAccess.Read, bufferSize: 0) : Stream.Null;

    /// <summary>Opens a file; null where there is nothing in it.</summary>
    private SafeFileHandle? OpenFile(string name, FileOptions options)
    {
        string path = PathOf(name);
        try
        {
            // A pipe has no length either, and to open one would wait for somebody who writes into it.
            return new FileInfo(path).Length == 0 ? null
                : File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, options);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException || Directory.Exists(path))
        {
            // A medium that is away is another matter than a file that is not there.
            _ = IsThere();
            throw StoreErrors.NotFound(this, name, e);
        }
    }

    /// <summary>One look at each file. Folders, links and files whose names nobody could have given them here are none of ours.</summary>
    private FileSystemEnumerable<StoreItem> Files(CancellationToken cancellationToken) =>
        new(Location, (ref FileSystemEntry e) => new StoreItem(e.FileName.ToString(), e.Length, e.LastWriteTimeUtc, null),
            new EnumerationOptions { AttributesToSkip = 0, IgnoreInaccessible = false })
        {
            ShouldIncludePredicate = (ref FileSystemEntry e) =>
            {
                cancellationToken.ThrowIfCancellationRequested();
                return !e.IsDirectory && StoreName.IsValid(e.FileName.ToString()) && !IsLink(ref e);
            },
        };

    // Windows marks more than links by this attribute, such as files that it keeps only once.
    private static bool IsLink(ref FileSystemEntry entry) =>
        entry.Attributes.HasFlag(FileAttributes.ReparsePoint) && entry.ToFileSystemInfo().LinkTarget is not null;

    private string PathOf(string name)
    {
        StoreName.Check(name);
        return Path.Combine(Location, name);
    }

    private T Run<T>(Func<T> work, CancellationToken cancellationToken)
    {
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            return work();
        }
        catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested)
        {
            throw StoreErrors.Cancelled(this, e);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw StoreErrors.OfFolder(this, e);
        }
    }
}
