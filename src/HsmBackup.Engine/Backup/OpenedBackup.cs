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
    }

    public BackupHeader Header => _content.Header;

    public BackupManifest Manifest { get; }

    public BackupKeys Keys => _content.Keys;

    /// <summary>
    /// Its keys, where this process may open them. So far that is always: it takes the one-time-key mode, and the other mode's backups
    /// cannot be opened yet.
    /// </summary>
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
                throw new HsmBackupException(ErrorCode.AuthenticationFailed, "The objects of the backup are not numbered in order.",
                    "The backup was made by a program that does not follow the format. Use another backup, and keep this one for analysis.");
            }
            yield return record;
            record.Material?.ZeroValues();
        }
    }

    /// <summary>The KEK of this backup in a token.</summary>
    public KeyEncryptionKey ImportKek(TokenConnection connection) => KeyEncryptionKey.Import(connection, Keys.Kek, Manifest.Iv);

    public void Dispose() => _content.Dispose();
}
