using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Catalogue;

/// <summary>A backup that was passed over.</summary>
/// <param name="Path">Its file.</param>
/// <param name="Reason">Why.</param>
public sealed record SkippedBackup(string Path, string Reason);

/// <summary>
/// The newest backup of a cluster that can be restored, as far as that is known without its key. An older one is never taken silently: what
/// is newer and was passed over is named, and a key that belongs to an older backup is no reason to take that.
/// </summary>
public sealed class LatestBackup
{
    private readonly IReadOnlyList<BackupInfo> _known;

    private LatestBackup(BackupInfo chosen, IReadOnlyList<SkippedBackup> skipped, IReadOnlyList<BackupInfo> known)
    {
        Chosen = chosen;
        Skipped = skipped;
        _known = known;
    }

    /// <summary>The backup.</summary>
    public BackupInfo Chosen { get; }

    /// <summary>Newer ones that cannot be restored, and files that may be newer ones.</summary>
    public IReadOnlyList<SkippedBackup> Skipped { get; }

    /// <summary>Looks for it.</summary>
    /// <param name="folders">Folders with backups; one that is not there has none.</param>
    /// <param name="clusterId">The cluster; null where its definition is lost, and the folders hold backups of one cluster only.</param>
    /// <param name="allowPartial">Take a Partial backup too.</param>
    /// <param name="cancellationToken">Stops the reading of files.</param>
    /// <exception cref="HsmBackupException">BackupNotFound: there is none; InvalidArgument: of which cluster is not clear; BackupUnreadable.</exception>
    public static LatestBackup Find(IReadOnlyList<string> folders, string? clusterId, bool allowPartial, CancellationToken cancellationToken)
    {
        var skipped = new List<SkippedBackup>();
        var illegible = new List<SkippedBackup>();
        var known = new List<BackupInfo>();
        foreach (string folder in folders)
        {
            known.AddRange(BackupCatalogue.List(folder, out IReadOnlyList<HsmBackupException> unreadable));
            // Without a header nobody knows whose it is and how old; its name may say that it is new.
            illegible.AddRange(unreadable.Select(e => new SkippedBackup(e.Target?.ToString() ?? folder, e.Message)));
        }
        List<BackupInfo> own = [.. known.Where(b => clusterId is null || b.ClusterId == clusterId)];
        if (clusterId is null && own.DistinctBy(b => b.ClusterId).Count() > 1)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument,
                $"There are backups of several clusters: {string.Join(", ", own.DistinctBy(b => b.ClusterId).Select(b => $"'{b.ClusterName}' ({b.ClusterId})"))}.",
                "Name the backup by -Path.");
        }
        foreach (BackupInfo backup in own.OrderByDescending(b => b.BackupId, StringComparer.Ordinal))
        {
            if (WhyNot(backup, allowPartial, cancellationToken) is { } reason)
            {
                skipped.Add(new SkippedBackup(backup.Path, reason));
                continue;
            }
            return new LatestBackup(backup, [.. skipped, .. illegible.Where(s => MayBeNewer(s, backup))], own);
        }
        throw new HsmBackupException(ErrorCode.BackupNotFound,
            $"No backup {(clusterId is null ? "" : $"of cluster {clusterId} ")}that can be restored is in {string.Join(", ", folders.Select(f => $"'{f}'"))}."
            + string.Concat(skipped.Concat(illegible).Select(s => $" '{s.Path}': {s.Reason}")),
            "Name other folders with -BackupPath, or the backup itself with -Path.");
    }

    /// <summary>Makes sure that a one-time key is the key of this backup.</summary>
    /// <param name="key">The key.</param>
    /// <exception cref="HsmBackupException">KeyMismatch, with the backup that it is the key of, where that is known.</exception>
    public void CheckKey(OneTimeKey key)
    {
        if (IsKeyOf(key, Chosen))
        {
            return;
        }
        BackupInfo? owner = _known.FirstOrDefault(b => IsKeyOf(key, b));
        throw new HsmBackupException(ErrorCode.KeyMismatch, owner is null
                ? $"The one-time key is not the key of {Chosen.BackupId}, the latest backup that can be restored, nor of any other that was found."
                : $"The one-time key is the key of backup {owner.BackupId}, and the latest backup that can be restored is {Chosen.BackupId}. Nothing was touched.",
            owner is null ? "Give the key of that backup, or name the backup that the key belongs to with -Path."
                : $"Give the key of the latest backup. To restore the other one on purpose, name it: -Path '{owner.Path}'.")
        { Target = Chosen.BackupId };
    }

    private static bool IsKeyOf(OneTimeKey key, BackupInfo backup)
    {
        using BackupKeys keys = BackupKeys.Derive(key, backup.BackupId);
        return keys.Matches(backup.KeyCheck);
    }

    private static string? WhyNot(BackupInfo backup, bool allowPartial, CancellationToken cancellationToken)
    {
        if (!backup.Complete && !allowPartial)
        {
            return $"it is Partial: {backup.Captured} of {backup.Objects} objects are in it whole.";
        }
        try
        {
            BackupFile.CheckIntegrity(backup.Path, cancellationToken);
            return null;
        }
        catch (HsmBackupException e)
        {
            return e.Message;
        }
    }

    // Ids begin with the time, and are the names of the files.
    private static bool MayBeNewer(SkippedBackup skipped, BackupInfo chosen) =>
        string.CompareOrdinal(Path.GetFileName(skipped.Path), chosen.BackupId) > 0;
}
