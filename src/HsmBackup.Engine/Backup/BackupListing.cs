using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Backup;

/// <summary>What is in a backup, for somebody who has to choose from it.</summary>
public static class BackupListing
{
    /// <summary>Authenticates a backup and lists its objects in their order; no token is needed.</summary>
    /// <param name="path">The backup file.</param>
    /// <param name="key">Its one-time key.</param>
    /// <param name="cancellationToken">Looked at before each segment.</param>
    /// <exception cref="HsmBackupException">Of the file and the key.</exception>
    public static IReadOnlyList<ObjectSummary> Read(string path, OneTimeKey key, CancellationToken cancellationToken)
    {
        using OpenedBackup backup = OpenedBackup.Open(path, key, cancellationToken);
        return [.. backup.Records(cancellationToken).Select(ObjectSummary.Of)];
    }
}
