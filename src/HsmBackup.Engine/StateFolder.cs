namespace HsmBackup.Engine;

/// <summary>Where this program keeps what it must remember between runs: journals and safety backups.</summary>
internal static class StateFolder
{
    /// <summary>
    /// The folder that was named, or <c>$HSMBACKUP_HOME/state</c>, or the user's state folder (XDG on Unix, local application data
    /// on Windows). It need not be there.
    /// </summary>
    public static string Locate(string? named) => Path.GetFullPath(named ?? Default());

    /// <summary>Makes the folder, private to its owner.</summary>
    /// <exception cref="HsmBackupException">DestinationUnwritable.</exception>
    public static void Create(string folder)
    {
        try
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
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, folder);
        }
    }

    /// <summary>Holds a lock for as long as the result is not disposed; it dies with the process.</summary>
    /// <exception cref="HsmBackupException">Busy: another process holds it. DestinationUnwritable, DiskFull.</exception>
    public static IDisposable Lock(string path, string what)
    {
        try
        {
            return CreateFile(path);
        }
        catch (IOException e) when (FileErrors.MeansInUse(e))
        {
            throw new HsmBackupException(ErrorCode.Busy, $"Another process is busy with {what} (it holds '{path}').",
                "Wait until it is done, then run the command again.", e)
            { Target = path };
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, path);
        }
    }

    /// <summary>The same, for what others hold for a moment only.</summary>
    /// <param name="path">The file of the lock.</param>
    /// <param name="what">What it guards.</param>
    /// <param name="patience">How long to wait for it.</param>
    /// <exception cref="HsmBackupException">Busy: another process holds it for longer. DestinationUnwritable, DiskFull.</exception>
    public static IDisposable Lock(string path, string what, TimeSpan patience)
    {
        long began = Environment.TickCount64;
        while (true)
        {
            try
            {
                return Lock(path, what);
            }
            catch (HsmBackupException e) when (e.Code == ErrorCode.Busy && Environment.TickCount64 - began < patience.TotalMilliseconds)
            {
                Thread.Sleep(10);
            }
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
