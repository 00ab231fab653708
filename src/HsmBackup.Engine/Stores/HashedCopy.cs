using System.Security.Cryptography;

namespace HsmBackup.Engine.Stores;

/// <summary>Copies content and tells its SHA-256, so that what was written and what is read back can be compared.</summary>
internal static class HashedCopy
{
    /// <summary>How much is read at a time.</summary>
    public const int BufferSize = 128 * 1024;

    /// <summary>Copies what somebody gave us to store, from where it stands to its end.</summary>
    /// <param name="source">The source.</param>
    /// <param name="destination">Takes it.</param>
    /// <param name="cancellationToken">Stops it between two parts.</param>
    /// <param name="onPart">Called after each part.</param>
    /// <exception cref="HsmBackupException">BackupUnreadable: the source failed, which is not the fault of the store.</exception>
    public static byte[] Run(Stream source, Stream destination, CancellationToken cancellationToken, Action? onPart = null) =>
        Digest(buffer => ReadSource(source, buffer), destination, onPart, cancellationToken);

    /// <summary>The digest of the rest of a stream.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="cancellationToken">Stops it between two parts.</param>
    public static byte[] DigestOf(Stream stream, CancellationToken cancellationToken) => Digest(buffer => stream.Read(buffer), null, null, cancellationToken);

    private static byte[] Digest(Func<byte[], int> read, Stream? destination, Action? onPart, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[BufferSize];
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int count = read(buffer);
            if (count == 0)
            {
                return hash.GetHashAndReset();
            }
            hash.AppendData(buffer, 0, count);
            destination?.Write(buffer, 0, count);
            onPart?.Invoke();
        }
    }

    private static int ReadSource(Stream source, byte[] buffer)
    {
        try
        {
            return source.Read(buffer);
        }
        catch (IOException e)
        {
            throw new HsmBackupException(ErrorCode.BackupUnreadable, $"What was to be stored cannot be read: {e.Message}",
                "Check the disk that it comes from. Nothing was added to the store.", e);
        }
    }
}
