using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Retention;

/// <summary>A hold beside a copy of a backup, or that there is none any more.</summary>
public sealed record HeldCopy
{
    /// <summary>The backup's id.</summary>
    public required string BackupId { get; init; }

    /// <summary>The name of the store.</summary>
    public required string Store { get; init; }

    /// <summary>The full path of the copy, or its address.</summary>
    public required string Path { get; init; }

    /// <summary>Whether the copy has a hold beside it.</summary>
    public required bool Held { get; init; }

    /// <summary>The hold, or the one that was taken away; null for one that was malformed.</summary>
    public HoldDocument? Hold { get; init; }

    /// <summary>Why it is, or was, held.</summary>
    public string? Reason => Hold?.Reason;

    /// <summary>When the hold ends by itself; null for never.</summary>
    public DateTimeOffset? Until => Hold?.Until;
}

/// <summary>
/// What people write beside the copies of one backup: holds, and the end of a pending removal. Each store is worked on for itself, so that
/// one which is down does not keep the others from theirs.
/// </summary>
/// <param name="backupId">The backup.</param>
/// <param name="stores">The stores.</param>
/// <param name="fail">Told what fails, store by store.</param>
/// <param name="stateFolder">The state folder, where holds are remembered; null for that of this account.</param>
/// <param name="clock">The clock.</param>
public sealed class BackupDocuments(
    string backupId, IReadOnlyList<IBackupStore> stores, Action<HsmBackupException> fail, string? stateFolder, TimeProvider clock)
{
    private readonly RememberedHolds _remembered = new(stateFolder);

    /// <summary>
    /// Holds the backup: no copy of it is removed before the hold ends. A removal that is pending is undone. The hold is remembered on this
    /// machine too, for when a store that has it is away.
    /// </summary>
    /// <param name="reason">Why.</param>
    /// <param name="until">When it ends by itself; null for never.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HsmBackupException">
    /// BackupNotFound: no store has a copy; InvalidArgument; Cancelled; DestinationUnwritable, DiskFull: of the state folder.
    /// </exception>
    public IReadOnlyList<HeldCopy> Lock(string reason, DateTimeOffset? until, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        if (until <= now)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, $"The hold would end at {until:u}, which is over.", "Give a time in the future, or leave it out.");
        }
        var hold = new HoldDocument
        {
            By = Environment.UserName,
            Host = Environment.MachineName,
            Since = now,
            Reason = StoreDocument.CheckText(reason),
            Until = until,
        };
        bool found = false;
        List<HeldCopy> held = ForEach(store =>
        {
            if (!HasCopy(store, cancellationToken))
            {
                return null;
            }
            found = true;
            hold.WriteTo(store, backupId, cancellationToken);
            store.Remove(StoreFile.OfRemoval(backupId), cancellationToken);
            return new HeldCopy { BackupId = backupId, Store = store.Name, Path = PathIn(store), Held = true, Hold = hold };
        }, e => NotDone(e, "The hold is not there."), out bool failed);
        if (!found && !failed)
        {
            throw NotFound();
        }
        _remembered.Add(backupId, hold, cancellationToken);
        return held;
    }

    /// <summary>Ends the hold. The rules decide again, and a removal begins with its delay.</summary>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HsmBackupException">BackupNotFound: no store has a copy or a hold; Cancelled.</exception>
    public IReadOnlyList<HeldCopy> Unlock(CancellationToken cancellationToken)
    {
        bool found = _remembered.Remove(backupId, cancellationToken);
        List<HeldCopy> freed = ForEach(store =>
        {
            byte[]? hold = StoreDocument.Find(store, StoreFile.OfHold(backupId), cancellationToken);
            found |= hold is not null || HasCopy(store, cancellationToken);
            if (hold is null)
            {
                return null;
            }
            store.Remove(StoreFile.OfHold(backupId), cancellationToken);
            return new HeldCopy { BackupId = backupId, Store = store.Name, Path = PathIn(store), Held = false, Hold = HoldDocument.Parse(hold) };
        }, e => NotDone(e, "A hold that is there holds on."), out bool failed);
        return found || failed ? freed : throw NotFound();
    }

    /// <summary>Undoes a pending removal.</summary>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HsmBackupException">RemovalNotPending; BackupNotFound: no store has a copy; Cancelled.</exception>
    public IReadOnlyList<CopyRetention> UndoRemoval(CancellationToken cancellationToken)
    {
        bool found = false;
        List<CopyRetention> undone = ForEach(store =>
        {
            found |= HasCopy(store, cancellationToken);
            if (StoreDocument.Find(store, StoreFile.OfRemoval(backupId), cancellationToken) is null)
            {
                return null;
            }
            store.Remove(StoreFile.OfRemoval(backupId), cancellationToken);
            return new CopyRetention
            {
                BackupId = backupId,
                Store = store.Name,
                Path = PathIn(store),
                RetentionClass = store.RetentionClass,
                Created = Format.BackupId.TryParse(backupId, out Format.BackupId? id) ? id.Created : null,
                Decision = RetentionDecision.Unmark,
                Reason = RetentionReason.Requested,
                Explanation = "The removal was undone on request.",
                Outcome = RetentionOutcome.Unmarked,
            };
        }, e => NotDone(e, "A removal that is pending there goes on."), out bool failed);
        return undone.Count > 0 || failed ? undone
            : !found ? throw NotFound()
            : throw new HsmBackupException(ErrorCode.RemovalNotPending, $"No removal of backup {backupId} is pending.", "Get-HsmBackup shows what is pending where.")
            { Target = backupId };
    }

    private List<T> ForEach<T>(Func<IBackupStore, T?> work, Func<HsmBackupException, HsmBackupException> describe, out bool failed) where T : class
    {
        failed = false;
        var results = new List<T>();
        foreach (IBackupStore store in stores)
        {
            try
            {
                StoreFolder.Check(store);
                if (work(store) is { } result)
                {
                    results.Add(result);
                }
            }
            catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
            {
                failed = true;
                fail(describe(e));
            }
        }
        return results;
    }

    private HsmBackupException NotDone(HsmBackupException e, string consequence) =>
        new(e.Code, $"{e.Message} {consequence}", $"{e.RecommendedAction} Then run the command for backup {backupId} again.", e) { Target = e.Target ?? backupId };

    private bool HasCopy(IBackupStore store, CancellationToken cancellationToken)
    {
        try
        {
            _ = store.ReadStart(StoreFile.OfBackup(backupId), 1, cancellationToken);
            return true;
        }
        catch (HsmBackupException e) when (e.Code == ErrorCode.BackupNotFound)
        {
            return false;
        }
    }

    private string PathIn(IBackupStore store) => store.LocationOf(StoreFile.OfBackup(backupId));

    private HsmBackupException NotFound() => new(ErrorCode.BackupNotFound,
        $"There is no backup {backupId} in {string.Join(", ", stores.Select(s => $"'{s.Name}'"))}.", "Get-HsmBackup lists the backups of the stores.")
    { Target = backupId };
}
