using System.Runtime.Versioning;
using System.Security.AccessControl;
using System.Security.Principal;

namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>Files that only their owner can read and replace.</summary>
internal static class PrivateFile
{
    private const UnixFileMode ForOthers = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>
    /// Refuses a path on which somebody else could put another file in place of the right one: a folder that everybody may write to,
    /// unless its sticky bit keeps them from the files of others (/tmp). Both the path as it is written and what its links lead to.
    /// </summary>
    /// <exception cref="HsmBackupException">PinSourceRefused.</exception>
    public static void CheckPath(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        foreach (string way in new[] { Path.GetFullPath(path), Protection.RealPath.Of(path) }.Distinct(StringComparer.Ordinal))
        {
            for (string? folder = Path.GetDirectoryName(way); folder is not null; folder = Path.GetDirectoryName(folder))
            {
                UnixFileMode mode = File.GetUnixFileMode(folder);
                if (mode.HasFlag(UnixFileMode.OtherWrite) && !mode.HasFlag(UnixFileMode.StickyBit))
                {
                    throw Refused(path, $"everybody may put files into its folder '{folder}'", $"chmod o-w '{folder}'");
                }
            }
        }
    }

    /// <summary>Opens a file for reading, after making sure of the very file that is open.</summary>
    /// <exception cref="HsmBackupException">PinSourceRefused.</exception>
    public static FileStream Open(string path)
    {
        // First by its name: to open a pipe would wait until somebody writes into it.
        FileOwner.Information before = OperatingSystem.IsWindows() ? default : FileOwner.Of(path);
        if (!OperatingSystem.IsWindows())
        {
            CheckUnix(path, before);
        }
        var file = new FileStream(path, new FileStreamOptions { Share = FileShare.ReadWrite, BufferSize = 0 });
        try
        {
            if (OperatingSystem.IsWindows())
            {
                CheckWindows(path, file);
            }
            else
            {
                CheckUnix(path, FileOwner.Of(file.SafeFileHandle));
            }
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static void CheckUnix(string path, FileOwner.Information information)
    {
        if (!information.IsRegular)
        {
            throw Refused(path, "it is not a regular file", "name a regular file");
        }
        if (information.UserId != 0 && information.UserId != FileOwner.CurrentUser)
        {
            throw Refused(path, $"it belongs to user {information.UserId}, and not to the user of this process or root", $"chown it to user {FileOwner.CurrentUser}");
        }
        if ((information.Mode & ForOthers) != 0)
        {
            throw Refused(path, $"others than its owner have rights on it (mode {Convert.ToString((int)information.Mode, 8).PadLeft(4, '0')})", $"chmod 600 '{path}'");
        }
    }

    [SupportedOSPlatform("windows")]
    private static void CheckWindows(string path, FileStream file)
    {
        using WindowsIdentity user = WindowsIdentity.GetCurrent();
        FileSecurity security = file.GetAccessControl();
        foreach (FileSystemAccessRule rule in security.GetAccessRules(includeExplicit: true, includeInherited: true, typeof(SecurityIdentifier)))
        {
            var who = (SecurityIdentifier)rule.IdentityReference;
            bool trusted = who == user.User || who.IsWellKnown(WellKnownSidType.LocalSystemSid) || who.IsWellKnown(WellKnownSidType.BuiltinAdministratorsSid);
            if (rule.AccessControlType == AccessControlType.Allow && !trusted)
            {
                throw Refused(path, $"its access list lets {who} in", "leave only yourself, SYSTEM and Administrators in its access list");
            }
        }
    }

    private static HsmBackupException Refused(string path, string why, string remedy) => new(ErrorCode.PinSourceRefused,
        $"The file '{path}' is not used, because a secret is not safe there: {why}.",
        $"Make the file private to its owner ({remedy}), or keep the secret elsewhere.")
    { Target = path };
}
