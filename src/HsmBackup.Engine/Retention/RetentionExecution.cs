using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Retention;

/// <summary>Carries the items of a plan out, one after another. What fails in one store does not keep the others from theirs.</summary>
internal sealed class RetentionExecution
{
    private readonly RetentionRequest _request;
    private readonly RetentionPlan _plan;
    private readonly DateTimeOffset _now;
    private readonly DateTimeOffset? _unsureSince;
    private readonly CancellationToken _stop;
    private readonly Dictionary<string, IBackupStore> _stores;
    private readonly Dictionary<string, BackupInfo> _backups;
    private readonly ILookup<string, RetentionItem> _staying;
    private readonly RememberedHolds _remembered;
    private readonly Lazy<HsmBackupException?> _lostResort;
    private readonly Dictionary<string, HsmBackupException> _down = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HsmBackupException?> _read = new(StringComparer.Ordinal);

    public RetentionExecution(
        RetentionRequest request, ClusterCatalogue catalogue, RetentionPlan plan, DateTimeOffset now, DateTimeOffset? unsureSince, CancellationToken stop)
    {
        _request = request;
        _plan = plan;
        _now = now;
        _unsureSince = unsureSince;
        _stop = stop;
        _stores = request.Stores.ToDictionary(s => s.Name, StringComparer.Ordinal);
        _backups = catalogue.Backups.ToDictionary(b => b.BackupId, StringComparer.Ordinal);
        _remembered = new RememberedHolds(request.StateFolder);
        _lostResort = new Lazy<HsmBackupException?>(FindLostResort);
        _staying = plan.Items.Where(i => i.Stays).ToLookup(i => i.BackupId, StringComparer.Ordinal);
    }

    /// <summary>Carries one item out.</summary>
    /// <exception cref="HsmBackupException">Cancelled.</exception>
    public (RetentionOutcome Outcome, HsmBackupException? Error) Apply(RetentionItem item)
    {
        if (item.Decision == RetentionDecision.Keep)
        {
            return _request.Wish is not null && WishedRemoval.Refusal(item) is { } refusal ? (RetentionOutcome.Refused, refusal) : (RetentionOutcome.Kept, null);
        }
        // Every answer of a store that is down takes its time.
        if (_down.TryGetValue(item.Store, out HsmBackupException? down))
        {
            return (RetentionOutcome.Failed, down);
        }
        try
        {
            return Change(item);
        }
        catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
        {
            if (e.Code is ErrorCode.StoreUnavailable or ErrorCode.StoreUnmounted or ErrorCode.StoreUntrusted)
            {
                _down[item.Store] = e;
            }
            return (RetentionOutcome.Failed, e);
        }
    }

    private (RetentionOutcome, HsmBackupException?) Change(RetentionItem item)
    {
        IBackupStore store = _stores[item.Store];
        switch (item.Decision)
        {
            case RetentionDecision.MarkForRemoval:
                RemovalMark mark = item.Mark ?? RemovalMark.At(_now, _request.Policy.RemovalDelay, RemovalOrigin.Policy);
                RemovalDocument.Of(mark, _request.Wish?.Reason ?? item.Explanation).WriteTo(store, item.BackupId, _stop);
                return (RetentionOutcome.Marked, null);
            case RetentionDecision.Unmark:
                store.Remove(StoreFile.OfRemoval(item.BackupId), _stop);
                return (RetentionOutcome.Unmarked, null);
            default:
                if (Obstacle(item) is { } obstacle)
                {
                    return (RetentionOutcome.Refused, obstacle);
                }
                // The file first: documents without a file say nothing.
                store.Remove(StoreFile.OfBackup(item.BackupId), _stop);
                store.Remove(StoreFile.OfRemoval(item.BackupId), _stop);
                store.Remove(StoreFile.OfHold(item.BackupId), _stop);
                return (RetentionOutcome.Removed, null);
        }
    }

