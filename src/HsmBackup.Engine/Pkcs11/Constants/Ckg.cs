namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.
#pragma warning disable CA1707 // An underscore keeps two numbers apart: SHA3_256 is Sha3_256.

/// <summary>CKG_: mask generation functions of OAEP and PSS, and generators of initialisation vectors.</summary>
public static class Ckg
{
    // Mask generation functions.
    public const ulong Mgf1Sha1 = 0x00000001;
    public const ulong Mgf1Sha256 = 0x00000002;
    public const ulong Mgf1Sha384 = 0x00000003;
    public const ulong Mgf1Sha512 = 0x00000004;
    public const ulong Mgf1Sha224 = 0x00000005;
    public const ulong Mgf1Sha3_224 = 0x00000006;
    public const ulong Mgf1Sha3_256 = 0x00000007;
    public const ulong Mgf1Sha3_384 = 0x00000008;
    public const ulong Mgf1Sha3_512 = 0x00000009;

    // Initialisation vectors of message-based ciphers.
    public const ulong NoGenerate = 0x00000000;
    public const ulong Generate = 0x00000001;
    public const ulong GenerateCounter = 0x00000002;
    public const ulong GenerateRandom = 0x00000003;
    public const ulong GenerateCounterXor = 0x00000004;
}
