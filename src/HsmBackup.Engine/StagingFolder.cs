using System.Security.Cryptography;

namespace HsmBackup.Engine;

/// <summary>
/// A folder of one operation for files on their way to or from stores, private to its owner, in the state folder. It goes when the
/// operation ends; what a killed one has left goes with the next.
/// </summary>
internal sealed class StagingFolder : IDisposable
{
    private const string LockFile = "lock";

    private readonly IDisposable _lock;

    private StagingFolder(string path, IDisposable held)
    {
        Path = path;
        _lock = held;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Makes a folder.</summary>
    /// <param name="stateFolder">The state folder; null for that of this account.</param>
    /// <exception cref="HsmBackupException">DestinationUnwritable, DiskFull.</exception>
    public static StagingFolder Create(string? stateFolder)
    {
        string root = System.IO.Path.Combine(StateFolder.Locate(stateFolder), "staging");
        StateFolder.Create(root);
        using (StateFolder.Lock(System.IO.Path.Combine(root, LockFile), "the files that are on their way to stores", TimeSpan.FromSeconds(10)))
        {
            RemoveLeftovers(root);
            string path = System.IO.Path.Combine(root, RandomNumberGenerator.GetHexString(16, lowercase: true));
            StateFolder.Create(path);
            return new StagingFolder(path, StateFolder.Lock(System.IO.Path.Combine(path, LockFile), "its own files"));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _lock.Dispose();
        TryDelete(Path);
    }

    private static void RemoveLeftovers(string root)
    {
        foreach (string folder in Directory.EnumerateDirectories(root))
        {
            try
            {
                // Only the lock of an operation that lives cannot be taken.
                StateFolder.Lock(System.IO.Path.Combine(folder, LockFile), folder).Dispose();
            }
            catch (HsmBackupException)
            {
                continue;
            }
            TryDelete(folder);
        }
    }

    private static void TryDelete(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            // It holds nothing that could be read without its key; the next operation tries again.
        }
    }
}
