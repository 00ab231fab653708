using System.Runtime.InteropServices;

namespace HsmBackup.Engine;

/// <summary>
/// Flushes a folder, after the files in it were flushed: a file is on disk only when its name is, and a power cut may
/// otherwise take a file away that was written in full.
/// </summary>
internal static partial class FolderFlush
{
    private const int ReadOnly = 0;

    /// <summary>Flushes the names in a folder to disk, as far as the system has a way to.</summary>
    /// <remarks>
    /// A refusal is no error for a caller: some network and FUSE file systems do not know this call for a folder, and the
    /// file itself has been flushed by then. Windows has no such call; NTFS keeps names in its journal.
    /// </remarks>
    /// <returns>Whether the system did it.</returns>
    public static bool TryFlush(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            return false;
        }
        int descriptor = Open(folder, ReadOnly);
        if (descriptor < 0)
        {
            return false;
        }
        bool flushed = FSync(descriptor) == 0;
        _ = Close(descriptor);
        return flushed;
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
