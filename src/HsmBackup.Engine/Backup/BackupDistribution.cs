using System.Globalization;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Backup;

/// <summary>What became of a copy.</summary>
public enum CopyOutcome
{
    /// <summary>It was written, read back and compared.</summary>
    Written,

    /// <summary>It was there before, the same.</summary>
    AlreadyThere,

    /// <summary>There is none, for the reason given.</summary>
    Failed,

    /// <summary>The store gave no answer that would tell whether it is there. Nothing is given up on the word of such a store.</summary>
    Unknown,
}

/// <summary>A copy of a backup in a store, or why there is none.</summary>
/// <param name="Store">Name of the store.</param>
/// <param name="Location">The full path of the copy, or its address.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="Error">Why there is none; null where there is one.</param>
public sealed record CopyResult(string Store, string Location, CopyOutcome Outcome, HsmBackupException? Error)
{
    /// <summary>Whether the copy is there.</summary>
    public bool IsThere => Outcome is CopyOutcome.Written or CopyOutcome.AlreadyThere;

    /// <summary>Whether it is certain that there is no copy.</summary>
    public bool IsMissing => Outcome == CopyOutcome.Failed;

    /// <summary>The store, and what went wrong.</summary>
    public override string ToString() => Error is null ? $"{Store}: {Outcome}" : $"{Store}: {Outcome}, {Error.Message}";
}

/// <summary>Brings a file to several stores, each for itself: one that is down fails its copy and no other.</summary>
internal static class BackupDistribution
{
    /// <summary>Adds the file to each store.</summary>
    /// <param name="id">The backup.</param>
    /// <param name="content">Its file; a stream that can seek.</param>
    /// <param name="stores">The stores.</param>
    /// <param name="progress">Told which store is next, by its position.</param>
    /// <param name="cancellationToken">Fails the copies that are not written yet. It is not an exception: those that are written stand.</param>
    public static IReadOnlyList<CopyResult> Run(BackupId id, Stream content, IReadOnlyList<IBackupStore> stores, Action<int, IBackupStore>? progress,
        CancellationToken cancellationToken)
    {
        var results = new List<CopyResult>();
        foreach (IBackupStore store in stores)
        {
            results.Add(AddTo(store, id, content, () => progress?.Invoke(results.Count, store), cancellationToken));
        }
        return results;
    }

    /// <summary>Refuses a demand that the stores cannot meet, before any work is done.</summary>
    /// <exception cref="HsmBackupException">InvalidArgument.</exception>
    public static void Check(IReadOnlyList<IBackupStore> stores, int minimumCopies)
    {
        if (minimumCopies > stores.Count)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, string.Create(CultureInfo.InvariantCulture,
                $"{minimumCopies} copies are demanded, and the backup goes to {stores.Count} store{(stores.Count == 1 ? "" : "s")} only."),
                "Name more stores, or demand fewer copies.");
        }
    }

    /// <summary>Fewer copies than were demanded.</summary>
    public static HsmBackupException Missing(BackupId id, IReadOnlyList<CopyResult> copies, int minimumCopies)
    {
        int made = copies.Count(c => c.IsThere);
        string failures = string.Concat(copies.Where(c => !c.IsThere).Select(c => $" {c.Store}: {c.Error!.Message}"));
        string unknown = string.Concat(copies.Where(c => c.Outcome == CopyOutcome.Unknown).Select(c => $" Whether it is in {c.Store} is not known; keep its key."));
        failures += unknown;
        return new HsmBackupException(ErrorCode.CopiesMissing, made == 0 && unknown.Length == 0
                ? $"Backup {id} could be brought to none of its stores and is gone.{failures}"
                : string.Create(CultureInfo.InvariantCulture, $"Backup {id} has {made} of the {minimumCopies} copies that were demanded.{failures}"),
            made == 0 && unknown.Length == 0 ? "See to the stores, then make a backup again." : $"See to the stores, then bring the missing copies there: Copy-HsmBackup -BackupId {id}.",
            copies.FirstOrDefault(c => c.Error is not null)?.Error)
        {
            Target = id.ToString(),
            Result = copies,
        };
    }

    private static CopyResult AddTo(IBackupStore store, BackupId id, Stream content, Action tell, CancellationToken cancellationToken)
    {
        string location = store.LocationOf(id.FileName);
        try
        {
            tell();
            content.Position = 0;
            store.Add(id.FileName, content, cancellationToken);
            return new CopyResult(store.Name, location, CopyOutcome.Written, null);
        }
#pragma warning disable CA1031 // Whatever goes wrong with one store: the copies in others stand, and so must the key.
        catch (Exception e)
#pragma warning restore CA1031
        {
            HsmBackupException error = e as HsmBackupException ?? new HsmBackupException(
                e is OperationCanceledException ? ErrorCode.Cancelled : ErrorCode.StoreUnavailable, $"The copy failed: {e.Message}", "Look at the store, then try again.", e)
            { Target = location };
            return new CopyResult(store.Name, location, MayBeThere(store, id, e) ? CopyOutcome.Unknown : CopyOutcome.Failed, error);
        }
    }

    /// <summary>
    /// Whether a copy may be there although it failed: a connection can break after the file got its name. The id is ours alone, so that a
    /// file of this name is this backup.
    /// </summary>
    private static bool MayBeThere(IBackupStore store, BackupId id, Exception error)
    {
        // What is no error of a store came from elsewhere, at any moment.
        if (error is HsmBackupException { Result: not AdditionInDoubt })
        {
            return false;
        }
        try
        {
            _ = store.ReadStart(id.FileName, 1, CancellationToken.None);
            return true;
        }
#pragma warning disable CA1031 // As above.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return e is not HsmBackupException { Code: ErrorCode.BackupNotFound or ErrorCode.StoreUnmounted };
        }
    }
}
