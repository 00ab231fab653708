using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Format;

/// <summary>
/// An opened backup. It exists only after the whole file has been authenticated, from the first byte to the last; what
/// it gives out is authenticated again as it is read, so that a file changed in between gives an error, not content.
/// </summary>
/// <remarks>Not for use by several threads.</remarks>
public sealed class BackupContent : IDisposable
{
    private readonly Stream _stream;
    private readonly string? _path;
    private readonly bool _leaveOpen;
    private readonly BackupPreamble _preamble;

    private BackupContent(Stream stream, string? path, bool leaveOpen, BackupPreamble preamble, BackupKeys keys)
    {
        _stream = stream;
        _path = path;
        _leaveOpen = leaveOpen;
        _preamble = preamble;
        Keys = keys;
    }

    /// <summary>The header; here it is a fact.</summary>
    public BackupHeader Header => _preamble.Header;

    /// <summary>The keys of the backup; they live as long as this object.</summary>
    public BackupKeys Keys { get; }

    /// <summary>The manifest: one JSON object in UTF-8.</summary>
    public ReadOnlyMemory<byte> Manifest { get; private set; }

    /// <summary>The attachments, in the order of the file.</summary>
    public IReadOnlyList<AttachmentInfo> Attachments { get; private set; } = [];

    /// <summary>Length, digest and signature of the file.</summary>
    public BackupFileSummary Summary { get; private set; } = null!;

    /// <summary>Authenticates a backup file and opens it.</summary>
    /// <param name="path">The file. It is kept open, and protected against writing where the system can do that.</param>
    /// <param name="key">The one-time key of the backup; it is not kept.</param>
    /// <param name="cancellationToken">Looked at before each segment.</param>
    /// <exception cref="HsmBackupException">
    /// BackupNotFound, BackupUnreadable, NotABackup, UnsupportedVersion, HeaderInvalid, KeyMismatch, IntegrityFailed for damage,
    /// AuthenticationFailed for what somebody has changed.
    /// </exception>
    public static BackupContent Open(string path, OneTimeKey key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Open(BackupFile.Open(path), path, key, leaveOpen: false, cancellationToken);
    }

    /// <summary>Authenticates a backup in a stream and opens it.</summary>
    /// <param name="stream">A stream that can seek; the backup is all of it.</param>
    /// <param name="key">The one-time key of the backup; it is not kept.</param>
    /// <param name="leaveOpen">Whether the stream stays the caller's to close.</param>
    /// <param name="cancellationToken">Looked at before each segment.</param>
    /// <exception cref="HsmBackupException">As for a file.</exception>
    public static BackupContent Open(Stream stream, OneTimeKey key, bool leaveOpen = false,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(key);
        return Open(stream, null, key, leaveOpen, cancellationToken);
    }

    /// <summary>
    /// Reads the object lines in the order of the file. One segment is in memory at a time; a line's bytes are valid until
    /// the next line is asked for. The end of the enumeration is reached only if all of the content was found good.
    /// </summary>
    /// <param name="cancellationToken">Looked at before each segment.</param>
    /// <exception cref="HsmBackupException">
    /// IntegrityFailed, AuthenticationFailed: the file was changed since it was opened.
    /// </exception>
    public IEnumerable<ReadOnlyMemory<byte>> ReadObjects(CancellationToken cancellationToken = default)
    {
        using ContentReader reader = ContentReader.ForReading(_stream, _path, _preamble, Keys);
        while (reader.Read(cancellationToken))
        {
            if (reader.Item == ContentItem.Object) yield return reader.Bytes;
        }
    }

    /// <summary>Copies the bytes of an attachment to a stream.</summary>
    /// <param name="name">Name of the attachment.</param>
    /// <param name="destination">Where to. After an error it may hold a part of the bytes.</param>
    /// <param name="cancellationToken">Looked at before each segment.</param>
    /// <exception cref="HsmBackupException">
    /// InvalidArgument: there is no such attachment. IntegrityFailed, AuthenticationFailed: the file was changed since it
    /// was opened.
    /// </exception>
    public void CopyAttachment(string name, Stream destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        if (!Attachments.Any(a => a.Name == name)) throw FormatErrors.NoAttachment(_path, name);
        using ContentReader reader = ContentReader.ForReading(_stream, _path, _preamble, Keys);
        while (reader.Read(cancellationToken))
        {
            if (reader.Item == ContentItem.AttachmentPart && reader.Head.Attachment == name)
                destination.Write(reader.Bytes.Span);
        }
    }

    /// <summary>Closes the file and clears the keys.</summary>
    public void Dispose()
    {
        Keys.Dispose();
        if (!_leaveOpen) _stream.Dispose();
    }

    private static BackupContent Open(Stream stream, string? path, OneTimeKey key, bool leaveOpen,
        CancellationToken cancellationToken)
    {
        BackupKeys? keys = null;
        try
        {
            stream.Position = 0;
            BackupPreamble preamble = BackupPreamble.Read(stream, path);
            keys = BackupKeys.Derive(key, preamble.Header.Id.ToString());
            if (!keys.Matches(preamble.Header.KeyCheck)) throw FormatErrors.KeyMismatch(path, preamble.Header.Id);
            BackupContent content = new(stream, path, leaveOpen, preamble, keys);
            content.Authenticate(cancellationToken);
            return content;
        }
        catch
        {
            keys?.Dispose();
            if (!leaveOpen) stream.Dispose();
            throw;
        }
    }

    private void Authenticate(CancellationToken cancellationToken)
    {
        try
        {
            using ContentReader reader = ContentReader.ForAuthentication(_stream, _path, _preamble, Keys);
            List<AttachmentInfo> attachments = [];
            while (reader.Read(cancellationToken))
            {
                if (reader.Item == ContentItem.Manifest) Manifest = reader.Bytes.ToArray();
                else if (reader.Item == ContentItem.AttachmentPart && reader.Head.Final)
                    attachments.Add(new AttachmentInfo(reader.Head.Attachment!, reader.Head.Offset + reader.Bytes.Length));
            }
            Attachments = attachments;
            Summary = reader.Summary!;
        }
        catch (HsmBackupException e) when (e.Code == ErrorCode.AuthenticationFailed)
        {
            // A bad sector does not open either. If the file's own digest is wrong too, damage is the better word.
            BackupFile.CheckIntegrity(_stream, _path, cancellationToken);
            throw;
        }
    }
}
