using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Backup;

/// <summary>
/// Where the one-time key of a backup goes, before the backup has its name anywhere: a backup whose key went nowhere is worthless, a key
/// whose backup never came is merely useless.
/// </summary>
public interface IKeyHandover
{
    /// <summary>Refuses, before any work is done, what could not take the key.</summary>
    /// <param name="backupFolders">The folders of this machine that the backup goes to, or that copies of it may get to; the key may be in none of them.</param>
    /// <exception cref="HsmBackupException">As it sees fit; nothing was done.</exception>
    void Check(IReadOnlyList<string> backupFolders);

    /// <summary>Takes the key.</summary>
    /// <param name="id">The backup.</param>
    /// <param name="key">The key; it is the caller's, and gone after the call.</param>
    /// <exception cref="HsmBackupException">It did not take it; the backup is not published.</exception>
    void Accept(BackupId id, OneTimeKey key);

    /// <summary>Gives up the key of a backup that was not published anywhere.</summary>
    /// <param name="id">The backup.</param>
    void Withdraw(BackupId id);
}
