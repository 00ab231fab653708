using System.Security.Cryptography;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Format;

/// <summary>Fills segments with content, one buffer for all of them, and seals each as it is full.</summary>
internal sealed class SegmentWriter : IDisposable
{
    private readonly HashedOutput _output;
    private readonly BackupPreamble _preamble;
    private readonly BackupKeys _keys;
    private readonly byte[] _keyId;
    private readonly SecretBuffer _buffer;
    private readonly IncrementalHash _digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private int _used;

    /// <param name="output">Where sealed segments go.</param>
    /// <param name="preamble">What the segments are bound to.</param>
    /// <param name="keys">The keys of the backup.</param>
    /// <param name="expectedLength">Length of the content where it is known; it saves memory for small backups.</param>
    public SegmentWriter(HashedOutput output, BackupPreamble preamble, BackupKeys keys, long expectedLength)
    {
        _output = output;
        _preamble = preamble;
        _keys = keys;
        _keyId = Convert.FromHexString(keys.Check);
        long length = expectedLength + SegmentHead.MaxLength + ContentLines.MaxEndLength;
        _buffer = new SecretBuffer((int)Math.Min(length, BackupFormat.MaxSegmentLength));
    }

    /// <summary>Segments written so far.</summary>
    public int Count { get; private set; }

    private int Free => _buffer.Length - _used;

    /// <summary>Adds whole lines; each ends with a newline. Where a segment is full, the next begins.</summary>
    public void AddLines(ReadOnlySpan<byte> lines)
    {
        while (!lines.IsEmpty)
        {
            if (_used == 0) Append(new SegmentHead(Count, _preamble.Binding).Format());
            int fitting = lines.Length <= Free ? lines.Length : lines[..Free].LastIndexOf((byte)'\n') + 1;
            Append(lines[..fitting]);
            lines = lines[fitting..];
            if (!lines.IsEmpty) Flush();
        }
    }

    /// <summary>Adds an attachment in segments of its own.</summary>
    public void AddAttachment(BackupAttachment attachment, CancellationToken cancellationToken)
    {
        if (_used > 0) Flush();
        long offset = 0;
        bool final;
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            // Whether it is the last segment shows only after reading, so the first line moves up to the bytes then.
            const int start = SegmentHead.MaxLength;
            int count = attachment.Content.ReadAtLeast(_buffer.Span[start..], _buffer.Length - start, throwOnEndOfStream: false);
            final = count < _buffer.Length - start;
            byte[] head = new SegmentHead(Count, _preamble.Binding, attachment.Name, offset, final).Format();
            head.CopyTo(_buffer.Span[(start - head.Length)..]);
            Seal(_buffer.Span[(start - head.Length)..(start + count)]);
            offset += count;
        }
        while (!final);
    }

    /// <summary>Adds the end line and seals the last segment.</summary>
    public void End(int objects, int attachments)
    {
        if (_used > 0 && Free < ContentLines.MaxEndLength) Flush();
        if (_used == 0) Append(new SegmentHead(Count, _preamble.Binding).Format());
        Span<byte> last = _buffer.Span[.._used];
        _digest.AppendData(last);
        Append(ContentLines.End(objects, attachments, _digest.GetHashAndReset()));
        Encrypt(_buffer.Span[.._used]);
    }

    public void Dispose()
    {
        _digest.Dispose();
        _buffer.Dispose();
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_buffer.Span[_used..]);
        _used += bytes.Length;
    }

    private void Flush()
    {
        Seal(_buffer.Span[.._used]);
        _used = 0;
    }

    private void Seal(Span<byte> plaintext)
    {
        _digest.AppendData(plaintext);
        Encrypt(plaintext);
    }

    private void Encrypt(Span<byte> plaintext)
    {
        AuthEnvelopedData.Write(_keys.Cms.Span, _keyId, plaintext, _output);
        Count++;
    }
}
