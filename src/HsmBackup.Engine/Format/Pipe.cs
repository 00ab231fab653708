using System.Runtime.InteropServices;

namespace HsmBackup.Engine.Format;

/// <summary>Opening a named pipe waits for somebody to write to it, for ever. One in a folder of backups must not stop a listing.</summary>
internal static partial class Pipe
{
    private const int ReadOnly = 0;
    private const int SeekCurrent = 1;

    // O_NONBLOCK differs: Linux 04000, macOS and the BSDs 4.
    private static readonly int NonBlocking = OperatingSystem.IsLinux() ? 0x800 : 0x4;

    /// <summary>True for what opens and cannot be read from any place: a pipe, a terminal. False for what does not open at all.</summary>
    public static bool Is(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return false;
        }
        int descriptor = Open(path, ReadOnly | NonBlocking);
        if (descriptor < 0)
        {
            return false;
        }
        bool seekable = Seek(descriptor, 0, SeekCurrent) >= 0;
        _ = Close(descriptor);
        return !seekable;
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "lseek")]
    private static partial long Seek(int descriptor, long offset, int origin);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
