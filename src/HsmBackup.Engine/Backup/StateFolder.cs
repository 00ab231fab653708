namespace HsmBackup.Engine.Backup;

/// <summary>Where this program keeps what it must remember between runs: journals and safety backups.</summary>
internal static class StateFolder
{
    /// <summary>
    /// The folder that was named, or <c>$HSMBACKUP_HOME/state</c>, or the user's state folder (XDG on Unix, local application data
    /// on Windows). It is made private to its owner.
    /// </summary>
    /// <exception cref="HsmBackupException">DestinationUnwritable.</exception>
    public static string Resolve(string? named)
    {
        string folder = Path.GetFullPath(named ?? Default());
        try
        {
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(folder);
            }
            else if (!Directory.Exists(folder))
            {
                Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
            return folder;
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, folder);
        }
    }

    /// <summary>A new file that only its owner can read, in place of any of that name.</summary>
    public static FileStream CreateFile(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, Share = FileShare.None };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        return new FileStream(path, options);
    }

    private static string Default()
    {
        if (Environment.GetEnvironmentVariable("HSMBACKUP_HOME") is { Length: > 0 } home)
        {
            return Path.Combine(home, "state");
        }
        if (OperatingSystem.IsWindows())
        {
            return Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "HsmBackup", "State");
        }
        string state = Environment.GetEnvironmentVariable("XDG_STATE_HOME") is { Length: > 0 } xdg
            ? xdg
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state");
        return Path.Combine(state, "hsmbackup");
    }
}
