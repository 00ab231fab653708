using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Catalogue;

/// <summary>The backups in a folder, by their headers alone.</summary>
public static class BackupCatalogue
{
    /// <summary>Lists the backups of a folder, oldest first.</summary>
    /// <param name="folder">A folder; a folder that is not there has no backups.</param>
    /// <param name="unreadable">Files that have the name of a backup and are none.</param>
    public static IReadOnlyList<BackupInfo> List(string folder, out IReadOnlyList<HsmBackupException> unreadable)
    {
        var found = new List<BackupInfo>();
        var failed = new List<HsmBackupException>();
        unreadable = failed;
        if (!Directory.Exists(folder))
        {
            return found;
        }
        foreach (string path in FilesOf(folder))
        {
            try
            {
                found.Add(Read(path));
            }
            catch (HsmBackupException e)
            {
                failed.Add(e);
            }
        }
        return found;
    }

    /// <summary>Adds what is remembered of the tests of backups that were read as files.</summary>
    /// <param name="backups">The backups.</param>
    /// <param name="stateFolder">The state folder; null for that of this account.</param>
    /// <exception cref="HsmBackupException">BackupUnreadable: of the records of tests.</exception>
    public static IEnumerable<BackupInfo> WithTests(IReadOnlyList<BackupInfo> backups, string? stateFolder)
    {
        ArgumentNullException.ThrowIfNull(backups);
        var request = new CatalogueRequest { Stores = [], StateFolder = stateFolder };
        var tests = backups.Select(b => b.ClusterId).Distinct(StringComparer.Ordinal)
            .ToDictionary(id => id, id => TestRecords.Read(stateFolder, id), StringComparer.Ordinal);
        return backups.Select(b => CopiesOfBackup.OfFile(b, tests[b.ClusterId], request));
    }

    private static List<string> FilesOf(string folder)
    {
        try
        {
            return [.. Directory.EnumerateFiles(folder, "*" + BackupFormat.FileExtension).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HsmBackupException(ErrorCode.BackupUnreadable, $"The folder '{folder}' cannot be read: {e.Message}",
                "Check the rights of the account that runs this command.", e)
            { Target = folder };
        }
    }

    /// <summary>Reads the header of one backup.</summary>
    /// <exception cref="HsmBackupException">BackupNotFound, BackupUnreadable, NotABackup, UnsupportedVersion, HeaderInvalid.</exception>
    public static BackupInfo Read(string path) => BackupInfo.Of(BackupFile.ReadHeader(path), Path.GetFullPath(path), new FileInfo(path).Length);
}
