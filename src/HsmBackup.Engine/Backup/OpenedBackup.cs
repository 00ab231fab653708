using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>A backup file that was authenticated from its first to its last byte, and can be read object by object.</summary>
internal sealed class OpenedBackup : IDisposable
{
    private readonly BackupContent _content;

    private OpenedBackup(BackupContent content)
    {
        _content = content;
        Manifest = BackupManifest.Parse(content.Manifest);
        CheckCluster();
    }

    public BackupHeader Header => _content.Header;

    public BackupManifest Manifest { get; }

    public BackupKeys Keys => _content.Keys;

    /// <summary>Its keys, where this process may open them: in one-time-key mode, in which it has their KEK.</summary>
    public HostKeys? Host => Header.Mode == BackupMode.OneTimeKey
        ? new HostKeys(Keys.Kek, Manifest.Iv, Manifest.TransportKeys, Manifest.TransportForm)
        : null;

    public BackupFileSummary Summary => _content.Summary;

    /// <summary>Opens and authenticates a file.</summary>
    /// <exception cref="HsmBackupException">BackupNotFound, BackupUnreadable, NotABackup, UnsupportedVersion, HeaderInvalid, KeyMismatch, IntegrityFailed, AuthenticationFailed.</exception>
    public static OpenedBackup Open(string path, OneTimeKey key, CancellationToken cancellationToken) =>
        Open(BackupContent.Open(path, key, cancellationToken));

    /// <summary>Opens and authenticates a file that is open already, and stays so.</summary>
    public static OpenedBackup Open(Stream stream, OneTimeKey key, CancellationToken cancellationToken) =>
        Open(BackupContent.Open(stream, key, leaveOpen: true, cancellationToken));

    private static OpenedBackup Open(BackupContent content)
    {
        try
        {
            return new OpenedBackup(content);
        }
        catch
        {
            content.Dispose();
            throw;
        }
    }

    /// <summary>The objects in their order, one in memory at a time.</summary>
    public IEnumerable<ObjectRecord> Records(CancellationToken cancellationToken)
    {
        int index = 0;
        foreach (ReadOnlyMemory<byte> line in _content.ReadObjects(cancellationToken))
        {
            ObjectRecord record = ObjectRecordJson.Read(line.Span);
            if (record.Index != index++)
            {
                throw Contradicts("The objects of the backup are not numbered in order.");
            }
            if (Manifest.Kek is not null && record.Material?.Form == Pkcs11.WrapForm.Value)
            {
                throw Contradicts($"The backup is cluster-bound, and holds {record} by its value.");
            }
            yield return record;
            record.Material?.ZeroValues();
        }
    }

    /// <summary>
    /// The KEK of this backup in a token. The cluster key by which the backup is bound, and that of the token's own cluster if it is
    /// another, are recognised in the token on the way, and count no longer as what it holds.
    /// </summary>
    /// <param name="connection">The token.</param>
    /// <param name="clusterKey">What the cluster key of the token is known by; null where only the backup says that.</param>
    /// <exception cref="HsmBackupException">TokenCannotWrap, ClusterKeyMissing, ClusterKeyMismatch.</exception>
    public KeyEncryptionKey ImportKek(TokenConnection connection, ClusterKeyIdentity? clusterKey = null)
    {
        if (clusterKey is not null && clusterKey.Check != Manifest.ClusterKey?.Check)
        {
            TokenClusterKey.Find(connection, clusterKey);
        }
        if (Manifest.Kek is { } kek)
        {
            return KeyEncryptionKey.Unwrap(connection, TokenClusterKey.Require(connection, Manifest.ClusterKey!), kek, Manifest.Iv);
        }
        if (Manifest.ClusterKey is { } known)
        {
            TokenClusterKey.Find(connection, known);
        }
        return KeyEncryptionKey.Import(connection, Keys.Kek, Manifest.Iv);
    }

    public void Dispose() => _content.Dispose();

    /// <summary>Header and manifest tell the same story of the cluster, and of where the keys can be restored.</summary>
    private void CheckCluster()
    {
        if (Manifest.Cluster is { } cluster && (cluster.Id != Header.ClusterId || cluster.Name != Header.ClusterName))
        {
            throw Contradicts("The definition in the backup is not of the cluster that its header names.");
        }
        if (Header.Mode == BackupMode.ClusterBound != (Manifest.Kek is not null))
        {
            throw Contradicts($"The header says that the mode is {Header.Mode}, and the manifest has {(Manifest.Kek is null ? "no" : "a")} KEK under a cluster key.");
        }
        if (Header.ClusterKeyCheck != Manifest.ClusterKey?.Check)
        {
            throw Contradicts($"The header names the cluster key {Header.ClusterKeyCheck ?? "(none)"}, the manifest {Manifest.ClusterKey?.Check ?? "none"}.");
        }
    }

    private static HsmBackupException Contradicts(string what) => new(ErrorCode.AuthenticationFailed, what,
        "The backup was made by a program that does not follow the format. Use another backup, and keep this one for analysis.");
}
