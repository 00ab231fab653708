namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.
#pragma warning disable CA1707 // An underscore keeps two numbers apart: SHA3_256 is Sha3_256.

/// <summary>CKK_: key types.</summary>
public static class Ckk
{
    public const ulong Rsa = 0x00000000;
    public const ulong Dsa = 0x00000001;
    public const ulong Dh = 0x00000002;
    public const ulong Ec = 0x00000003;
    public const ulong X9_42Dh = 0x00000004;
    public const ulong Kea = 0x00000005;
    public const ulong GenericSecret = 0x00000010;
    public const ulong Rc2 = 0x00000011;
    public const ulong Rc4 = 0x00000012;
    public const ulong Des = 0x00000013;
    public const ulong Des2 = 0x00000014;
    public const ulong Des3 = 0x00000015;
    public const ulong Cast = 0x00000016;
    public const ulong Cast3 = 0x00000017;
    public const ulong Cast128 = 0x00000018;
    public const ulong Rc5 = 0x00000019;
    public const ulong Idea = 0x0000001A;
    public const ulong Skipjack = 0x0000001B;
    public const ulong Baton = 0x0000001C;
    public const ulong Juniper = 0x0000001D;
    public const ulong Cdmf = 0x0000001E;
    public const ulong Aes = 0x0000001F;
    public const ulong Blowfish = 0x00000020;
    public const ulong Twofish = 0x00000021;
    public const ulong Securid = 0x00000022;
    public const ulong Hotp = 0x00000023;
    public const ulong Acti = 0x00000024;
    public const ulong Camellia = 0x00000025;
    public const ulong Aria = 0x00000026;
    public const ulong Md5Hmac = 0x00000027;
    public const ulong Sha1Hmac = 0x00000028;
    public const ulong Ripemd128Hmac = 0x00000029;
    public const ulong Ripemd160Hmac = 0x0000002A;
    public const ulong Sha256Hmac = 0x0000002B;
    public const ulong Sha384Hmac = 0x0000002C;
    public const ulong Sha512Hmac = 0x0000002D;
    public const ulong Sha224Hmac = 0x0000002E;
    public const ulong Seed = 0x0000002F;
    public const ulong Gostr3410 = 0x00000030;
    public const ulong Gostr3411 = 0x00000031;
    public const ulong Gost28147 = 0x00000032;
    public const ulong Chacha20 = 0x00000033;
    public const ulong Poly1305 = 0x00000034;
    public const ulong AesXts = 0x00000035;
    public const ulong Sha3_224Hmac = 0x00000036;
    public const ulong Sha3_256Hmac = 0x00000037;
    public const ulong Sha3_384Hmac = 0x00000038;
    public const ulong Sha3_512Hmac = 0x00000039;
    public const ulong Blake2B160Hmac = 0x0000003A;
    public const ulong Blake2B256Hmac = 0x0000003B;
    public const ulong Blake2B384Hmac = 0x0000003C;
    public const ulong Blake2B512Hmac = 0x0000003D;
    public const ulong Salsa20 = 0x0000003E;
    public const ulong X2Ratchet = 0x0000003F;
    public const ulong EcEdwards = 0x00000040;
    public const ulong EcMontgomery = 0x00000041;
    public const ulong Hkdf = 0x00000042;
    public const ulong Sha512_224Hmac = 0x00000043;
    public const ulong Sha512_256Hmac = 0x00000044;
    public const ulong Sha512THmac = 0x00000045;
    public const ulong Hss = 0x00000046;
    public const ulong Xmss = 0x00000047;
    public const ulong XmssMt = 0x00000048;
    public const ulong MlKem = 0x00000049;
    public const ulong MlDsa = 0x0000004A;
    public const ulong SlhDsa = 0x0000004B;
    public const ulong VendorDefined = 0x80000000;

    // NSS, as found in libnss3.
    public const ulong NssPkcs8 = 0xCE534351;
    public const ulong NssJpakeRound1 = 0xCE534352;
    public const ulong NssJpakeRound2 = 0xCE534353;
    public const ulong NssChacha20 = 0xCE534354;
}
