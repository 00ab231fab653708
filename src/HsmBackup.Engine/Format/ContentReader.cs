using System.Security.Cryptography;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Format;

/// <summary>What <see cref="ContentReader"/> has come to.</summary>
internal enum ContentItem
{
    /// <summary>The manifest.</summary>
    Manifest,
    /// <summary>One object line.</summary>
    Object,
    /// <summary>A run of bytes of an attachment.</summary>
    AttachmentPart,
}

/// <summary>
/// Decrypts a backup segment by segment and gives its content piece by piece, in order. It holds every rule of the
/// sealed content, so that all who read a backup, for whatever, read it by the same rules.
/// </summary>
internal sealed class ContentReader : IDisposable
{
    private readonly FileWalker _walker;
    private readonly string? _path;
    private readonly BackupPreamble _preamble;
    private readonly BackupKeys _keys;
    private readonly IncrementalHash _digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly HashSet<string> _attachments = new(StringComparer.Ordinal);
    private ReadOnlyMemory<byte> _rest;
    private bool _hasManifest;
    private int _objects;
    // Where the next part of an attachment must begin; -1 when none is open.
    private long _nextOffset = -1;

    private ContentReader(FileWalker walker, string? path, BackupPreamble preamble, BackupKeys keys)
    {
        _walker = walker;
        _path = path;
        _preamble = preamble;
        _keys = keys;
    }

    /// <summary>Reads and authenticates the file as a whole: what is wrong shows at the end at the latest.</summary>
    public static ContentReader ForAuthentication(Stream stream, string? path, BackupPreamble preamble, BackupKeys keys) =>
        new(FileWalker.ForAuthentication(stream, path, preamble, keys.Seal.Span), path, preamble, keys);

    /// <summary>Reads again what has been authenticated as a whole; each segment is still authenticated.</summary>
    public static ContentReader ForReading(Stream stream, string? path, BackupPreamble preamble, BackupKeys keys) =>
        new(FileWalker.ForReading(stream, path, preamble), path, preamble, keys);

    /// <summary>What the current piece is.</summary>
    public ContentItem Item { get; private set; }

    /// <summary>The current piece, valid until the next; lines come without their newline.</summary>
    public ReadOnlyMemory<byte> Bytes { get; private set; }

    /// <summary>First line of the segment that the current piece is from.</summary>
    public SegmentHead Head { get; private set; } = new(0, "");

    /// <summary>What the file as a whole was found to be, after the end of an authentication.</summary>
    public BackupFileSummary? Summary => _walker.Summary;

    /// <summary>Goes to the next piece; false at the end, when everything has been found good.</summary>
    /// <exception cref="HsmBackupException">IntegrityFailed, AuthenticationFailed.</exception>
    public bool Read(CancellationToken cancellationToken)
    {
        if (_rest.IsEmpty)
        {
            if (!_walker.Next(cancellationToken)) throw Forged("its end line is missing");
            OpenSegment();
            if (Head.Attachment is not null)
            {
                OpenAttachmentPart();
                return true;
            }
            if (_rest.IsEmpty) throw Forged($"segment {Head.Index} has no content");
            if (_nextOffset >= 0) throw Forged("an attachment has no end");
        }
        ReadOnlyMemory<byte> line = TakeLine();
        if (!_hasManifest) OpenManifest(line);
        else if (line.Span.StartsWith(ContentLines.EndStart))
        {
            Finish(line.Span, cancellationToken);
            return false;
        }
        else OpenObject(line);
        return true;
    }

    public void Dispose()
    {
        _walker.Dispose();
        _digest.Dispose();
    }

