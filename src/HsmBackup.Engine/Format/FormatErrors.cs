namespace HsmBackup.Engine.Format;

/// <summary>Every error of the file format, so that the same fault reads the same wherever it is found.</summary>
internal static class FormatErrors
{
    private const string UseAnotherCopy =
        "Use another copy of this backup, or an older backup. Do not restore from this file.";

    public static HsmBackupException CannotOpen(string path, Exception cause) => cause switch
    {
        FileNotFoundException or DirectoryNotFoundException => new HsmBackupException(ErrorCode.BackupNotFound,
            $"There is no backup at '{path}'.", "Check the path; Get-HsmBackup lists the backups of a folder.", cause)
        { Target = path },
        _ when Directory.Exists(path) => new HsmBackupException(ErrorCode.NotABackup,
            $"'{path}' is a folder, not a backup.", "Name one of the files in it; Get-HsmBackup lists its backups.", cause)
        { Target = path },
        _ => new HsmBackupException(ErrorCode.BackupUnreadable, $"The backup '{path}' is there and cannot be read: {cause.Message}",
            "Check that the account that runs this command may read the file, and that its volume is in order.", cause)
        { Target = path },
    };

    public static HsmBackupException NotABackup(string? path) =>
        new(ErrorCode.NotABackup, $"{Name(path)} is not a backup: it does not begin with the line 'hsm-backup/1'.",
            "Name a file that ends in .hsmbackup. A backup that was damaged at its beginning shows the same.")
        { Target = path };

    public static HsmBackupException UnsupportedVersion(string? path) =>
        new(ErrorCode.UnsupportedVersion, $"{Name(path)} has a format version that this program does not know.",
            "Use a newer version of HsmBackup.")
        { Target = path };

    public static HsmBackupException HeaderInvalid(string? path, string fault, Exception? cause = null) =>
        new(ErrorCode.HeaderInvalid, $"The header of {Name(path, middle: true)} is malformed: {fault}.", UseAnotherCopy, cause)
        { Target = path };

    public static HsmBackupException Damaged(string? path, string fault, Exception? cause = null) =>
        new(ErrorCode.IntegrityFailed, $"{Name(path)} is damaged or incomplete: {fault}.", UseAnotherCopy, cause)
        { Target = path };

    public static HsmBackupException Forged(string? path, string fault, Exception? cause = null) =>
        new(ErrorCode.AuthenticationFailed,
            $"{Name(path)} is not what was written under this key: {fault}. Its parts were changed or do not belong together.",
            UseAnotherCopy + " Find out who could write to it.", cause)
        { Target = path };

    public static HsmBackupException KeyMismatch(string? path, BackupId id) =>
        new(ErrorCode.KeyMismatch,
            $"The one-time key is not the key of backup '{id}' (or the header of {Name(path, middle: true)} was changed).",
            "Give the one-time key that was shown for exactly this backup id. If it is, use another copy of the backup.")
        { Target = path };

    public static HsmBackupException NoAttachment(string? path, string name) =>
        new(ErrorCode.InvalidArgument, $"{Name(path)} has no attachment '{name}'.", "Choose one of its attachments.")
        { Target = name };

    private static string Name(string? path, bool middle = false) =>
        path is not null ? $"'{path}'" : middle ? "the file" : "The file";
}
