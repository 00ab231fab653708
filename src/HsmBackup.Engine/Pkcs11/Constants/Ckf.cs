namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.

/// <summary>CKF_: flags. One bit means different things in different structures; the groups say where each belongs.</summary>
public static class Ckf
{
    // CK_SLOT_INFO.
    public const ulong TokenPresent = 0x00000001;
    public const ulong RemovableDevice = 0x00000002;
    public const ulong HwSlot = 0x00000004;

    // CK_TOKEN_INFO.
    public const ulong Rng = 0x00000001;
    public const ulong WriteProtected = 0x00000002;
    public const ulong LoginRequired = 0x00000004;
    public const ulong UserPinInitialized = 0x00000008;
    public const ulong RestoreKeyNotNeeded = 0x00000020;
    public const ulong ClockOnToken = 0x00000040;
    public const ulong ProtectedAuthenticationPath = 0x00000100;
    public const ulong DualCryptoOperations = 0x00000200;
    public const ulong TokenInitialized = 0x00000400;
    public const ulong SecondaryAuthentication = 0x00000800;
    public const ulong UserPinCountLow = 0x00010000;
    public const ulong UserPinFinalTry = 0x00020000;
    public const ulong UserPinLocked = 0x00040000;
    public const ulong UserPinToBeChanged = 0x00080000;
    public const ulong SoPinCountLow = 0x00100000;
    public const ulong SoPinFinalTry = 0x00200000;
    public const ulong SoPinLocked = 0x00400000;
    public const ulong SoPinToBeChanged = 0x00800000;
    public const ulong ErrorState = 0x01000000;
    public const ulong SeedRandomRequired = 0x02000000;
    public const ulong AsyncSessionSupported = 0x04000000;

    // CK_SESSION_INFO and C_OpenSession.
    public const ulong RwSession = 0x00000002;
    public const ulong SerialSession = 0x00000004;
    public const ulong AsyncSession = 0x00000008;

    // CK_MECHANISM_INFO.
    public const ulong Hw = 0x00000001;
    public const ulong MessageEncrypt = 0x00000002;
    public const ulong MessageDecrypt = 0x00000004;
    public const ulong MessageSign = 0x00000008;
    public const ulong MessageVerify = 0x00000010;
    public const ulong MultiMessage = 0x00000020;
    public const ulong FindObjects = 0x00000040;
    public const ulong Encrypt = 0x00000100;
    public const ulong Decrypt = 0x00000200;
    public const ulong Digest = 0x00000400;
    public const ulong Sign = 0x00000800;
    public const ulong SignRecover = 0x00001000;
    public const ulong Verify = 0x00002000;
    public const ulong VerifyRecover = 0x00004000;
    public const ulong Generate = 0x00008000;
    public const ulong GenerateKeyPair = 0x00010000;
    public const ulong Wrap = 0x00020000;
    public const ulong Unwrap = 0x00040000;
    public const ulong Derive = 0x00080000;
    public const ulong EcFP = 0x00100000;
    public const ulong EcF2M = 0x00200000;
    public const ulong EcEcParameters = 0x00400000;
    public const ulong EcOid = 0x00800000;
    public const ulong EcUncompress = 0x01000000;
    public const ulong EcCompress = 0x02000000;
    public const ulong EcCurveName = 0x04000000;
    public const ulong Encapsulate = 0x10000000;
    public const ulong Decapsulate = 0x20000000;
    public const ulong Extension = 0x80000000;

    // CK_C_INITIALIZE_ARGS.
    public const ulong LibraryCantCreateOsThreads = 0x00000001;
    public const ulong OsLockingOk = 0x00000002;

    // Attribute types of arrays, C_WaitForSlotEvent, messages, interfaces, HKDF.
    public const ulong ArrayAttribute = 0x40000000;
    public const ulong DontBlock = 0x00000001;
    public const ulong EndOfMessage = 0x00000001;
    public const ulong InterfaceForkSafe = 0x00000001;
    public const ulong HkdfSaltNull = 0x00000001;
    public const ulong HkdfSaltData = 0x00000002;
    public const ulong HkdfSaltKey = 0x00000004;

    // One-time passwords.
    public const ulong NextOtp = 0x00000001;
    public const ulong ExcludeTime = 0x00000002;
    public const ulong ExcludeCounter = 0x00000004;
    public const ulong ExcludeChallenge = 0x00000008;
    public const ulong ExcludePin = 0x00000010;
    public const ulong UserFriendlyOtp = 0x00000020;
}
