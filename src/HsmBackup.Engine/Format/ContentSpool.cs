using System.Buffers.Binary;
using System.Security.Cryptography;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Format;

/// <summary>
/// Collects the object lines of a backup until its header can be written, which has their counts. Up to one segment is
/// held in pinned memory; what is more goes to a temporary file, encrypted under a key that exists in memory only.
/// </summary>
/// <remarks>
/// The file is <c>.&lt;id&gt;.spool</c> in the given folder, readable by its owner only. It disappears when the spool is
/// closed, and on Unix its name disappears as soon as it is open, so that not even a killed process leaves it behind.
/// Not for use by several threads.
/// </remarks>
public sealed class ContentSpool : IDisposable
{
    /// <summary>Lines come back in blocks of at most this size, which leaves room in a segment for its first line.</summary>
    internal const int MaxBlockLength = BackupFormat.MaxSegmentLength - SegmentHead.MaxLength - ContentLines.MaxEndLength;

    /// <summary>Finds the temporary files of spools; one that is locked belongs to a backup under way.</summary>
    internal const string FilePattern = ".????????T??????Z-*.spool";

    private const int FirstBufferLength = 64 * 1024;
    private const int TagLength = 16;

    private readonly string _folder;
    private readonly string _name;
    private readonly List<int> _spilledLengths = [];
    private SecretBuffer _buffer = new(FirstBufferLength);
    private SecretBuffer? _key;
    private FileStream? _file;
    private int _used;
    private bool _sealed;

    /// <summary>Makes an empty spool. Nothing is written to the folder unless the content outgrows one segment.</summary>
    /// <param name="folder">Where the temporary file may be: usually the folder that the backup is written to.</param>
    /// <param name="id">The backup's id, which names the file.</param>
    public ContentSpool(string folder, BackupId id)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(id);
        _folder = folder;
        _name = $".{id}.spool";
    }

    /// <summary>How many lines it holds.</summary>
    public int Count { get; private set; }

    /// <summary>Length of all lines in bytes, with their newlines.</summary>
    public long Length { get; private set; }

    /// <summary>Whether the temporary file exists.</summary>
    public bool HasSpilled => _file is not null;

    /// <summary>Adds one object line.</summary>
    /// <param name="jsonLine">One JSON object in UTF-8 without a line break; less than 3 MiB.</param>
    /// <exception cref="ArgumentException">The line cannot stand in a backup.</exception>
    /// <exception cref="HsmBackupException">DestinationUnwritable, DiskFull: the temporary file cannot be written.</exception>
    public void Add(ReadOnlySpan<byte> jsonLine)
    {
        if (ContentLines.FindFault(jsonLine) is { } fault)
            throw new ArgumentException($"The line cannot stand in a backup: {fault}.", nameof(jsonLine));
        AddTrusted(jsonLine);
    }

    /// <summary>Adds one object line that needs no look, because a writer of this program has made it by the rules.</summary>
    /// <param name="jsonLine">A line in which <see cref="ContentLines.FindFault(ReadOnlySpan{byte})"/> would find nothing.</param>
    /// <exception cref="HsmBackupException">DestinationUnwritable, DiskFull: the temporary file cannot be written.</exception>
    internal void AddTrusted(ReadOnlySpan<byte> jsonLine)
    {
        if (_sealed) throw new InvalidOperationException("A spool that has been read takes no more lines.");
        MakeRoom(jsonLine.Length + 1);
        jsonLine.CopyTo(_buffer.Span[_used..]);
        _used += jsonLine.Length;
        _buffer.Span[_used++] = (byte)'\n';
        Count++;
        Length += jsonLine.Length + 1;
    }

    /// <summary>How many blocks there are; from here on, no line can be added.</summary>
    internal int Seal()
    {
        _sealed = true;
        // Once anything is in the file, all of it is: the one buffer is then free to read it back.
        if (HasSpilled && _used > 0) Spill();
        return HasSpilled ? _spilledLengths.Count : 1;
    }

    /// <summary>Whole lines, in the order of adding; valid until the next call.</summary>
    internal ReadOnlySpan<byte> ReadBlock(int index)
    {
        if (_file is null) return _buffer.Span[.._used];
        long position = 0;
        for (int i = 0; i < index; i++) position += _spilledLengths[i] + TagLength;
        Span<byte> block = _buffer.Span[.._spilledLengths[index]];
        Span<byte> tag = stackalloc byte[TagLength];
        try
        {
            _file.Position = position;
            _file.ReadExactly(block);
            _file.ReadExactly(tag);
            using AesGcm gcm = new(_key!.Span, TagLength);
            gcm.Decrypt(NonceOf(index), block, tag, block);
        }
        catch (Exception e) when (e is IOException or AuthenticationTagMismatchException)
        {
            throw FileErrors.From(e, _folder);
        }
        return block;
    }

    /// <summary>Removes the temporary file and clears the memory.</summary>
    public void Dispose()
    {
        _file?.Dispose();
        _key?.Dispose();
        _buffer.Dispose();
    }

    private void MakeRoom(int length)
    {
        if (_used + length <= _buffer.Length) return;
        if (_used + length > MaxBlockLength)
        {
            Spill();
            if (length <= _buffer.Length) return;
        }
        int newLength = _buffer.Length;
        while (newLength < _used + length) newLength *= 4;
        SecretBuffer larger = new(Math.Min(newLength, MaxBlockLength));
        _buffer.Span[.._used].CopyTo(larger.Span);
        _buffer.Dispose();
        _buffer = larger;
    }

    private void Spill()
    {
        Span<byte> block = _buffer.Span[.._used];
        Span<byte> tag = stackalloc byte[TagLength];
        try
        {
            _file ??= OpenFile();
            _key ??= SecretBuffer.Random(32);
            using AesGcm gcm = new(_key.Span, TagLength);
            gcm.Encrypt(NonceOf(_spilledLengths.Count), block, block, tag);
            _file.Write(block);
            _file.Write(tag);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, _folder);
        }
        _spilledLengths.Add(_used);
        _used = 0;
    }

    private FileStream OpenFile()
    {
        FileStreamOptions options = new()
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            BufferSize = 0,
            Options = FileOptions.DeleteOnClose,
        };
        if (OperatingSystem.IsWindows()) return new FileStream(Path.Combine(_folder, _name), options);
        options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        FileStream file = new(Path.Combine(_folder, _name), options);
        try
        {
            File.Delete(file.Name);
        }
        catch (IOException)
        {
            // Some network file systems keep the name of an open file; closing it deletes it there.
        }
        return file;
    }

    // The key is this spool's own and every block is written once, so the block's number never repeats under it.
    private static byte[] NonceOf(int block)
    {
        byte[] nonce = new byte[12];
        BinaryPrimitives.WriteInt32BigEndian(nonce.AsSpan(8), block);
        return nonce;
    }
}
