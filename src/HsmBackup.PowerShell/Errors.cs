using System.Management.Automation;
using HsmBackup.Engine;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.PowerShell;

/// <summary>
/// The one place that makes error records: the id is the name of the <see cref="ErrorCode"/>, the next step stands in
/// <see cref="ErrorDetails.RecommendedAction"/>, and the target is what the error is about.
/// </summary>
internal static class Errors
{
    /// <summary>Turns an expected failure into an error record; null for one that nobody expected, to be thrown on.</summary>
    /// <param name="error">The failure.</param>
    /// <param name="target">What was being worked on, for errors that do not say it themselves.</param>
    public static ErrorRecord? TryFrom(Exception error, object? target) => error switch
    {
        // The pipeline is going down, and PowerShell must see that as it is.
        PipelineStoppedException => null,
        HsmBackupException expected => From(expected, target),
        Pkcs11Exception token => From(TokenRefused(token), target),
        OperationCanceledException => From(Cancelled(error), target),
        IOException or UnauthorizedAccessException => From(FileErrors.From(error, target as string ?? "the destination"), target),
        // PowerShell's own words for a drive or provider that does not exist.
        SessionStateException session => new ErrorRecord(session.ErrorRecord, session),
        _ => null,
    };

    /// <summary>Makes the error record of an expected failure.</summary>
    public static ErrorRecord From(HsmBackupException error, object? target = null) =>
        new(error, error.Code.ToString(), CategoryOf(error.Code), TargetOf(error) ?? target)
        {
            ErrorDetails = new ErrorDetails(error.Message) { RecommendedAction = error.RecommendedAction },
        };

    /// <summary>Makes the error record of a test that failed; the id is that of the check that gave the verdict.</summary>
    public static ErrorRecord TestFailed(TestResult result)
    {
        string checks = string.Join("; ", result.Checks
            .Where(check => check.Outcome == CheckOutcome.Failed)
            .Select(check => check.Detail is null ? check.Name : $"{check.Name}: {check.Detail}"));
        return From(new HsmBackupException(result.Error ?? ErrorCode.TestFailed,
            $"The backup '{result.Path}' did not pass its test at level {result.Level}. "
            + (checks.Length > 0 ? checks : result.Summary),
            NextStep(result))
        { Target = result.Path });
    }

    /// <summary>Makes the error of a path where there is no backup.</summary>
    public static HsmBackupException NoBackupAt(string path) =>
        new(ErrorCode.BackupNotFound, $"There is no backup at '{path}'.",
            "Check the path; Get-HsmBackup lists the backups of a folder.")
        { Target = path };

    /// <summary>Makes an error about arguments that do not fit together.</summary>
    public static HsmBackupException InvalidArgument(string message, string recommendedAction, object? target = null) =>
        new(ErrorCode.InvalidArgument, message, recommendedAction) { Target = target };

    private static string NextStep(TestResult result) => result switch
    {
        { Error: ErrorCode.BackupNotFound or ErrorCode.BackupUnreadable or ErrorCode.NotABackup or ErrorCode.KeyMismatch }
            => "Check the path and the key, then test again.",
        { Level: TestLevel.Live, Error: ErrorCode.TestFailed }
            => "Token and backup differ. Find out which of them is right before you restore the one or replace the other; "
            + "Compare-HsmBackup says more.",
        _ => "Do not rely on this backup: make a new one and test it. The result's Checks say what was seen.",
    };

    private static HsmBackupException TokenRefused(Pkcs11Exception error) => new(
        ErrorCode.TokenError,
        $"The token refused an operation: {error.Message}",
        "Look the code up in the documentation of the HSM; -Verbose shows what the token was seen to do.",
        error);

    private static HsmBackupException Cancelled(Exception error) => new(
        ErrorCode.Cancelled,
        "The operation was cancelled.",
        "Run the command again; a restore that had begun goes on where it stopped.",
        error);

    // The whole list of what was missed or stands in the way, for scripts: the message names only the first few.
    private static object? TargetOf(HsmBackupException error) =>
        error is { Code: ErrorCode.BackupIncomplete or ErrorCode.RestoreConflict or ErrorCode.NothingSelected or ErrorCode.StoreUnmounted or ErrorCode.ScheduleNotFound or ErrorCode.RemovalNotPending or ErrorCode.KeyNotWaiting or ErrorCode.NodesUnavailable, Result: not null } ? error.Result : error.Target;

