namespace HsmBackup.Engine;

/// <summary>A stream that forgets all that is written to it but the last bytes.</summary>
/// <param name="count">How many.</param>
internal sealed class LastBytes(int count) : Stream
{
    private readonly byte[] _last = new byte[count];
    private long _length;

    /// <summary>The last bytes; fewer where fewer were written.</summary>
    public ReadOnlySpan<byte> Bytes => _last.AsSpan((int)Math.Max(0, count - _length));

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => _length;

    public override long Position { get => _length; set => throw new NotSupportedException(); }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        int taken = Math.Min(buffer.Length, count);
        _last.AsSpan(taken).CopyTo(_last);
        buffer[^taken..].CopyTo(_last.AsSpan(count - taken));
        _length += buffer.Length;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
        // There is nothing between it and its bytes.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
