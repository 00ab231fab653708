using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace HsmBackup.Engine.Stores;

/// <summary>
/// Writes one file of a folder: under a temporary name, flushed to the disk, read back and compared, and only then under its own.
/// While it lives it holds the temporary file locked, which tells the living from what killed runs have left.
/// </summary>
internal sealed partial class FolderWrite : IDisposable
{
    /// <summary>For no longer than this is a file not locked by its writer: it is made first and locked then.</summary>
    private static readonly TimeSpan UnlockedAtMost = TimeSpan.FromSeconds(5);

    private const int NotNeededAnyMore = 4;
    private const int UnixFileExists = 17;

    private readonly string _temporary;
    private readonly string _final;
    private readonly FileStream _file;

    /// <summary>Makes the temporary file.</summary>
    public FolderWrite(string folder, string name)
    {
        _final = Path.Combine(folder, name);
        _temporary = Path.Combine(folder, StoreName.Temporary(name));
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            // Windows renames an open file only where that is shared; Unix locks it for us alone.
            Share = OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.None,
            BufferSize = 0,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        _file = new FileStream(_temporary, options);
    }

    /// <summary>Writes the content to the disk and reads it back from there.</summary>
    /// <returns>Whether it is the same.</returns>
    public bool Write(Stream content, CancellationToken cancellationToken)
    {
        byte[] written = HashedCopy.Run(content, _file, cancellationToken);
        _file.Flush(flushToDisk: true);
        ForgetCached(_file.SafeFileHandle);
        _file.Position = 0;
        return HashedCopy.DigestOf(_file, cancellationToken).AsSpan().SequenceEqual(written);
    }

    /// <summary>Gives the file its name.</summary>
    /// <param name="overwrite">True where it takes the place of another of that name.</param>
    /// <returns>False where there is one of that name already and it stays.</returns>
    public bool Publish(bool overwrite)
    {
        if (OperatingSystem.IsWindows())
        {
            // Windows does not rename a file that is open.
            _file.Dispose();
        }
        // Elsewhere it stays locked until it has its name: another run would take it for a leftover.
        bool published = overwrite ? Rename(overwrite) : Link() ?? Rename(overwrite);
        if (published)
        {
            _ = FolderFlush.TryFlush(Path.GetDirectoryName(_final)!);
        }
        return published;
    }

    /// <summary>Removes the temporary name, which after <see cref="Publish"/> is not there any more.</summary>
    public void Dispose()
    {
        _file.Dispose();
        try
        {
            File.Delete(_temporary);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            // A medium that was pulled out. The failure itself is on its way already, and the name is never listed.
        }
    }

    /// <summary>Removes what killed runs have left in a folder.</summary>
    public static void RemoveLeftovers(string folder)
    {
        foreach (string path in Directory.EnumerateFiles(folder, ".*.partial", new EnumerationOptions { AttributesToSkip = FileAttributes.ReparsePoint }))
        {
            if (!StoreName.IsTemporary(Path.GetFileName(path)) || DateTime.UtcNow - File.GetLastWriteTimeUtc(path) < UnlockedAtMost)
            {
                continue;
            }
            try
            {
                // A running writer holds its file locked; what can be opened alone belongs to nobody any more.
                using (new FileStream(path, FileMode.Open, FileAccess.ReadWrite, OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.None))
                {
                    File.Delete(path);
                }
            }
            catch (Exception e) when (FileErrors.Covers(e))
            {
                continue;
            }
        }
    }

    /// <summary>
    /// A second name, then away with the first: link(2) never takes the place of a file, where rename(2) always does and File.Move
    /// only looks beforehand.
    /// </summary>
    /// <returns>Null where the file system has no second names, as FAT on a removable disk.</returns>
    private bool? Link()
    {
        if (OperatingSystem.IsWindows())
        {
            // Its rename refuses by itself.
            return null;
        }
        if (LinkFile(_temporary, _final) == 0)
        {
            File.Delete(_temporary);
            return true;
        }
        return Marshal.GetLastSystemError() == UnixFileExists ? false : null;
    }

    private bool Rename(bool overwrite)
    {
        try
        {
            File.Move(_temporary, _final, overwrite);
            return true;
        }
        catch (IOException) when (!overwrite && File.Exists(_final))
        {
            return false;
        }
    }

    /// <summary>
    /// Has the system drop what it keeps of a file in memory, after it was flushed: it is the disk that is to be read back. A system
    /// that does not know the call reads from its memory.
    /// </summary>
    private static void ForgetCached(SafeFileHandle file)
    {
        if (OperatingSystem.IsLinux() && Environment.Is64BitProcess)
        {
            _ = Advise(file, 0, 0, NotNeededAnyMore);
        }
    }

    [LibraryImport("libc", EntryPoint = "link", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int LinkFile(string existing, string added);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);
}
