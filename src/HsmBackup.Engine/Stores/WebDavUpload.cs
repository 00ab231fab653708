using System.Net;

namespace HsmBackup.Engine.Stores;

/// <summary>A file on its way to the server. What was sent is hashed on the way.</summary>
internal sealed class WebDavUpload : HttpContent
{
    private readonly Stream _content;
    private readonly CancellationToken _cancellationToken;

    public WebDavUpload(Stream content, CancellationToken cancellationToken)
    {
        _content = content;
        _cancellationToken = cancellationToken;
        Headers.ContentType = new("application/octet-stream");
    }

    /// <summary>Its SHA-256, once it was sent.</summary>
    public byte[]? Digest { get; private set; }

    /// <summary>Notes each part that went out.</summary>
    public SilenceWatch? Watch { get; set; }

    protected override void SerializeToStream(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        _content.Position = 0;
        Digest = HashedCopy.Run(_content, stream, _cancellationToken, Watch is null ? null : Watch.Sign);
    }

    // After "Expect: 100-continue" the platform goes on in this way. There is nothing to be gained by not waiting.
    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        SerializeToStream(stream, context, CancellationToken.None);
        return Task.CompletedTask;
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _content.Length;
        return true;
    }
}