    private void OpenSegment()
    {
        int index = _walker.Count - 1;
        Memory<byte> segment = _walker.Segment;
        if (!AuthEnvelopedData.TryDecrypt(_keys.Cms.Span, segment.Span, _walker.Layout))
            throw Forged($"segment {index} does not open");
        _rest = segment[_walker.Layout.Content];
        ReadOnlyMemory<byte> plaintext = _rest;
        try
        {
            Head = SegmentHead.Parse(TakeLine(SegmentHead.MaxLength).Span);
        }
        catch (FormatException e)
        {
            throw Forged(e.Message, e);
        }
        if (Head.Index != index) throw Forged($"segment {Head.Index} stands in the place of segment {index}");
        if (Head.Binding != _preamble.Binding) throw Forged($"segment {index} belongs to a file with another header");
        _digest.AppendData(Head.Attachment is null ? BeforeEndLine(plaintext.Span) : plaintext.Span);
    }

    // The digest in the end line covers everything before that line, also what stands before it in its own segment.
    private static ReadOnlySpan<byte> BeforeEndLine(ReadOnlySpan<byte> plaintext)
    {
        int lastLine = plaintext[..^1].LastIndexOf((byte)'\n') + 1;
        return plaintext[lastLine..].StartsWith(ContentLines.EndStart) ? plaintext[..lastLine] : plaintext;
    }

    private void OpenManifest(ReadOnlyMemory<byte> line)
    {
        ReadOnlySpan<byte> span = line.Span;
        if (!span.StartsWith(ContentLines.ManifestStart) || !span.EndsWith("}"u8)) throw Forged("its manifest is missing");
        Bytes = line[ContentLines.ManifestStart.Length..^1];
        if (ContentLines.FindManifestFault(Bytes.Span) is { } fault) throw Forged($"its manifest is malformed: {fault}");
        _hasManifest = true;
        Item = ContentItem.Manifest;
    }

    private void OpenObject(ReadOnlyMemory<byte> line)
    {
        if (_attachments.Count > 0) throw Forged("an object stands behind an attachment");
        if (++_objects > _preamble.Header.Objects) throw Forged("it has more objects than its header says");
        if (ContentLines.FindFault(line.Span) is { } fault)
            throw Forged($"the line of object {_objects - 1} is malformed: {fault}");
        Bytes = line;
        Item = ContentItem.Object;
    }

    private void OpenAttachmentPart()
    {
        if (!_hasManifest) throw Forged("its manifest is missing");
        bool isNew = _attachments.Add(Head.Attachment!);
        if (isNew != (_nextOffset < 0) || Head.Offset != Math.Max(_nextOffset, 0))
            throw Forged("the parts of an attachment are not in order");
        if (_attachments.Count > BackupFormat.MaxAttachments) throw Forged("it has too many attachments");
        if (_rest.IsEmpty && !Head.Final) throw Forged("a part of an attachment is empty");
        Bytes = _rest;
        _rest = default;
        _nextOffset = Head.Final ? -1 : Head.Offset + Bytes.Length;
        Item = ContentItem.AttachmentPart;
    }

    private void Finish(ReadOnlySpan<byte> endLine, CancellationToken cancellationToken)
    {
        if (!_rest.IsEmpty) throw Forged("content stands behind its end line");
        if (_objects != _preamble.Header.Objects) throw Forged("it has fewer objects than its header says");
        byte[] expected = ContentLines.End(_objects, _attachments.Count, _digest.GetHashAndReset());
        if (!endLine.SequenceEqual(expected.AsSpan()[..^1])) throw Forged("its end line does not fit its content");
        if (_walker.Next(cancellationToken)) throw Forged("a segment stands behind its end line");
    }

    private ReadOnlyMemory<byte> TakeLine(int maxLength = BackupFormat.MaxLineLength)
    {
        ReadOnlySpan<byte> span = _rest.Span;
        int length = span[..Math.Min(span.Length, maxLength)].IndexOf((byte)'\n');
        if (length < 0) throw Forged("a line has no end or is too long");
        ReadOnlyMemory<byte> line = _rest[..length];
        _rest = _rest[(length + 1)..];
        return line;
    }

    private HsmBackupException Forged(string fault, Exception? cause = null) => FormatErrors.Forged(_path, fault, cause);
}
