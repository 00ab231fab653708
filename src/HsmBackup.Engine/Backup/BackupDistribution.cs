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
}

/// <summary>A copy of a backup in a store, or why there is none.</summary>
/// <param name="Store">Name of the store.</param>
/// <param name="Location">The full path of the copy, or its address.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="Error">Why there is none; null where there is one.</param>
public sealed record CopyResult(string Store, string Location, CopyOutcome Outcome, HsmBackupException? Error)
{
    /// <summary>Whether the copy is there.</summary>
    public bool IsThere => Outcome != CopyOutcome.Failed;

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
            progress?.Invoke(results.Count, store);
            results.Add(AddTo(store, id, content, cancellationToken));
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
        return new HsmBackupException(ErrorCode.CopiesMissing, made == 0
                ? $"Backup {id} could be brought to none of its stores and is gone.{failures}"
                : string.Create(CultureInfo.InvariantCulture, $"Backup {id} has {made} of the {minimumCopies} copies that were demanded.{failures}"),
            made == 0 ? "See to the stores, then make a backup again." : $"See to the stores, then bring the missing copies there: Copy-HsmBackup -BackupId {id}.",
            copies.FirstOrDefault(c => c.Error is not null)?.Error)
        {
            Target = id.ToString(),
            Result = copies,
        };
    }

    private static CopyResult AddTo(IBackupStore store, BackupId id, Stream content, CancellationToken cancellationToken)
    {
        string location = store.LocationOf(id.FileName);
        try
        {
            content.Position = 0;
            store.Add(id.FileName, content, cancellationToken);
            return new CopyResult(store.Name, location, CopyOutcome.Written, null);
        }
        catch (HsmBackupException e)
        {
            return new CopyResult(store.Name, location, CopyOutcome.Failed, e);
        }
    }
}