    private static ErrorCategory CategoryOf(ErrorCode code) => code switch
    {
        ErrorCode.LibraryNotFound or ErrorCode.TokenNotFound or ErrorCode.BackupNotFound or ErrorCode.KeyFileNotFound
            or ErrorCode.DefinitionNotFound or ErrorCode.NodeNotFound or ErrorCode.ClusterKeyMissing or ErrorCode.IdentityKeyMissing
            or ErrorCode.NothingSelected
            => ErrorCategory.ObjectNotFound,
        ErrorCode.LibraryLoadFailed => ErrorCategory.OpenError,
        ErrorCode.TokenNotInitialized or ErrorCode.NodesUnavailable or ErrorCode.StoreUnavailable => ErrorCategory.ResourceUnavailable,
        ErrorCode.AlertUndelivered => ErrorCategory.ConnectionError,
        ErrorCode.NodeSilent => ErrorCategory.OperationTimeout,
        ErrorCode.TokenError => ErrorCategory.DeviceError,
        ErrorCode.TokenCannotWrap or ErrorCode.UnsupportedVersion => ErrorCategory.NotImplemented,
        ErrorCode.PinIncorrect or ErrorCode.PinRequired or ErrorCode.PinLocked or ErrorCode.KeyMismatch or ErrorCode.KeyFileSealed
            or ErrorCode.PinUnavailable or ErrorCode.StoreRefused
            => ErrorCategory.AuthenticationError,
        ErrorCode.DestinationUnwritable or ErrorCode.DiskFull or ErrorCode.SyncFailed or ErrorCode.CopyFailed or ErrorCode.CopiesMissing or ErrorCode.AuditUnwritable or ErrorCode.ScheduleFailed => ErrorCategory.WriteError,
        ErrorCode.KeyFileUnreadable or ErrorCode.BackupUnreadable => ErrorCategory.ReadError,
        ErrorCode.NotABackup or ErrorCode.HeaderInvalid or ErrorCode.IntegrityFailed or ErrorCode.KeyTextInvalid
            or ErrorCode.ShareTextInvalid or ErrorCode.SharesInconsistent or ErrorCode.DefinitionInvalid
            => ErrorCategory.InvalidData,
        ErrorCode.AuthenticationFailed or ErrorCode.SignatureInvalid or ErrorCode.PinSourceRefused or ErrorCode.DefinitionUntrusted
            or ErrorCode.StoreUntrusted or ErrorCode.AuditDamaged or ErrorCode.DrillAltered
            => ErrorCategory.SecurityError,
        ErrorCode.KeyFileExists or ErrorCode.DefinitionExists or ErrorCode.ClusterKeyExists or ErrorCode.RestoreConflict or ErrorCode.CopyExists
            => ErrorCategory.ResourceExists,
        ErrorCode.BackupIncomplete or ErrorCode.TestFailed or ErrorCode.DrillFailed => ErrorCategory.InvalidResult,
        ErrorCode.TestNotPossible or ErrorCode.TokenMismatch or ErrorCode.ClusterKeyMismatch or ErrorCode.WouldDestroyUnrecoverable
            or ErrorCode.DefinitionChanged or ErrorCode.DrillNotPossible
            or ErrorCode.BackupHeld or ErrorCode.BackupNeeded or ErrorCode.ClockUntrusted or ErrorCode.KeyHandedOver
            => ErrorCategory.InvalidOperation,
        ErrorCode.RestoreFailed or ErrorCode.RestoreInterrupted or ErrorCode.CeremonyFailed or ErrorCode.RepairFailed or ErrorCode.Cancelled or ErrorCode.RunFailed
            => ErrorCategory.OperationStopped,
        ErrorCode.Busy => ErrorCategory.ResourceBusy,
        ErrorCode.TokenAmbiguous or ErrorCode.DefinitionAmbiguous or ErrorCode.KeyRequired or ErrorCode.KeyDestinationRequired or ErrorCode.KeyFileBesideBackup
            or ErrorCode.KeyRecipientInvalid or ErrorCode.ShareRefused or ErrorCode.SharesMissing or ErrorCode.ShareDestinationRequired
            or ErrorCode.ScheduleInvalid or ErrorCode.InvalidArgument
            => ErrorCategory.InvalidArgument,
        _ => ErrorCategory.NotSpecified,
    };
}
