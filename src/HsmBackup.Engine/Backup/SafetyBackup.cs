using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>
/// The backup that a restore makes of a token before anything of it goes. It is of the whole token, so that whoever restores it later
/// loses nothing by that, and opens with the key of the backup being restored, so that no second key can be lost.
/// </summary>
internal static class SafetyBackup
{
    /// <summary>Makes it, and sees that everything that will go is in it.</summary>
    /// <returns>Its path.</returns>
    /// <exception cref="HsmBackupException">WouldDestroyUnrecoverable: an object that will go is not in it; then there is no file.</exception>
    public static string Make(RestoreRequest request, RestorePlan plan, OpenedBackup backup, TokenConnection connection, KeyEncryptionKey kek,
        string stateFolder, string activity, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        string folder = Path.Combine(stateFolder, "safety");
        var id = Format.BackupId.New(request.Cluster?.Name ?? BackupOperation.ClusterNameOf(connection.Token), request.Clock);
        using BackupPublication publication = BackupPublication.Begin(folder, id);
        CapturedToken saved = BackupOperation.Capture(connection, KeysFor(request, backup, connection, kek), request.Key, id, publication, previous: null, audit: null, allowPartial: true,
            (done, total) => progress?.Report(new OperationProgress(activity, "Saving what the token holds", done, total)), cancellationToken);
        RestoreChecks.CheckSaved(plan, saved, request.RemoveUnrecoverable);
        publication.Publish();
        return publication.FinalPath;
    }

    /// <summary>A safety backup is bound as the backup is: what may not pass through this process does not on the way back either.</summary>
    private static CaptureKeys KeysFor(RestoreRequest request, OpenedBackup backup, TokenConnection connection, KeyEncryptionKey kek)
    {
        TokenClusterKey? clusterKey = backup.Manifest.ClusterKey is { } known ? TokenClusterKey.Find(connection, known) : null;
        IdentityKey? identity = request.Cluster?.IdentityCertificate is { } certificate ? IdentityKey.Find(connection, certificate) : null;
        return new CaptureKeys(request.Cluster, clusterKey?.Identity, kek.IsClusterBound ? clusterKey : null, identity);
    }
}
