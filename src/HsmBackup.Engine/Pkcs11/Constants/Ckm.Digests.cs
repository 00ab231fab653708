namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.
#pragma warning disable CA1707 // An underscore keeps two numbers apart: SHA3_256 is Sha3_256.

/// <summary>CKM_: mechanisms. This part: Digests and HMACs.</summary>
public static partial class Ckm
{
    public const ulong Sha512_224 = 0x00000048;
    public const ulong Sha512_224Hmac = 0x00000049;
    public const ulong Sha512_224HmacGeneral = 0x0000004A;
    public const ulong Sha512_256 = 0x0000004C;
    public const ulong Sha512_256Hmac = 0x0000004D;
    public const ulong Sha512_256HmacGeneral = 0x0000004E;
    public const ulong Sha512T = 0x00000050;
    public const ulong Sha512THmac = 0x00000051;
    public const ulong Sha512THmacGeneral = 0x00000052;
    public const ulong Md2 = 0x00000200;
    public const ulong Md2Hmac = 0x00000201;
    public const ulong Md2HmacGeneral = 0x00000202;
    public const ulong Md5 = 0x00000210;
    public const ulong Md5Hmac = 0x00000211;
    public const ulong Md5HmacGeneral = 0x00000212;
    public const ulong Sha1 = 0x00000220;
    public const ulong Sha1Hmac = 0x00000221;
    public const ulong Sha1HmacGeneral = 0x00000222;
    public const ulong Ripemd128 = 0x00000230;
    public const ulong Ripemd128Hmac = 0x00000231;
    public const ulong Ripemd128HmacGeneral = 0x00000232;
    public const ulong Ripemd160 = 0x00000240;
    public const ulong Ripemd160Hmac = 0x00000241;
    public const ulong Ripemd160HmacGeneral = 0x00000242;
    public const ulong Sha256 = 0x00000250;
    public const ulong Sha256Hmac = 0x00000251;
    public const ulong Sha256HmacGeneral = 0x00000252;
    public const ulong Sha224 = 0x00000255;
    public const ulong Sha224Hmac = 0x00000256;
    public const ulong Sha224HmacGeneral = 0x00000257;
    public const ulong Sha384 = 0x00000260;
    public const ulong Sha384Hmac = 0x00000261;
    public const ulong Sha384HmacGeneral = 0x00000262;
    public const ulong Sha512 = 0x00000270;
    public const ulong Sha512Hmac = 0x00000271;
    public const ulong Sha512HmacGeneral = 0x00000272;
    public const ulong Sha3_256 = 0x000002B0;
    public const ulong Sha3_256Hmac = 0x000002B1;
    public const ulong Sha3_256HmacGeneral = 0x000002B2;
    public const ulong Sha3_256KeyGen = 0x000002B3;
    public const ulong Sha3_224 = 0x000002B5;
    public const ulong Sha3_224Hmac = 0x000002B6;
    public const ulong Sha3_224HmacGeneral = 0x000002B7;
    public const ulong Sha3_224KeyGen = 0x000002B8;
    public const ulong Sha3_384 = 0x000002C0;
    public const ulong Sha3_384Hmac = 0x000002C1;
    public const ulong Sha3_384HmacGeneral = 0x000002C2;
    public const ulong Sha3_384KeyGen = 0x000002C3;
    public const ulong Sha3_512 = 0x000002D0;
    public const ulong Sha3_512Hmac = 0x000002D1;
    public const ulong Sha3_512HmacGeneral = 0x000002D2;
    public const ulong Sha3_512KeyGen = 0x000002D3;
    public const ulong Fasthash = 0x00001070;
    public const ulong Gostr3411 = 0x00001210;
    public const ulong Gostr3411Hmac = 0x00001211;
    public const ulong Sha1KeyGen = 0x00004003;
    public const ulong Sha224KeyGen = 0x00004004;
    public const ulong Sha256KeyGen = 0x00004005;
    public const ulong Sha384KeyGen = 0x00004006;
    public const ulong Sha512KeyGen = 0x00004007;
    public const ulong Sha512_224KeyGen = 0x00004008;
    public const ulong Sha512_256KeyGen = 0x00004009;
    public const ulong Sha512TKeyGen = 0x0000400A;
    public const ulong Blake2B160 = 0x0000400C;
    public const ulong Blake2B160Hmac = 0x0000400D;
    public const ulong Blake2B160HmacGeneral = 0x0000400E;
    public const ulong Blake2B160KeyGen = 0x00004010;
    public const ulong Blake2B256 = 0x00004011;
    public const ulong Blake2B256Hmac = 0x00004012;
    public const ulong Blake2B256HmacGeneral = 0x00004013;
    public const ulong Blake2B256KeyGen = 0x00004015;
    public const ulong Blake2B384 = 0x00004016;
    public const ulong Blake2B384Hmac = 0x00004017;
    public const ulong Blake2B384HmacGeneral = 0x00004018;
    public const ulong Blake2B384KeyGen = 0x0000401A;
    public const ulong Blake2B512 = 0x0000401B;
    public const ulong Blake2B512Hmac = 0x0000401C;
    public const ulong Blake2B512HmacGeneral = 0x0000401D;
    public const ulong Blake2B512KeyGen = 0x0000401F;
}
