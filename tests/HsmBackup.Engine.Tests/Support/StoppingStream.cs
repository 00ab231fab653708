namespace HsmBackup.Engine.Tests.Support;

/// <summary>Content in whose middle somebody gives up, or whose disk fails there.</summary>
internal sealed class StoppingStream(byte[] content, int at, CancellationTokenSource? source) : MemoryStream(content)
{
    // All other ways to read lead here in a class that is derived from MemoryStream.
    public override int Read(byte[] buffer, int offset, int count)
    {
        if (Position >= at)
        {
            source?.Cancel();
            return source is null ? throw new IOException("The disk has a scratch.") : base.Read(buffer, offset, count);
        }
        return base.Read(buffer, offset, count);
    }
}