    /// <summary>What speaks against a removal now that was right when it was planned.</summary>
    private HsmBackupException? Obstacle(RetentionItem item)
    {
        if (_lostResort.Value is { } lost)
        {
            return lost;
        }
        BackupInfo backup = _backups[item.BackupId];
        if (item.IsBackupWanted && StayingAndWhole(backup, item) is { } whole && whole < _request.Policy.MinimumCopies)
        {
            return new HsmBackupException(ErrorCode.BackupNeeded,
                $"Backup {item.BackupId} is not removed from store '{item.Store}': the rules want it, and of the copies that would remain {whole} can be relied on.",
                "Test the other copies with Test-HsmBackup, and replace those that fail with Copy-HsmBackup.")
            { Target = item.BackupId };
        }
        return WhatPeopleWantNow(backup, item);
    }

    /// <summary>Reads what everything else goes in favour of: by its header alone, a damaged backup is as good as any.</summary>
    /// <returns>Which of them cannot be relied on; null where all can.</returns>
    private HsmBackupException? FindLostResort()
    {
        foreach (BackupInfo backup in _plan.LastResorts.Select(id => _backups[id]))
        {
            HsmBackupException? cause = null;
            bool whole = backup.Copies.Any(c => c.State == CopyState.Present && (cause = ReadWhole(backup, c)) is null);
            if (!whole)
            {
                return new HsmBackupException(ErrorCode.TestFailed,
                    $"Backup {backup.BackupId} is one of those that everything else goes in favour of, and no copy of it can be relied on now. Nothing is removed. {cause?.Message}",
                    "Replace it with a good copy (Copy-HsmBackup), or test its copies with Test-HsmBackup: those that fail do not count any more. "
                    + "Make a new backup and test it at level Content; then run the command again.", cause)
                { Target = backup.BackupId };
            }
        }
        return null;
    }

    private int StayingAndWhole(BackupInfo backup, RetentionItem item) =>
        _staying[item.BackupId].Count(i => i.Store != item.Store && backup.Copies.First(c => c.Store == i.Store) is { State: CopyState.Present } copy
            && ReadWhole(backup, copy) is null);

    // A question may have waited for its answer since the plan was made.
    private HsmBackupException? WhatPeopleWantNow(BackupInfo backup, RetentionItem item)
    {
        if (backup.Copies.Select(c => RetentionInput.ReadHold(_stores[c.Store], item.BackupId, _ => { }, _stop))
            .Append(_remembered.Find(item.BackupId, _ => { }, _stop)).Any(h => h is not null && h.HoldsAt(_now)))
        {
            return new HsmBackupException(ErrorCode.BackupHeld, $"Backup {item.BackupId} was locked meanwhile, so it stays.", "Nothing is to be done.") { Target = item.BackupId };
        }
        DateTimeOffset modified = backup.Copies.First(c => c.Store == item.Store).Modified;
        return RetentionInput.ReadMark(_stores[item.Store], item.BackupId, modified, _ => { }, _stop)?.IsDue(_request.Policy.RemovalDelay, _now, _unsureSince) == true
            ? null
            : new HsmBackupException(ErrorCode.RemovalNotPending, $"The removal of backup {item.BackupId} from store '{item.Store}' was undone meanwhile, so it stays.",
                "Nothing is to be done.")
            { Target = item.BackupId };
    }

    /// <summary>Reads a copy from beginning to end; each once.</summary>
    /// <returns>What is wrong with it; null where it is whole and what was tested.</returns>
    private HsmBackupException? ReadWhole(BackupInfo backup, BackupCopy copy)
    {
        if (_read.TryGetValue(copy.Location, out HsmBackupException? known))
        {
            return known;
        }
        try
        {
            using var file = LocalBackup.Fetch(_stores[copy.Store], StoreFile.OfBackup(backup.BackupId), _request.StateFolder, _stop);
            string digest = BackupFile.CheckIntegrity(file.Path, _stop).Digest;
            return _read[copy.Location] = backup.Proof is null || digest == backup.Proof.Digest ? null : new HsmBackupException(ErrorCode.TestFailed,
                $"'{copy.Location}' is whole, and not the file that passed the test: its content is another.",
                "Find out who replaced it; Test-HsmBackup tells whether it is a backup of yours.")
            { Target = copy.Location };
        }
        catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
        {
            return _read[copy.Location] = e;
        }
    }
}
