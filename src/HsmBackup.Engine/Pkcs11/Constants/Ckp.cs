namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.
#pragma warning disable CA1707 // An underscore keeps two numbers apart: SHA3_256 is Sha3_256.

/// <summary>CKP_: values of CKA_PARAMETER_SET, of CKA_PROFILE_ID, and the functions of PBKDF2.</summary>
public static class Ckp
{
    // ML-KEM parameter sets.
    public const ulong MlKem512 = 0x00000001;
    public const ulong MlKem768 = 0x00000002;
    public const ulong MlKem1024 = 0x00000003;

    // ML-DSA parameter sets.
    public const ulong MlDsa44 = 0x00000001;
    public const ulong MlDsa65 = 0x00000002;
    public const ulong MlDsa87 = 0x00000003;

    // SLH-DSA parameter sets.
    public const ulong SlhDsaSha2_128S = 0x00000001;
    public const ulong SlhDsaShake128S = 0x00000002;
    public const ulong SlhDsaSha2_128F = 0x00000003;
    public const ulong SlhDsaShake128F = 0x00000004;
    public const ulong SlhDsaSha2_192S = 0x00000005;
    public const ulong SlhDsaShake192S = 0x00000006;
    public const ulong SlhDsaSha2_192F = 0x00000007;
    public const ulong SlhDsaShake192F = 0x00000008;
    public const ulong SlhDsaSha2_256S = 0x00000009;
    public const ulong SlhDsaShake256S = 0x0000000A;
    public const ulong SlhDsaSha2_256F = 0x0000000B;
    public const ulong SlhDsaShake256F = 0x0000000C;

    // Profiles.
    public const ulong InvalidId = 0x00000000;
    public const ulong BaselineProvider = 0x00000001;
    public const ulong ExtendedProvider = 0x00000002;
    public const ulong AuthenticationToken = 0x00000003;
    public const ulong PublicCertificatesToken = 0x00000004;
    public const ulong CompleteProvider = 0x00000005;
    public const ulong HkdfTlsToken = 0x00000006;
    public const ulong VendorDefined = 0x80000000;

    // Pseudo-random functions of PBKDF2.
    public const ulong Pkcs5Pbkd2HmacSha1 = 0x00000001;
    public const ulong Pkcs5Pbkd2HmacGostr3411 = 0x00000002;
    public const ulong Pkcs5Pbkd2HmacSha224 = 0x00000003;
    public const ulong Pkcs5Pbkd2HmacSha256 = 0x00000004;
    public const ulong Pkcs5Pbkd2HmacSha384 = 0x00000005;
    public const ulong Pkcs5Pbkd2HmacSha512 = 0x00000006;
    public const ulong Pkcs5Pbkd2HmacSha512_224 = 0x00000007;
    public const ulong Pkcs5Pbkd2HmacSha512_256 = 0x00000008;
}
