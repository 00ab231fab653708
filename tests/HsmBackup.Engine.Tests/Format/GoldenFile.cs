using System.Security.Cryptography;
using System.Text;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Protection;

namespace HsmBackup.Engine.Tests.Format;

/// <summary>
/// How <c>Vectors/golden.hsmbackup</c> and <c>golden-forms.hsmbackup</c> were made. Their keys and nonces were random, so
/// they are kept and not made again.
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
        return Write(Manifest, Sample.Header(3, 1) with
        {
            Previous = new PreviousBackup(Sample.Parse("20261120T225300Z-payments-99887766"), new string('5', 64)),
        }, lines);
    }

    /// <summary>A secret key of each form of material; the last is a private key with zero bytes behind it.</summary>
    public static byte[] MakeForms()
    {
        using BackupKeys keys = Sample.Keys();
        using RSA transport = RSA.Create(2048);
        using ECDsa ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        byte[] transportKey = transport.ExportPkcs8PrivateKey();
        string manifest = $$$"""{"tool":"HsmBackup 0.1.0","transportKey":{"form":"RFC5649","length":{{{transportKey.Length}}},"data":"{{{Wrap(keys, transportKey)}}}"}}""";

        byte[] rfc3394 = new byte[40];
        KeyWrap.Wrap3394(keys.Kek.Span, SecretOf(0), rfc3394);
        byte[] iv = RandomNumberGenerator.GetBytes(16);
        using Aes aes = Aes.Create();
        aes.SetKey(keys.Kek.Span);
        byte[] privateKey = ec.ExportPkcs8PrivateKey();
        string[] lines =
        [
            Secret(0, $$"""{"form":"RFC3394","length":32,"data":"{{Base64(rfc3394)}}"}"""),
            Secret(1, $$"""{"form":"CBC-PAD","iv":"{{Base64(iv)}}","length":32,"data":"{{Base64(aes.EncryptCbc(SecretOf(1), iv))}}"}"""),
            Secret(2, $$"""{"form":"RSA-OAEP","hash":"SHA-256","length":32,"data":"{{Base64(transport.Encrypt(SecretOf(2), RSAEncryptionPadding.OaepSHA256))}}","check":"{{Wrap(keys, SecretOf(2))}}"}"""),
            Secret(3, $$"""{"form":"RFC5649","length":32,"data":"{{Wrap(keys, SecretOf(3))}}"}"""),
            $$$"""{"object":4,"class":"CKO_PRIVATE_KEY","verdict":"Captured","attributes":{"CKA_KEY_TYPE":"CKK_EC","CKA_LABEL":"ec"},"material":{"form":"RFC5649","length":{{{privateKey.Length}}},"data":"{{{Wrap(keys, [.. privateKey, 0, 0, 0, 0, 0, 0])}}}"}}""",
            $$$"""{"object":5,"class":"CKO_PUBLIC_KEY","verdict":"Captured","attributes":{"CKA_KEY_TYPE":"CKK_EC","CKA_LABEL":"ec","CKA_PUBLIC_KEY_INFO":"{{{Base64(ec.ExportSubjectPublicKeyInfo())}}}"},"material":{"form":"VALUE"}}""",
        ];
        return Write(Encoding.UTF8.GetBytes(manifest), Sample.Header(6), lines);
    }

    /// <summary>The secret key that stands in <c>golden-forms.hsmbackup</c> under a number.</summary>
    public static byte[] SecretOf(int number) => SHA256.HashData(Encoding.UTF8.GetBytes($"golden-forms {number}"));

    private static string Secret(int number, string material) =>
        $$$"""{"object":{{{number}}},"class":"CKO_SECRET_KEY","verdict":"Captured","attributes":{"CKA_KEY_TYPE":"CKK_AES"},"material":{{{material}}}}""";

    private static byte[] Write(byte[] manifest, BackupHeader header, string[] lines)
    {
        using TestFolder folder = new();
        using BackupKeys keys = Sample.Keys();
        using ContentSpool spool = new(folder.Root, Sample.Id);
        foreach (string line in lines) spool.Add(Encoding.UTF8.GetBytes(line));
        using MemoryStream file = new();
        BackupFileWriter.Write(file, header, keys, manifest, spool);
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
