namespace HsmBackup.Engine.Tests.Format;

/// <summary>Some bytes, and zeros after them up to a length that no memory could hold.</summary>
internal sealed class PaddedStream(byte[] start, long length, int mostAtOnce = int.MaxValue) : Stream
{
    public override bool CanRead => true;
    public override bool CanSeek => true;
    public override bool CanWrite => false;
    public override long Length => length;
    public override long Position { get; set; }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        Span<byte> part = buffer[..(int)Math.Min(Math.Min(buffer.Length, mostAtOnce), length - Position)];
        part.Clear();
        if (Position < start.Length) start.AsSpan((int)Position, (int)Math.Min(part.Length, start.Length - Position)).CopyTo(part);
        Position += part.Length;
        return part.Length;
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void Flush()
    {
    }
}
