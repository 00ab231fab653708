namespace HsmBackup.Engine.Format;

/// <summary>What can be known of a backup file without its key.</summary>
public static class BackupFile
{
    /// <summary>Reads magic line and header, and nothing else of the file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="HsmBackupException">BackupNotFound, BackupUnreadable, NotABackup, UnsupportedVersion, HeaderInvalid.</exception>
    public static BackupPreamble ReadHeader(string path)
    {
        using FileStream file = Open(path);
        return BackupPreamble.Read(file, path);
    }

    /// <summary>Reads magic line and header from where a stream stands, and little more.</summary>
    /// <param name="stream">A readable stream.</param>
    /// <exception cref="HsmBackupException">NotABackup, UnsupportedVersion, HeaderInvalid.</exception>
    public static BackupPreamble ReadHeader(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return BackupPreamble.Read(stream, null);
    }

    /// <summary>Reads magic line and header from the first bytes of a file.</summary>
    /// <param name="start">The bytes.</param>
    /// <param name="isWhole">Whether that is all of the file, or as much as both lines can take.</param>
    /// <param name="source">What errors call the file.</param>
    /// <returns>Null where the header may go on behind these bytes.</returns>
    /// <exception cref="HsmBackupException">NotABackup, UnsupportedVersion, HeaderInvalid.</exception>
    internal static BackupPreamble? TryReadHeader(byte[] start, bool isWhole, string source)
    {
        BackupPreamble? preamble = BackupPreamble.TryParse(start, source);
        // Where both lines are not there whole, the slow way says what is wrong with what is there.
        return preamble is null && (isWhole || !start.AsSpan().StartsWith(BackupFormat.MagicLine))
            ? BackupPreamble.Read(new MemoryStream(start, writable: false), source)
            : preamble;
    }

    /// <summary>
    /// Checks the structure of a file and the digest that it ends with. That finds every accidental damage; what somebody
    /// has changed on purpose is found by
    /// <see cref="BackupContent.Open(string, Protection.OneTimeKey, CancellationToken)"/>.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="cancellationToken">Looked at before each segment.</param>
    /// <exception cref="HsmBackupException">
    /// BackupNotFound, BackupUnreadable, NotABackup, UnsupportedVersion, HeaderInvalid, IntegrityFailed.
    /// </exception>
    public static BackupFileSummary CheckIntegrity(string path, CancellationToken cancellationToken = default)
    {
        using FileStream file = Open(path);
        return CheckIntegrity(file, path, cancellationToken);
    }

    /// <summary>The same for a stream.</summary>
    /// <param name="stream">A stream that can seek, read from its beginning; it stays open.</param>
    /// <param name="cancellationToken">Looked at before each segment.</param>
    /// <exception cref="HsmBackupException">NotABackup, UnsupportedVersion, HeaderInvalid, IntegrityFailed.</exception>
    public static BackupFileSummary CheckIntegrity(Stream stream, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return CheckIntegrity(stream, null, cancellationToken);
    }

    internal static BackupFileSummary CheckIntegrity(Stream stream, string? path, CancellationToken cancellationToken)
    {
        stream.Position = 0;
        BackupPreamble preamble = BackupPreamble.Read(stream, path);
        using FileWalker walker = FileWalker.ForIntegrity(stream, path, preamble);
        while (walker.Next(cancellationToken))
        {
            // Everything is checked on the way.
        }
        return walker.Summary!;
    }

    internal static FileStream Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Pipe.Is(path)) throw FormatErrors.NotABackup(path);
        FileStream file;
        try
        {
            file = new FileStream(path, new FileStreamOptions
            {
                Access = FileAccess.Read,
                // Nobody may change what is being authenticated, where the system can keep them from it.
                Share = FileShare.Read,
                // Segments are read in one piece each; another buffer would only copy them.
                BufferSize = 0,
                Options = FileOptions.SequentialScan,
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw FormatErrors.CannotOpen(path, e);
        }
        if (file.CanSeek) return file;
        // A pipe or a terminal: nothing that could be read twice.
        file.Dispose();
        throw FormatErrors.NotABackup(path);
    }
}
