using System.Security.Cryptography;

namespace HsmBackup.Engine.Format;

/// <summary>Writes through to a stream and keeps the MAC and the SHA-256 of all that was written.</summary>
internal sealed class HashedOutput : IDisposable
{
    private readonly Stream _output;
    private readonly IncrementalHash _digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly IncrementalHash _mac;

    public HashedOutput(Stream output, ReadOnlySpan<byte> macKey)
    {
        _output = output;
        _mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, macKey);
    }

    /// <summary>Bytes written so far.</summary>
    public long Length { get; private set; }

    /// <summary>HMAC-SHA256 of everything so far.</summary>
    public byte[] Mac => _mac.GetCurrentHash();

    /// <summary>SHA-256 of everything so far.</summary>
    public byte[] Digest => _digest.GetCurrentHash();

    public void Write(ReadOnlySpan<byte> bytes)
    {
        _digest.AppendData(bytes);
        _mac.AppendData(bytes);
        _output.Write(bytes);
        Length += bytes.Length;
    }

    /// <summary>The end of the file: the one part that its own digest does not cover.</summary>
    public void WriteUncovered(ReadOnlySpan<byte> bytes)
    {
        _output.Write(bytes);
        Length += bytes.Length;
    }

    public void Dispose()
    {
        _digest.Dispose();
        _mac.Dispose();
    }
}
