namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.
#pragma warning disable CA1707 // An underscore keeps two numbers apart: SHA3_256 is Sha3_256.

/// <summary>CKD_: key derivation functions.</summary>
public static class Ckd
{
    public const ulong Null = 0x00000001;
    public const ulong Sha1Kdf = 0x00000002;
    public const ulong Sha1KdfAsn1 = 0x00000003;
    public const ulong Sha1KdfConcatenate = 0x00000004;
    public const ulong Sha224Kdf = 0x00000005;
    public const ulong Sha256Kdf = 0x00000006;
    public const ulong Sha384Kdf = 0x00000007;
    public const ulong Sha512Kdf = 0x00000008;
    public const ulong CpdiversifyKdf = 0x00000009;
    public const ulong Sha3_224Kdf = 0x0000000A;
    public const ulong Sha3_256Kdf = 0x0000000B;
    public const ulong Sha3_384Kdf = 0x0000000C;
    public const ulong Sha3_512Kdf = 0x0000000D;
    public const ulong Sha1KdfSp800 = 0x0000000E;
    public const ulong Sha224KdfSp800 = 0x0000000F;
    public const ulong Sha256KdfSp800 = 0x00000010;
    public const ulong Sha384KdfSp800 = 0x00000011;
    public const ulong Sha512KdfSp800 = 0x00000012;
    public const ulong Sha3_224KdfSp800 = 0x00000013;
    public const ulong Sha3_256KdfSp800 = 0x00000014;
    public const ulong Sha3_384KdfSp800 = 0x00000015;
    public const ulong Sha3_512KdfSp800 = 0x00000016;
    public const ulong Blake2B160Kdf = 0x00000017;
    public const ulong Blake2B256Kdf = 0x00000018;
    public const ulong Blake2B384Kdf = 0x00000019;
    public const ulong Blake2B512Kdf = 0x0000001A;
}
