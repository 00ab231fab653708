using System.Runtime.Versioning;
using System.Security.AccessControl;
using System.Security.Cryptography;
using System.Security.Principal;

namespace HsmBackup.Engine.Protection;

/// <summary>Where a key file may be made, and the making of it: for its owner alone, never over another file.</summary>
internal static class KeyFileDestination
{
    // At least what a key file takes, so that a full disk shows in the check and not after the backup.
    private const int ProbeLength = 4096;

    public static void Check(string path, string? backupFolder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        string full = Path.GetFullPath(path);
        string? folder = Path.GetDirectoryName(full);
        if (folder is null || Path.GetFileName(full).Length == 0 || Directory.Exists(full))
        {
            throw new HsmBackupException(
                ErrorCode.InvalidArgument,
                $"The key file '{path}' is a folder.",
                "Name a file that does not exist yet.")
            { Target = path };
        }
        if (Exists(full))
        {
            throw AlreadyThere(path, null);
        }
        try
        {
            CheckFolder(path, folder, backupFolder);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, path);
        }
    }

    /// <summary>Creates the file, writes it in one go and flushes it; on failure it is gone again.</summary>
    public static void Create(string path, ReadOnlySpan<byte> content)
    {
        string full = Path.GetFullPath(path);
        try
        {
            FileStream stream = CreateForOwner(full, FileOptions.None);
            try
            {
                using (stream)
                {
                    stream.Write(content);
                    stream.Flush(flushToDisk: true);
                }
                _ = FolderFlush.TryFlush(Path.GetDirectoryName(full)!);
            }
            catch
            {
                File.Delete(full);
                throw;
            }
        }
        catch (Exception e) when (FileErrors.MeansExists(e))
        {
            throw AlreadyThere(path, e);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, path);
        }
    }

    private static void CheckFolder(string path, string folder, string? backupFolder)
    {
        if (backupFolder is not null && RealPath.IsSameOrBelow(RealPath.Of(folder), RealPath.Of(backupFolder)))
        {
            throw BesideBackup(path, backupFolder);
        }
        // What a folder permits, and whether two paths are one folder (bind mounts, shares, letters of either case), is
        // known for certain only by trying: a file made in the one must not show in the other.
        string name = $".hsmbackup-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}.tmp";
        using FileStream probe = CreateForOwner(Path.Combine(folder, name), FileOptions.DeleteOnClose);
        probe.Write(new byte[ProbeLength]);
        probe.Flush(flushToDisk: true);
        if (backupFolder is not null && File.Exists(Path.Combine(backupFolder, name)))
        {
            throw BesideBackup(path, backupFolder);
        }
    }

    private static FileStream CreateForOwner(string full, FileOptions options) => OperatingSystem.IsWindows()
        ? CreateForOwnerOnWindows(full, options)
        : new FileStream(full, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Share = FileShare.None,
            Options = options,
            // Unbuffered: what is written here is a secret, and a stream's buffer is never wiped.
            BufferSize = 0,
            // Set as the file is made, so that there is no moment when others can open it.
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });

    [SupportedOSPlatform("windows")]
    private static FileStream CreateForOwnerOnWindows(string full, FileOptions options)
    {
        using WindowsIdentity user = WindowsIdentity.GetCurrent();
        FileSecurity security = new();
        security.SetAccessRuleProtection(isProtected: true, preserveInheritance: false);
        security.AddAccessRule(new FileSystemAccessRule(user.User!, FileSystemRights.FullControl, AccessControlType.Allow));
        return new FileInfo(full).Create(
            FileMode.CreateNew, FileSystemRights.FullControl, FileShare.None, bufferSize: 1, options, security);
    }

    // A link that leads nowhere is something too: making the file would fail, or make it somewhere else.
    private static bool Exists(string full) => File.Exists(full) || new FileInfo(full).LinkTarget is not null;

    private static HsmBackupException AlreadyThere(string path, Exception? cause) => new(
        ErrorCode.KeyFileExists,
        $"The key file '{path}' exists already. It may hold the only copy of another key and is not overwritten.",
        "Name a file that does not exist yet.",
        cause)
    { Target = path };

    private static HsmBackupException BesideBackup(string path, string backupFolder) => new(
        ErrorCode.KeyFileBesideBackup,
        $"The key file '{path}' would be in '{backupFolder}', the folder of the backup: whoever copies that folder would "
        + "have the key along with it.",
        "Name a file outside that folder, best on another medium.")
    { Target = path };
}
