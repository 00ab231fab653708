using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>Whose a file is, which .NET does not say on Unix.</summary>
internal static unsafe partial class FileOwner
{
    // statx(2) of Linux has one layout on every processor; fstat has not.
    private const int StatxLength = 256;
    private const int StatxUserId = 20;
    private const int StatxMode = 28;
    private const int StatxNumber = 32;
    private const uint StatxTypeModeOwnerNumber = 0x1 | 0x2 | 0x8 | 0x100;
    private const int CurrentFolder = -100;
    private const int EmptyPath = 0x1000;

    // struct stat of macOS with 64-bit inodes, 144 bytes long.
    private const int MacMode = 4;
    private const int MacNumber = 8;
    private const int MacUserId = 16;

    private const int TypeMask = 0xF000;
    private const int RegularFile = 0x8000;

    /// <summary>What is known of a file.</summary>
    /// <param name="UserId">Its owner.</param>
    /// <param name="Mode">Its permissions.</param>
    /// <param name="IsRegular">Whether it is a file, and no folder, pipe or device.</param>
    /// <param name="Number">Its inode: another file under the same name has another one.</param>
    public readonly record struct Information(uint UserId, UnixFileMode Mode, bool IsRegular, ulong Number);

    /// <summary>The user that this process acts as.</summary>
    public static uint CurrentUser => geteuid();

    // There the plain names are those of a structure with 32-bit inodes.
    private static bool OnIntelMac => RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>Of a file that is open.</summary>
    public static Information Of(SafeFileHandle file)
    {
        byte* buffer = stackalloc byte[StatxLength];
        bool added = false;
        file.DangerousAddRef(ref added);
        try
        {
            int descriptor = (int)file.DangerousGetHandle();
            return OperatingSystem.IsMacOS()
                ? OfMac(OnIntelMac ? fstat64(descriptor, buffer) : fstat(descriptor, buffer), buffer, null)
                : OfLinux(statx(descriptor, "", EmptyPath, StatxTypeModeOwnerNumber, buffer), buffer, null);
        }
        finally
        {
            file.DangerousRelease();
        }
    }

    /// <summary>Of a file by its path; links are followed.</summary>
    public static Information Of(string path)
    {
        byte* buffer = stackalloc byte[StatxLength];
        return OperatingSystem.IsMacOS()
            ? OfMac(OnIntelMac ? stat64(path, buffer) : stat(path, buffer), buffer, path)
            : OfLinux(statx(CurrentFolder, path, 0, StatxTypeModeOwnerNumber, buffer), buffer, path);
    }

    private static Information OfLinux(int answer, byte* buffer, string? path)
    {
        ThrowIfFailed(answer, path);
        return Make(*(uint*)(buffer + StatxUserId), *(ushort*)(buffer + StatxMode), *(ulong*)(buffer + StatxNumber));
    }

    private static Information OfMac(int answer, byte* buffer, string? path)
    {
        ThrowIfFailed(answer, path);
        return Make(*(uint*)(buffer + MacUserId), *(ushort*)(buffer + MacMode), *(ulong*)(buffer + MacNumber));
    }

    private static Information Make(uint user, ushort mode, ulong number) =>
        new(user, (UnixFileMode)(mode & 0xFFF), (mode & TypeMask) == RegularFile, number);

    private static void ThrowIfFailed(int answer, string? path)
    {
        const int NoEntry = 2;
        const int NotAFolder = 20;
        if (answer == 0)
        {
            return;
        }
        int error = Marshal.GetLastPInvokeError();
        string message = new Win32Exception(error).Message;
        throw error is NoEntry or NotAFolder ? new FileNotFoundException(message, path) : new IOException(message);
    }

    [LibraryImport("libc")]
    private static partial uint geteuid();

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int statx(int folder, string path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fstat(int descriptor, byte* buffer);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int stat(string path, byte* buffer);

    [LibraryImport("libc", EntryPoint = "fstat$INODE64", SetLastError = true)]
    private static partial int fstat64(int descriptor, byte* buffer);

    [LibraryImport("libc", EntryPoint = "stat$INODE64", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int stat64(string path, byte* buffer);
}
