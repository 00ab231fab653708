using System.Security.Cryptography;
using System.Text;
using HsmBackup.Engine.Monitoring.Status;

namespace HsmBackup.Engine.Monitoring.Metrics;

/// <summary>The file that the node exporter's textfile collector reads.</summary>
public static class MetricFile
{
    private const UnixFileMode ForAllToRead = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>Writes it, in the place of the one before: whoever reads it sees the old one or the new one, whole.</summary>
    /// <param name="path">The file.</param>
    /// <param name="status">What is known of the cluster.</param>
    /// <exception cref="HsmBackupException">DestinationUnwritable, DiskFull.</exception>
    public static void Write(string path, ClusterStatus status)
    {
        ArgumentNullException.ThrowIfNull(path);
        byte[] text = Encoding.UTF8.GetBytes(MetricText.Of(status));
        // Not .prom, which would be read; of its own, because two may write at a time.
        string temporary = $"{path}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}.tmp";
        try
        {
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                if (!OperatingSystem.IsWindows())
                {
                    // The collector runs as another user, whatever this one's mask is.
                    File.SetUnixFileMode(file.SafeFileHandle, ForAllToRead);
                }
                file.Write(text);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            TryDelete(temporary);
            throw FileErrors.From(e, path);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            // What stopped the writing stops this too, and is told.
            return;
        }
    }
}
