namespace HsmBackup.Engine;

/// <summary>
/// The one place where a failure of the file system becomes an error of this product, so that a full disk has the same
/// name whoever meets it. It is for files that are written; what cannot be read is named by who reads it.
/// </summary>
public static class FileErrors
{
    // Windows: HRESULTs of ERROR_DISK_FULL, ERROR_HANDLE_DISK_FULL, ERROR_DISK_QUOTA_EXCEEDED.
    private const int WindowsDiskFull = unchecked((int)0x80070070);
    private const int WindowsHandleDiskFull = unchecked((int)0x80070027);
    private const int WindowsQuotaExceeded = unchecked((int)0x8007050F);
    private const int WindowsFileExists = unchecked((int)0x80070050);
    private const int WindowsAlreadyExists = unchecked((int)0x800700B7);
    private const int WindowsSharingViolation = unchecked((int)0x80070020);

    // Elsewhere an IOException carries the bare errno.
    private const int UnixNoSpace = 28;
    private const int UnixFileExists = 17;
    private static readonly int UnixWouldBlock = OperatingSystem.IsMacOS() ? 35 : 11;
    private static readonly int UnixQuotaExceeded = OperatingSystem.IsMacOS() ? 69 : 122;

    /// <summary>Whether an exception is a failure of the file system, which <see cref="From"/> has words for.</summary>
    public static bool Covers(Exception error) => error is IOException or UnauthorizedAccessException;

    /// <summary>Whether creating a file failed only because there is one already.</summary>
    public static bool MeansExists(Exception error) => error is IOException && (OperatingSystem.IsWindows()
        ? error.HResult is WindowsFileExists or WindowsAlreadyExists
        : error.HResult == UnixFileExists);

    /// <summary>Whether opening a file failed only because somebody else has it open for himself alone.</summary>
    public static bool MeansInUse(Exception error) => error is IOException
        && error.HResult == (OperatingSystem.IsWindows() ? WindowsSharingViolation : UnixWouldBlock);

    /// <summary>
    /// Turns a failure to write into <see cref="ErrorCode.DiskFull"/> or <see cref="ErrorCode.DestinationUnwritable"/>.
    /// </summary>
    /// <param name="error">The failure.</param>
    /// <param name="path">The file or folder that the user knows of; it becomes the error's target.</param>
    public static HsmBackupException From(Exception error, string path)
    {
        if (MeansDiskFull(error))
        {
            return new HsmBackupException(
                ErrorCode.DiskFull,
                $"There is no space left to write '{path}'.",
                "Free space on that volume or name another destination, then run the command again.",
                error)
            { Target = path };
        }
        return new HsmBackupException(
            ErrorCode.DestinationUnwritable,
            $"'{path}' cannot be written: {Reason(error)}",
            "Check that the folder exists and that the account that runs this command may create files in it.",
            error)
        { Target = path };
    }

    private static bool MeansDiskFull(Exception error) => error is IOException && (OperatingSystem.IsWindows()
        ? error.HResult is WindowsDiskFull or WindowsHandleDiskFull or WindowsQuotaExceeded
        // .NET itself reports a failed preallocation by the Windows value on every system.
        : error.HResult is UnixNoSpace or WindowsDiskFull || error.HResult == UnixQuotaExceeded);

    // The system's own words name the file that was tried, which may be one that the user never heard of.
    private static string Reason(Exception error) => error switch
    {
        UnauthorizedAccessException => "access is denied.",
        DirectoryNotFoundException => "its folder does not exist.",
        PathTooLongException => "the path is too long.",
        _ => error.Message,
    };
}
