namespace HsmBackup.Engine.Stores;

/// <summary>Every error that stores of all kinds have, so that the same fault reads the same wherever it is found.</summary>
internal static class StoreErrors
{
    public static HsmBackupException NotFound(IBackupStore store, string name, Exception? cause = null) => new(ErrorCode.BackupNotFound,
        $"There is no file '{name}' in the store {Named(store)}.",
        "Check the name; Get-HsmBackup lists the backups of the stores.", cause)
    { Target = name };

    public static HsmBackupException Exists(IBackupStore store, string name) => new(ErrorCode.CopyExists,
        $"The store {Named(store)} has a file '{name}' already. It was left as it is.",
        "Nothing is to be done if it is the same backup: Test-HsmBackup tells. Otherwise find out who put it there before you remove it.")
    { Target = name };

    public static HsmBackupException NotKept(IBackupStore store, string name, string fault) => new(ErrorCode.IntegrityFailed,
        $"'{name}' was written to the store {Named(store)} and does not read back as it was written: {fault}. It was removed, and was never listed.",
        "Do not trust this store before its disks, memory and network were checked; use another one meanwhile.")
    { Target = name };

    public static HsmBackupException Cancelled(IBackupStore store, Exception cause) => new(ErrorCode.Cancelled,
        $"The work with the store {Named(store)} was stopped. No file in it is half written.", "Run the command again.", cause)
    { Target = store.Location };

    public static HsmBackupException Unmounted(IBackupStore store, string fault) => new(ErrorCode.StoreUnmounted,
        $"The medium of the store {Named(store)} is not there: {fault}. Nothing was written.",
        $"Attach the medium and mount it, so that '{store.Location}' is there, then run the command again.")
    { Target = store.Location };

    /// <summary>What a failure of the file system means where the folder of a store is read or written.</summary>
    public static HsmBackupException OfFolder(IBackupStore store, Exception cause)
    {
        HsmBackupException written = FileErrors.From(cause, store.Location);
        return written.Code == ErrorCode.DiskFull ? written
            : cause is UnauthorizedAccessException
            ? new HsmBackupException(ErrorCode.StoreRefused, $"The store {Named(store)} does not let this account do that: access is denied.",
                "Give the account that runs this command the rights to read, create, rename and delete files in the folder.", cause)
            { Target = store.Location }
            : new HsmBackupException(ErrorCode.StoreUnavailable, $"The store {Named(store)} cannot be used: {cause.Message}",
                "Check that the folder is there, that its volume is mounted and writable, and that its disk is in order.", cause)
            { Target = store.Location };
    }

    /// <summary>A store as messages name it.</summary>
    public static string Named(IBackupStore store) =>
        store.Name == store.Location ? $"'{store.Location}'" : $"'{store.Name}' ('{store.Location}')";
}
