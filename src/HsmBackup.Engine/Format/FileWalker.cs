using System.Formats.Asn1;
using System.Security.Cryptography;

namespace HsmBackup.Engine.Format;

/// <summary>
/// Walks over the structure of a backup, one segment in memory at a time, and checks all that can be checked without a
/// key: encodings, lengths, the seal's form, and the digest at the end. With a seal key it checks the MAC as well.
/// </summary>
/// <remarks>Lengths are compared with the format's bounds and with the file's length before memory is set aside.</remarks>
internal sealed class FileWalker : IDisposable
{
    private const int MaxSegmentDer = BackupFormat.MaxSegmentLength + BackupFormat.MaxSegmentOverhead;

    private readonly Stream _stream;
    private readonly string? _path;
    private readonly BackupPreamble _preamble;
    private readonly byte[] _keyId;
    private readonly long _contentEnd;
    private readonly IncrementalHash? _digest;
    private readonly IncrementalHash? _mac;
    private SecretMemory _buffer = new(0);
    private int _segmentLength;
    private long _position;

    private FileWalker(Stream stream, string? path, BackupPreamble preamble, bool digest, ReadOnlySpan<byte> sealKey)
    {
        _stream = stream;
        _path = path;
        _preamble = preamble;
        _keyId = Convert.FromHexString(preamble.Header.KeyCheck);
        _position = preamble.Length;
        _contentEnd = stream.Length - BackupFormat.DigestLength;
        if (!digest) return;
        _digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        _digest.AppendData(preamble.Bytes);
        if (sealKey.IsEmpty) return;
        _mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, sealKey);
        _mac.AppendData(preamble.Bytes);
    }

    /// <summary>Walks and checks the digest at the end.</summary>
    public static FileWalker ForIntegrity(Stream stream, string? path, BackupPreamble preamble) =>
        new(stream, path, preamble, digest: true, []);

    /// <summary>Walks and checks the digest at the end and the MAC of the seal.</summary>
    public static FileWalker ForAuthentication(Stream stream, string? path, BackupPreamble preamble,
        ReadOnlySpan<byte> sealKey) =>
        new(stream, path, preamble, digest: true, sealKey);

    /// <summary>Walks again over what was authenticated before.</summary>
    public static FileWalker ForReading(Stream stream, string? path, BackupPreamble preamble) =>
        new(stream, path, preamble, digest: false, []);

    /// <summary>How many segments have been met.</summary>
    public int Count { get; private set; }

    /// <summary>Where the parts of the current segment stand in <see cref="Segment"/>.</summary>
    public AuthEnvelopedData.Layout Layout { get; private set; }

    /// <summary>The DER of the current segment, to be decrypted where it is.</summary>
    public Memory<byte> Segment => _buffer.Memory[.._segmentLength];

    /// <summary>What was found, once <see cref="Next"/> has met the end; null before, and when nothing was hashed.</summary>
    public BackupFileSummary? Summary { get; private set; }

    /// <summary>Goes to the next segment; false after the last, when the rest of the file has been found good.</summary>
    /// <exception cref="HsmBackupException">IntegrityFailed, AuthenticationFailed.</exception>
    public bool Next(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Span<byte> start = stackalloc byte[Der.MaxHeaderLength + 1];
        start = start[..(int)Math.Clamp(_contentEnd - _position, 0, start.Length)];
        ReadAt(_position, start);
        if (!Der.TryReadSequenceHeader(start, out int headerLength, out long length) || headerLength >= start.Length)
            throw Damaged("a segment or the seal is due, and something else stands there");
        if (length > MaxSegmentDer || length > _contentEnd - _position)
            throw Damaged("a length goes beyond what the format or the file has room for");
        // What tells the two apart: a segment begins with its content type, the seal with its version.
        switch (start[headerLength])
        {
            case (byte)UniversalTagNumber.ObjectIdentifier:
                ReadSegment((int)length);
                return true;
            case (byte)UniversalTagNumber.Integer:
                ReadEnd(length);
                return false;
            default:
                throw Damaged("something stands there that is neither a segment nor the seal");
        }
    }

    public void Dispose()
    {
        ((IDisposable)_buffer).Dispose();
        _digest?.Dispose();
        _mac?.Dispose();
    }

    private void ReadSegment(int length)
    {
        if (length > _buffer.Length)
        {
            ((IDisposable)_buffer).Dispose();
            _buffer = new SecretMemory(length);
        }
        _segmentLength = length;
        Span<byte> der = Segment.Span;
        ReadAt(_position, der);
        _position += length;
        _digest?.AppendData(der);
        _mac?.AppendData(der);
        try
        {
            Layout = AuthEnvelopedData.Read(der);
        }
        catch (AsnContentException e)
        {
            throw Damaged($"segment {Count} is not encoded as version 1 encodes it", e);
        }
        if (Layout.Content.End.Value - Layout.Content.Start.Value > BackupFormat.MaxSegmentLength)
            throw Damaged($"segment {Count} is longer than 4 MiB");
        if (!der[Layout.KeyId].SequenceEqual(_keyId)) throw Damaged($"segment {Count} names another key than the header");
        Count++;
    }

    private void ReadEnd(long length)
    {
        if (Count == 0) throw Damaged("it has no segment");
        if (length > BackupFormat.MaxSealLength) throw Damaged("its seal is too long");
        if (_position + length != _contentEnd)
            throw Damaged("something stands between its seal and its digest, or its end is missing");
        byte[] der = new byte[length];
        ReadAt(_position, der);
        Seal seal;
        try
        {
            seal = Seal.Decode(der);
        }
        catch (AsnContentException e)
        {
            throw Damaged("its seal is not encoded as version 1 encodes it", e);
        }
        if ((seal.Signature is null) != (_preamble.Header.Signer is null))
            throw Damaged("its header and its seal disagree on whether it is signed");
        if (_digest is not null) CheckEnd(der, seal, _digest);
    }

    private void CheckEnd(byte[] sealDer, Seal seal, IncrementalHash digest)
    {
        byte[] signedDigest = digest.GetCurrentHash();
        digest.AppendData(sealDer);
        byte[] actual = digest.GetHashAndReset();
        Span<byte> claimed = stackalloc byte[BackupFormat.DigestLength];
        ReadAt(_contentEnd, claimed);
        if (!claimed.SequenceEqual(actual)) throw Damaged("its SHA-256 is not the one that it ends with");
        if (_mac is not null && !CryptographicOperations.FixedTimeEquals(_mac.GetHashAndReset(), seal.Mac))
            throw FormatErrors.Forged(_path, "the MAC over the whole file is wrong");
        Summary = new BackupFileSummary
        {
            Header = _preamble.Header,
            Binding = _preamble.Binding,
            Length = _contentEnd + BackupFormat.DigestLength,
            Segments = Count,
            Digest = Convert.ToHexStringLower(actual),
            SignedDigest = Convert.ToHexStringLower(signedDigest),
            // A conditional expression would turn a null array into empty memory.
            Signature = seal.Signature is { } signature ? new ReadOnlyMemory<byte>(signature) : null,
        };
    }

    private void ReadAt(long position, Span<byte> destination)
    {
        try
        {
            // Two enumerations may take turns on one stream, so no position is relied on.
            _stream.Position = position;
            _stream.ReadExactly(destination);
        }
        catch (IOException e)
        {
            throw Damaged("it cannot be read to its end", e);
        }
    }

    private HsmBackupException Damaged(string fault, Exception? cause = null) => FormatErrors.Damaged(_path, fault, cause);
}
