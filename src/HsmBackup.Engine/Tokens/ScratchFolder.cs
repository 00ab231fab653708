using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// The folder of a throw-away token, private to its owner, in memory where the system has a memory file system. A lock in it is held for as
/// long as the token lives; what a killed process has left is known by a lock that nobody holds, and goes when the next folder is made.
/// </summary>
internal sealed partial class ScratchFolder : IDisposable
{
    private const string LockFile = "lock";
    private const int Tries = 3;

    // A folder without a lock is one that is being made at this moment, or was made by a version that had none.
    private static readonly TimeSpan Unlocked = TimeSpan.FromDays(1);

    private readonly FileStream _lock;

    private ScratchFolder(string path, FileStream held)
    {
        Path = path;
        _lock = held;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Where the library keeps its tokens; not made yet.</summary>
    public string Tokens => System.IO.Path.Combine(Path, "tokens");

    // Names of UNIX folders under a memory file system: keys of a trial restore then never reach a disk.
    private static string Root => Directory.Exists("/dev/shm") ? "/dev/shm" : System.IO.Path.GetTempPath();

    /// <summary>Makes a folder.</summary>
    public static ScratchFolder Create()
    {
        RemoveLeftovers();
        for (int attempt = 1; ; attempt++)
        {
            string path = System.IO.Path.Combine(Root, "hsmbackup-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)));
            CreatePrivate(path);
            try
            {
                return new ScratchFolder(path, TakeNew(System.IO.Path.Combine(path, LockFile)));
            }
            catch (IOException) when (attempt < Tries)
            {
                // Another process took it for a leftover.
                TryDelete(path);
            }
        }
    }

    /// <summary>A folder that only its owner can look into.</summary>
    public static void CreatePrivate(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (OperatingSystem.IsWindows())
        {
            // A file that is open does not go there.
            _lock.Dispose();
        }
        using (_lock)
        {
            // Under the lock: else another process takes it for a leftover, and both are at it.
            if (Directory.Exists(Path))
            {
                Directory.Delete(Path, recursive: true);
            }
        }
    }

    private static void RemoveLeftovers()
    {
        foreach (DirectoryInfo folder in new DirectoryInfo(Root).EnumerateDirectories("hsmbackup-*"))
        {
            if (NameForm().IsMatch(folder.Name) && folder.LinkTarget is null)
            {
                RemoveIfLeft(folder);
            }
        }
    }

    private static void RemoveIfLeft(DirectoryInfo folder)
    {
        try
        {
            using var held = new FileStream(System.IO.Path.Combine(folder.FullName, LockFile), FileMode.Open, FileAccess.Write,
                FileShare.None);
            if (OperatingSystem.IsWindows())
            {
                // A file that is open does not go there.
                held.Dispose();
            }
            // Under the lock: whoever has just made the folder and comes for its lock now must not get it, and lose the folder then.
            TryDelete(folder.FullName);
        }
        catch (FileNotFoundException)
        {
            if (folder.Exists && DateTime.UtcNow - folder.LastWriteTimeUtc > Unlocked)
            {
                TryDelete(folder.FullName);
            }
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            // It is in use, or another user's.
        }
    }

    /// <summary>Makes the lock and takes it, which on UNIX are two steps.</summary>
    /// <exception cref="IOException">
    /// In between another process took the folder for a leftover: it has the lock, or has removed it.
    /// </exception>
    private static FileStream TakeNew(string path)
    {
        var taken = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        if (!File.Exists(path))
        {
            taken.Dispose();
            throw new IOException($"'{path}' was removed by another process.");
        }
        return taken;
    }

    private static void TryDelete(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            // Another process is at it; what remains goes with the next.
        }
    }

    [GeneratedRegex(@"\Ahsmbackup-[0-9a-f]{16}\z")]
    private static partial Regex NameForm();
}
