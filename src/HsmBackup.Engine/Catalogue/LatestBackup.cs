using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Catalogue;

/// <summary>A backup that was passed over.</summary>
/// <param name="Path">Its file.</param>
/// <param name="Reason">Why.</param>
public sealed record SkippedBackup(string Path, string Reason);

/// <summary>
/// The newest backup of a cluster that can be restored, as far as that is known without its key. An older one is never taken silently: what
/// is newer and was passed over is named, and a key that belongs to an older backup is no reason to take that.
/// </summary>
public sealed class LatestBackup : IDisposable
{
    private readonly LocalBackup _file;
    private readonly IReadOnlyList<BackupInfo> _known;

    private LatestBackup(BackupInfo chosen, LocalBackup file, IReadOnlyList<SkippedBackup> skipped, IReadOnlyList<BackupInfo> known)
    {
        Chosen = chosen;
        _file = file;
        Skipped = skipped;
        _known = known;
    }

    /// <summary>The backup.</summary>
    public BackupInfo Chosen { get; }

    /// <summary>The full path of its file on this machine, for as long as this is not disposed.</summary>
    public string Path => _file.Path;

    /// <summary>Where it lives: the same, or the address of the copy.</summary>
    public string Location => _file.Location;

    /// <summary>Newer ones that cannot be restored, files that may be newer ones, and stores that could not be looked into.</summary>
    public IReadOnlyList<SkippedBackup> Skipped { get; }

    /// <summary>Looks for it.</summary>
    /// <param name="stores">Where; the nearest first.</param>
    /// <param name="clusterId">The cluster; null where its definition is lost, and the stores hold backups of one cluster only.</param>
    /// <param name="allowPartial">Take a Partial backup too.</param>
    /// <param name="stateFolder">The state folder; null for that of this account.</param>
    /// <param name="cancellationToken">Stops the reading of files.</param>
    /// <exception cref="HsmBackupException">BackupNotFound: there is none; InvalidArgument: of which cluster is not clear; BackupUnreadable.</exception>
    public static LatestBackup Find(IReadOnlyList<IBackupStore> stores, string? clusterId, bool allowPartial, string? stateFolder,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(stores);
        var catalogue = ClusterCatalogue.Read(new CatalogueRequest { Stores = stores, ClusterId = clusterId, StateFolder = stateFolder }, cancellationToken);
        IReadOnlyList<BackupInfo> own = catalogue.Backups;
        var skipped = new List<SkippedBackup>(catalogue.MissingStores.Select(m => new SkippedBackup(m.Store, m.Error.Message)));
        // Without a header nobody knows whose it is and how old; its name may say that it is new.
        List<SkippedBackup> illegible = [.. catalogue.Unreadable.Select(u => new SkippedBackup(u.Location, u.Error.Message))];
        if (clusterId is null && own.DistinctBy(b => b.ClusterId).Count() > 1)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument,
                $"There are backups of several clusters: {string.Join(", ", own.DistinctBy(b => b.ClusterId).Select(b => $"'{b.ClusterName}' ({b.ClusterId})"))}.",
                "Name the backup by -Path.");
        }
        foreach (BackupInfo backup in own.OrderByDescending(b => b.BackupId, StringComparer.Ordinal))
        {
            if (!backup.Complete && !allowPartial)
            {
                skipped.Add(new SkippedBackup(backup.Path, $"it is Partial: {backup.Captured} of {backup.Objects} objects are in it whole."));
                continue;
            }
            if (OpenWhole(backup, stores, stateFolder, skipped, cancellationToken) is { } file)
            {
                return new LatestBackup(backup, file, [.. skipped, .. illegible.Where(s => MayBeNewer(s, backup))], own);
            }
        }
        throw new HsmBackupException(ErrorCode.BackupNotFound,
            $"No backup {(clusterId is null ? "" : $"of cluster {clusterId} ")}that can be restored is in {string.Join(", ", stores.Select(s => $"'{s.Name}'"))}."
            + string.Concat(skipped.Concat(illegible).Select(s => $" '{s.Path}': {s.Reason}")),
            "Name other folders with -BackupPath, or the backup itself with -Path.");
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

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

    /// <summary>The first of the copies that is whole, those of this machine before the others.</summary>
    private static LocalBackup? OpenWhole(BackupInfo backup, IReadOnlyList<IBackupStore> stores, string? stateFolder, List<SkippedBackup> skipped,
        CancellationToken cancellationToken)
    {
        foreach (BackupCopy copy in backup.Copies.Where(c => c.State != CopyState.Unreadable).OrderByDescending(c => c.State == CopyState.Present).ThenByDescending(c => c.IsLocal))
        {
            LocalBackup? file = null;
            try
            {
                file = LocalBackup.Fetch(copy, stores, stateFolder, cancellationToken);
                string digest = BackupFile.CheckIntegrity(file.Path, cancellationToken).Digest;
                if (backup.Proof is null || digest == backup.Proof.Digest)
                {
                    return file;
                }
                skipped.Add(new SkippedBackup(copy.Location, $"its content is not that of the backup that passed a test of level {backup.Proof.Level}."));
            }
            catch (HsmBackupException e) when (e.Code != ErrorCode.Cancelled)
            {
                skipped.Add(new SkippedBackup(copy.Location, e.Message));
            }
            file?.Dispose();
        }
        return null;
    }

    // Ids begin with the time, and are the names of the files.
    private static bool MayBeNewer(SkippedBackup skipped, BackupInfo chosen) =>
        string.CompareOrdinal(System.IO.Path.GetFileName(skipped.Path), chosen.BackupId) > 0;
}
