using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Auditing;

/// <summary>Reads a log as it was at one moment, however many write it on.</summary>
internal static class AuditReading
{
    // A file that a log could have written, and room for what somebody else may have put in.
    private const int MaxFileLength = 64 * 1024 * 1024;

    /// <summary>The files in the order of their names, one at a time, and how far the log's mark says that it is.</summary>
    /// <exception cref="HsmBackupException">Busy; AuditDamaged: a file is larger than any of a log.</exception>
    public static (IEnumerable<AuditFile> Files, AuditHead? Mark) Snapshot(string folder, TimeSpan patience, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(folder))
        {
            return ([], null);
        }
        // Nobody writes while the lengths are taken; what is before them does not change any more.
        using AuditMark? mark = TryLock(folder, patience, cancellationToken);
        List<(string Path, long Length)> files = [.. Directory.GetFiles(folder, AuditFiles.Pattern).Order(StringComparer.Ordinal).Select(f => (f, new FileInfo(f).Length))];
        return (files.Select(f => Read(f.Path, f.Length, cancellationToken)), mark?.Read());
    }

    // Who may read the log and not write it can still check it.
    private static AuditMark? TryLock(string folder, TimeSpan patience, CancellationToken cancellationToken)
    {
        try
        {
            return File.Exists(Path.Combine(folder, AuditMark.FileName)) ? AuditMark.Lock(folder, patience, cancellationToken) : null;
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            return null;
        }
    }

    private static AuditFile Read(string path, long length, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (length > MaxFileLength)
        {
            throw new HsmBackupException(ErrorCode.AuditDamaged, $"'{path}' is larger than any file of an audit log.",
                "Find out who put it there, and move it to another place.")
            { Target = path };
        }
        byte[] content = new byte[length];
        using FileStream stream = new(path, new FileStreamOptions { Access = FileAccess.Read, Share = FileShare.ReadWrite, BufferSize = 0 });
        return new AuditFile(Path.GetFileName(path), content.AsMemory(0, stream.ReadAtLeast(content, content.Length, throwOnEndOfStream: false)));
    }
}
