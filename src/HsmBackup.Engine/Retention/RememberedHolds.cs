using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Retention;

/// <summary>
/// The holds that were set on this machine, in <c>holds</c> of the state folder: the same documents as beside the copies. The store that has
/// the only hold of a backup may be away, and what the other stores have of it is held all the same.
/// </summary>
internal sealed class RememberedHolds(string? stateFolder)
{
    // It holds nothing open, so that there is nothing to dispose of.
    private readonly DirectoryStore _folder = In(Path.Combine(StateFolder.Locate(stateFolder), "holds"));

    /// <summary>The backups that may be held.</summary>
    /// <exception cref="HsmBackupException">StoreUnavailable, StoreRefused: of the state folder; Cancelled.</exception>
    public HashSet<string> List(CancellationToken cancellationToken) =>
        [.. _folder.List(cancellationToken).Select(i => i.Name).Where(n => n.EndsWith(StoreFile.HoldExtension, StringComparison.Ordinal))
            .Select(n => n[..^StoreFile.HoldExtension.Length])];

    /// <summary>The hold of a backup; null where none was set here.</summary>
    public RetentionHold? Find(string backupId, Action<string> warn, CancellationToken cancellationToken) =>
        RetentionInput.ReadHold(_folder, backupId, warn, cancellationToken);

    /// <summary>Remembers a hold, in place of any.</summary>
    /// <exception cref="HsmBackupException">DestinationUnwritable; StoreUnavailable, StoreRefused, DiskFull: of the state folder; Cancelled.</exception>
    public void Add(string backupId, HoldDocument hold, CancellationToken cancellationToken)
    {
        StateFolder.Create(_folder.Location);
        hold.WriteTo(_folder, backupId, cancellationToken);
    }

    /// <summary>Forgets a hold.</summary>
    /// <returns>Whether there was one.</returns>
    /// <exception cref="HsmBackupException">StoreUnavailable, StoreRefused: of the state folder; Cancelled.</exception>
    public bool Remove(string backupId, CancellationToken cancellationToken)
    {
        bool there = StoreDocument.Find(_folder, StoreFile.OfHold(backupId), cancellationToken) is not null;
        _folder.Remove(StoreFile.OfHold(backupId), cancellationToken);
        return there;
    }

    private static DirectoryStore In(string folder) => new(folder, "the state folder");
}
