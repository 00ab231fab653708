namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.
#pragma warning disable CA1707 // An underscore keeps two numbers apart: SHA3_256 is Sha3_256.

/// <summary>CKM_: mechanisms. This part: ML-KEM, ML-DSA, SLH-DSA and the hash-based signatures with a state.</summary>
public static partial class Ckm
{
    public const ulong MlKemKeyPairGen = 0x0000000F;
    public const ulong MlKem = 0x00000017;
    public const ulong MlDsaKeyPairGen = 0x0000001C;
    public const ulong MlDsa = 0x0000001D;
    public const ulong HashMlDsa = 0x0000001F;
    public const ulong HashMlDsaSha224 = 0x00000023;
    public const ulong HashMlDsaSha256 = 0x00000024;
    public const ulong HashMlDsaSha384 = 0x00000025;
    public const ulong HashMlDsaSha512 = 0x00000026;
    public const ulong HashMlDsaSha3_224 = 0x00000027;
    public const ulong HashMlDsaSha3_256 = 0x00000028;
    public const ulong HashMlDsaSha3_384 = 0x00000029;
    public const ulong HashMlDsaSha3_512 = 0x0000002A;
    public const ulong HashMlDsaShake128 = 0x0000002B;
    public const ulong HashMlDsaShake256 = 0x0000002C;
    public const ulong SlhDsaKeyPairGen = 0x0000002D;
    public const ulong SlhDsa = 0x0000002E;
    public const ulong HashSlhDsa = 0x00000034;
    public const ulong HashSlhDsaSha224 = 0x00000036;
    public const ulong HashSlhDsaSha256 = 0x00000037;
    public const ulong HashSlhDsaSha384 = 0x00000038;
    public const ulong HashSlhDsaSha512 = 0x00000039;
    public const ulong HashSlhDsaSha3_224 = 0x0000003A;
    public const ulong HashSlhDsaSha3_256 = 0x0000003B;
    public const ulong HashSlhDsaSha3_384 = 0x0000003C;
    public const ulong HashSlhDsaSha3_512 = 0x0000003D;
    public const ulong HashSlhDsaShake128 = 0x0000003E;
    public const ulong HashSlhDsaShake256 = 0x0000003F;
    public const ulong HssKeyPairGen = 0x00004032;
    public const ulong Hss = 0x00004033;
    public const ulong XmssKeyPairGen = 0x00004034;
    public const ulong XmssMtKeyPairGen = 0x00004035;
    public const ulong Xmss = 0x00004036;
    public const ulong XmssMt = 0x00004037;
}
