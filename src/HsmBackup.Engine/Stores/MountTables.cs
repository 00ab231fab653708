using System.Globalization;
using System.Text.RegularExpressions;

namespace HsmBackup.Engine.Stores;

/// <summary>What is to be mounted and what is mounted, as Linux keeps it (fstab(5), proc_pid_mounts(5)).</summary>
/// <param name="Configured">The file of what is to be mounted.</param>
/// <param name="Mounted">The file of what is mounted.</param>
internal sealed partial record MountTables(string Configured, string Mounted)
{
    /// <summary>Those of this machine. Elsewhere than on Linux there are none.</summary>
    public static readonly MountTables OfThisMachine = new("/etc/fstab", "/proc/self/mounts");

    /// <summary>The place at or above a folder where something is to be mounted, and is not; null where all is as it should be.</summary>
    public string? FindUnmounted(string folder)
    {
        if (!File.Exists(Configured) || !File.Exists(Mounted))
        {
            return null;
        }
        HashSet<string> mounted = [.. PointsOf(Mounted)];
        return PointsOf(Configured).FirstOrDefault(p => !mounted.Contains(p) && IsAtOrAbove(p, folder));
    }

    private static bool IsAtOrAbove(string point, string folder) =>
        point == "/" || folder == point || folder.StartsWith(point + "/", StringComparison.Ordinal);

    /// <summary>The second field of each line. Swap has "none" there, which is no path.</summary>
    private static IEnumerable<string> PointsOf(string path) => File.ReadLines(path)
        .Select(line => line.Split([' ', '\t'], 3, StringSplitOptions.RemoveEmptyEntries))
        .Where(fields => fields.Length > 1 && fields[0][0] != '#' && fields[1][0] == '/')
        .Select(fields => Octal().Replace(fields[1], m => ((char)Convert.ToInt32(m.Groups[1].Value, 8)).ToString(CultureInfo.InvariantCulture)))
        .Select(point => point.Length > 1 ? point.TrimEnd('/') : point);

    // Both tables write blanks, tabs, line breaks and the backslash by their codes.
    [GeneratedRegex(@"\\([0-7]{3})")]
    private static partial Regex Octal();
}
