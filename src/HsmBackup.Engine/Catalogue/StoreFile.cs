using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Catalogue;

/// <summary>The names of what belongs to a backup in a store.</summary>
public static class StoreFile
{
    /// <summary>How the name of a hold ends: a document that keeps all copies of a backup.</summary>
    public const string HoldExtension = ".hold.json";

    /// <summary>How the name of a removal mark ends: a document that says since when a copy is to be removed.</summary>
    public const string RemovalExtension = ".removal.json";

    /// <summary>The file of a backup.</summary>
    public static string OfBackup(string backupId) => backupId + BackupFormat.FileExtension;

    /// <summary>The hold of a backup.</summary>
    public static string OfHold(string backupId) => backupId + HoldExtension;

    /// <summary>The removal mark of a backup.</summary>
    public static string OfRemoval(string backupId) => backupId + RemovalExtension;

    /// <summary>Whether a file has the name of a backup.</summary>
    public static bool IsBackup(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.EndsWith(BackupFormat.FileExtension, StringComparison.Ordinal);
    }

    /// <summary>The id that the name of a backup's file gives, whether it is one or not.</summary>
    public static string IdOf(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return IsBackup(name) ? name[..^BackupFormat.FileExtension.Length] : name;
    }
}
