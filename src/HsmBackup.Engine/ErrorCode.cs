namespace HsmBackup.Engine;

/// <summary>Stable identifiers of the errors of HsmBackup. Names never change meaning; scripts may depend on them.</summary>
public enum ErrorCode
{
    /// <summary>The PKCS#11 library file does not exist.</summary>
    LibraryNotFound,
    /// <summary>The library exists but could not be loaded or initialised, or is not a PKCS#11 library.</summary>
    LibraryLoadFailed,
    /// <summary>No token matches the label or serial.</summary>
    TokenNotFound,
    /// <summary>More than one token matches.</summary>
    TokenAmbiguous,
    /// <summary>The token or its user PIN is not initialised.</summary>
    TokenNotInitialized,
    /// <summary>The token is not the one that the backup was made of.</summary>
    TokenMismatch,
    /// <summary>The token refused an operation; the message names the C_ function and the CKR value.</summary>
    TokenError,
    /// <summary>The token offers no way to wrap and unwrap keys that was proven to work.</summary>
    TokenCannotWrap,
    /// <summary>The PIN is wrong. It was sent once.</summary>
    PinIncorrect,
    /// <summary>The token is locked.</summary>
    PinLocked,
    /// <summary>A PIN is needed and none was given.</summary>
    PinRequired,
    /// <summary>The folder or file for the backup, key or state cannot be written.</summary>
    DestinationUnwritable,
    /// <summary>The disk is full.</summary>
    DiskFull,
    /// <summary>There is no backup at the path.</summary>
    BackupNotFound,
    /// <summary>There is a backup, or a folder of them, that may not or cannot be read.</summary>
    BackupUnreadable,
    /// <summary>The file does not begin with the magic line of a backup.</summary>
    NotABackup,
    /// <summary>The file is of a format version that this program does not know.</summary>
    UnsupportedVersion,
    /// <summary>The public header is malformed.</summary>
    HeaderInvalid,
    /// <summary>The structure or the checksum of the file is wrong: damaged or truncated.</summary>
    IntegrityFailed,
    /// <summary>The file was changed by somebody, or its parts do not belong together.</summary>
    AuthenticationFailed,
    /// <summary>The one-time key is not the key of this backup.</summary>
    KeyMismatch,
    /// <summary>The text is not a one-time key: a typing error, or something else.</summary>
    KeyTextInvalid,
    /// <summary>A one-time key is needed and none was given.</summary>
    KeyRequired,
    /// <summary>An unattended backup was not told where its one-time key goes.</summary>
    KeyDestinationRequired,
    /// <summary>The key file exists already and is never overwritten.</summary>
    KeyFileExists,
    /// <summary>The key file does not exist.</summary>
    KeyFileNotFound,
    /// <summary>The key file exists but may not or cannot be read.</summary>
    KeyFileUnreadable,
    /// <summary>A key file may not stand in the folder that holds the backup.</summary>
    KeyFileBesideBackup,
    /// <summary>The key file is sealed for a certificate whose private key is not available here.</summary>
    KeyFileSealed,
    /// <summary>The certificate cannot receive a key.</summary>
    KeyRecipientInvalid,
    /// <summary>The text is not a custodian's share of a cluster key: a typing error, or something else.</summary>
    ShareTextInvalid,
    /// <summary>The share is right in itself, but does not belong to the others: of another set, an old one, given twice, or not needed.</summary>
    ShareRefused,
    /// <summary>There are not enough shares.</summary>
    SharesMissing,
    /// <summary>The shares do not belong together, though each is right in itself: one was forged.</summary>
    SharesInconsistent,
    /// <summary>The shares of a cluster key were not told where to go, and nobody is there to be shown them.</summary>
    ShareDestinationRequired,
    /// <summary>The token does not hold the cluster key that is needed.</summary>
    ClusterKeyMissing,
    /// <summary>The token holds another cluster key, or what claims to be the cluster key is not it; or shares give another key.</summary>
    ClusterKeyMismatch,
    /// <summary>There is a cluster key already, and it was not said that it is to be replaced.</summary>
    ClusterKeyExists,
    /// <summary>The ceremony of a cluster key failed; the nodes are as they were, or the message says which are not.</summary>
    CeremonyFailed,
    /// <summary>The token does not hold the cluster's identity key.</summary>
    IdentityKeyMissing,
    /// <summary>The backup is not signed by the cluster's identity, or the signature is wrong.</summary>
    SignatureInvalid,
    /// <summary>Objects of the token could not be captured, and a partial backup was not accepted.</summary>
    BackupIncomplete,
    /// <summary>A check of a backup failed.</summary>
    TestFailed,
    /// <summary>A level of verification needs something that was not given, such as a token.</summary>
    TestNotPossible,
    /// <summary>Nothing was restored; the token is as it was.</summary>
    RestoreFailed,
    /// <summary>The restore stopped on the way; run it again with the same backup and key to finish it.</summary>
    RestoreInterrupted,
    /// <summary>The token has something else in the place of an object that was to be restored; nothing was touched.</summary>
    RestoreConflict,
    /// <summary>Nothing in the backup is what was asked for.</summary>
    NothingSelected,
    /// <summary>The restore would remove objects that no backup can bring back.</summary>
    WouldDestroyUnrecoverable,
    /// <summary>Another operation on the same token or store is under way.</summary>
    Busy,
    /// <summary>The caller asked to stop.</summary>
    Cancelled,
    /// <summary>No cluster definition has the name or path.</summary>
    DefinitionNotFound,
    /// <summary>The cluster definition is wrong; the message says in which line, where in the document, and what is expected.</summary>
    DefinitionInvalid,
    /// <summary>Several cluster definitions answer to the name.</summary>
    DefinitionAmbiguous,
    /// <summary>There is a cluster definition in that place already.</summary>
    DefinitionExists,
    /// <summary>Somebody changed the file of the cluster definition since it was read; it was not overwritten.</summary>
    DefinitionChanged,
    /// <summary>The cluster definition could have been put there by somebody else, and was not named by its path.</summary>
    DefinitionUntrusted,
    /// <summary>The cluster has no node of that name.</summary>
    NodeNotFound,
    /// <summary>Too few nodes of the cluster could be looked into for what was asked; nothing was changed.</summary>
    NodesUnavailable,
    /// <summary>The node did not answer within its timeout.</summary>
    NodeSilent,
    /// <summary>An object could not be brought to a node or taken from it; the others are as the result says.</summary>
    SyncFailed,
    /// <summary>A node is not repaired, or not wholly; the result says what was done and what it lacks.</summary>
    RepairFailed,
    /// <summary>A PIN stands where others can read it, or the definition holds a PIN itself.</summary>
    PinSourceRefused,
    /// <summary>The source of a PIN has none.</summary>
    PinUnavailable,
    /// <summary>A store did not answer, or not as a store answers, after the retries that are safe.</summary>
    StoreUnavailable,
    /// <summary>The medium of an offline store is not there.</summary>
    StoreUnmounted,
    /// <summary>A store does not let this account do what was asked.</summary>
    StoreRefused,
    /// <summary>Who answers for a store is not who the definition says: its certificate is of another authority, expired or not the pinned one.</summary>
    StoreUntrusted,
    /// <summary>There is a file of that name in the store already; it was left as it is.</summary>
    CopyExists,
    /// <summary>A copy was not made in one of the stores; the other copies stand.</summary>
    CopyFailed,
    /// <summary>There are fewer copies than were demanded; those that were made stand.</summary>
    CopiesMissing,
    /// <summary>The backup is held, and is not removed before it is unlocked.</summary>
    BackupHeld,
    /// <summary>The backup must not be removed: it is the newest that is known to restore, or a copy that is still needed.</summary>
    BackupNeeded,
    /// <summary>There is no pending removal to undo.</summary>
    RemovalNotPending,
    /// <summary>The clock goes wrong, so nothing was removed on its word.</summary>
    ClockUntrusted,
    /// <summary>The audit log cannot be written, so the action was not begun.</summary>
    AuditUnwritable,
    /// <summary>The audit log was changed, or a part of it is missing.</summary>
    AuditDamaged,
    /// <summary>The one-time key was handed over already, and is not here any more.</summary>
    KeyHandedOver,
    /// <summary>No key of that backup waits to be handed over.</summary>
    KeyNotWaiting,
    /// <summary>The schedule cannot be carried out as it was given.</summary>
    ScheduleInvalid,
    /// <summary>The cluster has no schedule, or none is installed on this machine.</summary>
    ScheduleNotFound,
    /// <summary>A scheduler of the system refused what was to be installed.</summary>
    ScheduleFailed,
    /// <summary>A scheduled run did not do all that it should; its record says what.</summary>
    RunFailed,
    /// <summary>A drill did not pass; its report says at which step, and why.</summary>
    DrillFailed,
    /// <summary>A drill cannot be run as it is: there is nowhere to recover to, or what there is is not blank.</summary>
    DrillNotPossible,
    /// <summary>The files of a drill are not those that were written when it ended.</summary>
    DrillAltered,
    /// <summary>A runbook no longer matches the configuration of its cluster, or was changed.</summary>
    RunbookOutdated,
    /// <summary>An alert could not be delivered; it is kept, and tried again.</summary>
    AlertUndelivered,
    /// <summary>An argument does not make sense; the message says which and why.</summary>
    InvalidArgument,
}
