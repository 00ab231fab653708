using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace HsmBackup.Engine.Tests.Protection;

/// <summary>
/// A folder that may be read and not written, as long as this is held. Modes do not hold root back: there the thread opens files as nobody
/// (setfsuid), and every other thread goes on as root.
/// </summary>
internal sealed partial class ReadOnlyFolder : IDisposable
{
    private const uint Nobody = 65534;
    // The thread stays in root's group.
    private const UnixFileMode Passable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute;
    private const UnixFileMode Readable = Passable | UnixFileMode.UserRead | UnixFileMode.GroupRead;

    private readonly List<(string Path, UnixFileMode Mode)> _before = [];
    private readonly bool _isRoot = Environment.IsPrivilegedProcess;

    public ReadOnlyFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException();
        }
        SetMode(path, Readable);
        if (!_isRoot)
        {
            return;
        }
        for (DirectoryInfo? above = Directory.GetParent(path); above is not null && above.UnixFileMode != (above.UnixFileMode | Passable); above = above.Parent)
        {
            SetMode(above.FullName, above.UnixFileMode | Passable);
        }
        BecomeOrThrow(Nobody);
    }

    public void Dispose()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        if (_isRoot)
        {
            BecomeOrThrow(0);
        }
        foreach ((string path, UnixFileMode mode) in _before)
        {
            File.SetUnixFileMode(path, mode);
        }
    }

    [UnsupportedOSPlatform("windows")]
    private void SetMode(string path, UnixFileMode mode)
    {
        _before.Add((path, File.GetUnixFileMode(path)));
        File.SetUnixFileMode(path, mode);
    }

    // It tells nothing but who one was: the second call asks.
    private static void BecomeOrThrow(uint user)
    {
        _ = SetFileSystemUser(user);
        if (SetFileSystemUser(uint.MaxValue) != user)
        {
            throw new InvalidOperationException("setfsuid did not do what it was told.");
        }
    }

    [LibraryImport("libc", EntryPoint = "setfsuid")]
    private static partial uint SetFileSystemUser(uint user);
}
