namespace HsmBackup.Engine.Stores;

/// <summary>Ends what makes no progress for too long, however long all of it takes, and what its caller gave up.</summary>
internal sealed class SilenceWatch : IDisposable
{
    private readonly CancellationTokenSource _source;
    private readonly CancellationToken _caller;
    private readonly TimeSpan _limit;

    /// <param name="first">How long until the first sign.</param>
    /// <param name="limit">How long between two signs.</param>
    /// <param name="caller">The caller's own wish.</param>
    public SilenceWatch(TimeSpan first, TimeSpan limit, CancellationToken caller)
    {
        _limit = limit;
        _caller = caller;
        _source = CancellationTokenSource.CreateLinkedTokenSource(caller);
        _source.CancelAfter(first);
    }

    /// <summary>Ends it.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Whether it was ended for its silence.</summary>
    public bool IsSilent => _source.IsCancellationRequested && !_caller.IsCancellationRequested;

    /// <summary>The caller's own wish.</summary>
    public CancellationToken Caller => _caller;

    /// <summary>A sign of life.</summary>
    public void Sign() => _source.CancelAfter(_limit);

    public void Dispose() => _source.Dispose();
}

/// <summary>The body of an answer, watched for silence.</summary>
internal sealed class WatchedStream(Stream inner, SilenceWatch watch, WebDavErrors errors) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(byte[] buffer, int offset, int count)
    {
        try
        {
            // A read that waits by itself could not be ended; this one can.
            ValueTask<int> reading = inner.ReadAsync(buffer.AsMemory(offset, count), watch.Token);
            int read = reading.IsCompleted ? reading.Result : reading.AsTask().GetAwaiter().GetResult();
            watch.Sign();
            return read;
        }
        catch (Exception e) when (WebDavClient.IsOfConnection(e, watch.Caller))
        {
            throw errors.OfConnection(e, watch.IsSilent);
        }
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
