using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Retention;

public sealed partial record RetentionInput
{
    // The clock of a store and that of this machine never agree wholly.
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromHours(1);

    /// <summary>What the catalogue of one cluster knows, with the holds and marks that lie beside the copies.</summary>
    /// <param name="catalogue">The catalogue.</param>
    /// <param name="request">Where holds are remembered, and which stores could not be opened.</param>
    /// <param name="warn">Told of documents that are not what they should be.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HsmBackupException">Cancelled.</exception>
    public static RetentionInput From(ClusterCatalogue catalogue, RetentionRequest request, Action<string> warn, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(catalogue);
        ArgumentNullException.ThrowIfNull(request);
        Dictionary<string, IBackupStore> byName = request.Stores.ToDictionary(s => s.Name, StringComparer.Ordinal);
        HashSet<string> known = [.. catalogue.Backups.SelectMany(b => b.Copies).Select(c => c.Location)];
        var remembered = new RememberedHolds(request.StateFolder);
        HashSet<string> held = remembered.List(cancellationToken);
        return new RetentionInput
        {
            IsStoreMissing = request.UnopenedStores.Count > 0 || catalogue.MissingStores.Any(m => byName[m.Store].Kind != StoreKind.Offline),
            Backups = [.. catalogue.Backups.Select(b => new RetentionBackup
            {
                BackupId = b.BackupId,
                Created = b.Created,
                PreviousCreated = BackupId.TryParse(b.PreviousBackupId, out BackupId? previous) ? previous.Created : null,
                Complete = b.Complete,
                Proven = b.Proof?.Tested,
                Hold = held.Contains(b.BackupId) ? remembered.Find(b.BackupId, warn, cancellationToken) : null,
                Copies = [.. b.Copies.Select(c => new RetentionCopy(c.Store, c.RetentionClass)
                {
                    Health = c.State switch
                    {
                        CopyState.Present => CopyHealth.Readable,
                        CopyState.Unreadable => CopyHealth.Unreadable,
                        _ => CopyHealth.Different,
                    },
                    Hold = c.Held ? ReadHold(byName[c.Store], b.BackupId, warn, cancellationToken) : null,
                    Mark = c.Pending ? ReadMark(byName[c.Store], b.BackupId, c.Modified, warn, cancellationToken) : null,
                })],
            })],
            Unreadable = [.. catalogue.Unreadable.Where(u => !known.Contains(u.Location)).Select(u => new UnreadableFile(u.Store, u.Location.Split('/', '\\')[^1]))],
        };
    }

    /// <summary>A hold that cannot be understood, or not be read, is a hold.</summary>
    internal static RetentionHold? ReadHold(IBackupStore store, string backupId, Action<string> warn, CancellationToken cancellationToken)
    {
        try
        {
            if (StoreDocument.Find(store, StoreFile.OfHold(backupId), cancellationToken) is not { } bytes)
            {
                return null;
            }
            if (HoldDocument.Parse(bytes) is { } hold)
            {
                return new RetentionHold(hold.Until);
            }
            warn($"The hold of backup {backupId} in store '{store.Name}' is malformed. It counts as a hold without end; Lock-HsmBackup writes it anew.");
        }
        catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
        {
            warn($"The hold of backup {backupId} in store '{store.Name}' cannot be read, and counts as a hold: {e.Message}");
        }
        return new RetentionHold(null);
    }

    /// <summary>A mark that cannot be understood is none, and so is one that is older than the file that it stands beside.</summary>
    internal static RemovalMark? ReadMark(
        IBackupStore store, string backupId, DateTimeOffset modified, Action<string> warn, CancellationToken cancellationToken)
    {
        try
        {
            if (StoreDocument.Find(store, StoreFile.OfRemoval(backupId), cancellationToken) is not { } bytes)
            {
                return null;
            }
            if (RemovalDocument.Parse(bytes) is not { } mark)
            {
                warn($"The removal mark of backup {backupId} in store '{store.Name}' is malformed, and counts as none.");
                return null;
            }
            if (modified - mark.Since > ClockTolerance)
            {
                warn($"The removal mark of backup {backupId} in store '{store.Name}' is older than its file, so it was made for another, and counts as none.");
                return null;
            }
            return mark.Mark;
        }
        catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
        {
            warn($"The removal mark of backup {backupId} in store '{store.Name}' cannot be read, and counts as none: {e.Message}");
            return null;
        }
    }
}
