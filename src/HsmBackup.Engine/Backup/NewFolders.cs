namespace HsmBackup.Engine.Backup;

/// <summary>
/// Makes the folders that an operation writes to, where they are not there yet, and takes them away again if it comes to
/// nothing: a backup that failed leaves no empty folder behind.
/// </summary>
internal sealed class NewFolders : IDisposable
{
    private readonly List<string> _made = [];

    /// <summary>Makes a folder and what is missing above it.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="forOwner">True for a folder that only its owner may open (Unix).</param>
    /// <exception cref="HsmBackupException">DestinationUnwritable, DiskFull.</exception>
    public void Make(string folder, bool forOwner)
    {
        string full = Path.GetFullPath(folder);
        List<string> missing = [];
        for (string? path = full; path is not null && !Directory.Exists(path); path = Path.GetDirectoryName(path))
        {
            missing.Add(path);
        }
        missing.Reverse();
        try
        {
            foreach (string path in missing)
            {
                MakeOne(path, forOwner);
                _made.Add(path);
            }
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, folder);
        }
    }

    /// <summary>The operation succeeded: the folders stay.</summary>
    public void Keep() => _made.Clear();

    /// <summary>Removes what was made, if nobody has put anything into it.</summary>
    public void Dispose()
    {
        foreach (string path in Enumerable.Reverse(_made))
        {
            try
            {
                Directory.Delete(path);
            }
            catch (Exception e) when (FileErrors.Covers(e))
            {
                return;
            }
        }
    }

    private static void MakeOne(string path, bool forOwner)
    {
        if (forOwner && !OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        else
        {
            Directory.CreateDirectory(path);
        }
    }
}
