using System.Security.Cryptography;
using System.Text;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Protection;

namespace HsmBackup.Engine.Tests.Format;

/// <summary>
/// How <c>Vectors/golden.hsmbackup</c> was made. Its keys and nonces were random, so it is kept and not made again.
/// </summary>
internal static class GoldenFile
{
    private static readonly byte[] Manifest = Encoding.UTF8.GetBytes(
        """{"tool":"HsmBackup 0.1.0","token":{"label":"payments-1","serialNumber":"4c6f1d0a9b3e7f52","manufacturer":"SoftHSM project","model":"SoftHSM v2"}}""");

    public static byte[] Make()
    {
        using BackupKeys keys = Sample.Keys();
        using RSA rsa = RSA.Create(2048);
        RSAParameters rsaPublic = rsa.ExportParameters(includePrivateParameters: false);
        byte[] privateKey = rsa.ExportPkcs8PrivateKey();
        byte[] aes = RandomNumberGenerator.GetBytes(32);
        string[] lines =
        [
            $$$"""{"object":0,"class":"CKO_PRIVATE_KEY","verdict":"Captured","attributes":{"CKA_KEY_TYPE":"CKK_RSA","CKA_TOKEN":true,"CKA_PRIVATE":true,"CKA_LABEL":"signing","CKA_ID":"{{{Base64([0x0A])}}}","CKA_SENSITIVE":true,"CKA_EXTRACTABLE":true,"CKA_SIGN":true,"CKA_DECRYPT":false},"unavailable":{"CKA_START_DATE":"CKR_GENERAL_ERROR"},"material":{"form":"RFC5649","length":{{{privateKey.Length}}},"data":"{{{Wrap(keys, privateKey)}}}"}}""",
            $$$"""{"object":1,"class":"CKO_PUBLIC_KEY","verdict":"Captured","attributes":{"CKA_KEY_TYPE":"CKK_RSA","CKA_TOKEN":true,"CKA_LABEL":"signing","CKA_ID":"{{{Base64([0x0A])}}}","CKA_VERIFY":true,"CKA_MODULUS":"{{{Base64(rsaPublic.Modulus!)}}}","CKA_PUBLIC_EXPONENT":"{{{Base64(rsaPublic.Exponent!)}}}"},"material":{"form":"VALUE"}}""",
            $$$"""{"object":2,"class":"CKO_SECRET_KEY","verdict":"Captured","attributes":{"CKA_KEY_TYPE":"CKK_AES","CKA_TOKEN":true,"CKA_LABEL":"Schlüssel","CKA_ID":"","CKA_ENCRYPT":true,"CKA_ALLOWED_MECHANISMS":["CKM_AES_GCM"]},"material":{"form":"RFC5649","length":32,"data":"{{{Wrap(keys, aes)}}}"}}""",
            """{"object":3,"class":"CKO_PRIVATE_KEY","verdict":"NotExtractable","reason":"CKA_EXTRACTABLE is false.","attributes":{"CKA_KEY_TYPE":"CKK_EC","CKA_TOKEN":true,"CKA_LABEL":"root","CKA_EXTRACTABLE":false}}""",
        ];
        using TestFolder folder = new();
        using ContentSpool spool = new(folder.Root, Sample.Id);
        foreach (string line in lines) spool.Add(Encoding.UTF8.GetBytes(line));
        using MemoryStream file = new();
        BackupHeader header = Sample.Header(3, 1) with
        {
            Previous = new PreviousBackup(Sample.Parse("20261120T225300Z-payments-99887766"), new string('5', 64)),
        };
        BackupFileWriter.Write(file, header, keys, Manifest, spool);
        return file.ToArray();
    }

    private static string Wrap(BackupKeys keys, byte[] key)
    {
        byte[] wrapped = new byte[KeyWrap.WrappedLength5649(key.Length)];
        KeyWrap.Wrap5649(keys.Kek.Span, key, wrapped);
        return Base64(wrapped);
    }

    private static string Base64(byte[] bytes) => Convert.ToBase64String(bytes);
}
