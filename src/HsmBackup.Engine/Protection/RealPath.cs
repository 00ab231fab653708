namespace HsmBackup.Engine.Protection;

/// <summary>Where a path really leads, so that two names of one folder can be told to be one.</summary>
internal static class RealPath
{
    // As many as Linux follows; a ring of links must end in an error, not in a loop.
    private const int MaxLinks = 40;

    private static readonly StringComparison Comparison = OperatingSystem.IsWindows() || OperatingSystem.IsMacOS()
        ? StringComparison.OrdinalIgnoreCase
        : StringComparison.Ordinal;

    /// <summary>
    /// The absolute path with every symbolic link on the way resolved, junctions included. Parts that do not exist stay
    /// as they are.
    /// </summary>
    /// <exception cref="IOException">The links form a ring.</exception>
    public static string Of(string path)
    {
        string full = Path.GetFullPath(path);
        string real = Path.GetPathRoot(full)!;
        Stack<string> pending = new();
        Push(pending, full[real.Length..]);
        int links = 0;
        while (pending.TryPop(out string? part))
        {
            if (part == "..")
            {
                real = Path.GetDirectoryName(real) ?? real;
                continue;
            }
            string next = Path.Combine(real, part);
            string? target = part == "." ? null : new DirectoryInfo(next).LinkTarget;
            if (target is null)
            {
                real = part == "." ? real : next;
                continue;
            }
            if (++links > MaxLinks)
            {
                throw new IOException($"'{path}' leads through too many symbolic links.");
            }
            if (Path.IsPathRooted(target))
            {
                real = Path.GetPathRoot(Path.GetFullPath(target))!;
                target = target[Path.GetPathRoot(target)!.Length..];
            }
            Push(pending, target);
        }
        return real;
    }

    /// <summary>Whether a folder is another one or lies below it. Both paths come from <see cref="Of"/>.</summary>
    public static bool IsSameOrBelow(string folder, string other)
    {
        string prefix = Path.EndsInDirectorySeparator(other) ? other : other + Path.DirectorySeparatorChar;
        return (folder + Path.DirectorySeparatorChar).StartsWith(prefix, Comparison);
    }

    private static void Push(Stack<string> pending, string path)
    {
        string[] parts = path.Split(
            [Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries);
        foreach (string part in parts.Reverse())
        {
            pending.Push(part);
        }
    }
}
