using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Backup;

/// <summary>A backup as its public header shows it: nothing here is authenticated before the backup is tested.</summary>
public sealed record BackupInfo
{
    /// <summary>The backup's id.</summary>
    public required string BackupId { get; init; }

    /// <summary>The file.</summary>
    public required string Path { get; init; }

    /// <summary>When it was made, in UTC.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>Name of its cluster.</summary>
    public required string ClusterName { get; init; }

    /// <summary>Id of its cluster.</summary>
    public required string ClusterId { get; init; }

    /// <summary>Who can open it.</summary>
    public required BackupMode Mode { get; init; }

    /// <summary>How many objects the token had.</summary>
    public required int Objects { get; init; }

    /// <summary>How many of them are in the backup whole.</summary>
    public required int Captured { get; init; }

    /// <summary>True where that is all of them; otherwise the backup is Partial.</summary>
    public required bool Complete { get; init; }

    /// <summary>"Complete" or "Partial".</summary>
    public string State => Complete ? "Complete" : "Partial";

    /// <summary>How many objects have each verdict.</summary>
    public required VerdictCounts Verdicts { get; init; }

    /// <summary>How long it is to be kept.</summary>
    public required RetentionClass RetentionClass { get; init; }

    /// <summary>Size of the file in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>Check value of its one-time key.</summary>
    public required string KeyCheck { get; init; }

    /// <summary>The cluster's backup before this one; null for the first.</summary>
    public string? PreviousBackupId { get; init; }

    /// <summary>Who signed it; null where nobody did.</summary>
    public string? Signer { get; init; }

    /// <summary>The digest that the file ends with.</summary>
    internal string ReadDigest()
    {
        using FileStream file = File.OpenRead(Path);
        Span<byte> digest = stackalloc byte[BackupFormat.DigestLength];
        file.Seek(-BackupFormat.DigestLength, SeekOrigin.End);
        file.ReadExactly(digest);
        return Convert.ToHexStringLower(digest);
    }
}

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
    public static BackupInfo Read(string path)
    {
        BackupHeader header = BackupFile.ReadHeader(path).Header;
        return new BackupInfo
        {
            BackupId = header.Id.ToString(),
            Path = System.IO.Path.GetFullPath(path),
            Created = header.Created,
            ClusterName = header.ClusterName,
            ClusterId = header.ClusterId,
            Mode = header.Mode,
            Objects = header.Objects,
            Captured = header.Verdicts.Captured,
            Complete = header.Complete,
            Verdicts = header.Verdicts,
            RetentionClass = header.RetentionClass,
            Length = new FileInfo(path).Length,
            KeyCheck = header.KeyCheck,
            PreviousBackupId = header.Previous?.Id.ToString(),
            Signer = header.Signer,
        };
    }
}
