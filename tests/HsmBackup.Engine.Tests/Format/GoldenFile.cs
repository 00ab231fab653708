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
    private static readonly byte[] Iv = [.. Enumerable.Range(0, 16).Select(i => (byte)(0xF0 + i))];

    /// <summary>An RSA private key and its public key, a secret key, and a key that could not be captured.</summary>
    public static byte[] Make()
    {
        using BackupKeys keys = Sample.Keys();
        using RSA rsa = RSA.Create(2048);
        RSAParameters values = rsa.ExportParameters(includePrivateParameters: false);
        const string id = "\"CKA_LABEL\":\"signing\",\"CKA_ID\":\"Cg==\"";
        string numbers = $"\"CKA_MODULUS\":\"{Base64(values.Modulus!)}\",\"CKA_PUBLIC_EXPONENT\":\"{Base64(values.Exponent!)}\"";
        string privateKey = Base64(Wrap(keys, rsa.ExportPkcs8PrivateKey()));
        string secretKey = Base64(Wrap(keys, RandomNumberGenerator.GetBytes(32)));
        BackupHeader header = Sample.Header(3, 1) with
        {
            Previous = new PreviousBackup(Sample.Parse("20261120T225300Z-payments-99887766"), new string('5', 64)),
        };
        return Write(header, transportKey: null,
            Record(0, "CKO_PRIVATE_KEY", "CKK_RSA", $"{id},\"CKA_SENSITIVE\":true,\"CKA_SIGN\":true", Material("RFC5649", privateKey),
                "\"unavailable\":{\"CKA_START_DATE\":\"CKR_GENERAL_ERROR\"},"),
            Record(1, "CKO_PUBLIC_KEY", "CKK_RSA", $"{id},\"CKA_VERIFY\":true,{numbers}"),
            Record(2, "CKO_SECRET_KEY", "CKK_AES", "\"CKA_LABEL\":\"Schlüssel\",\"CKA_ALLOWED_MECHANISMS\":[\"CKM_AES_GCM\"]",
                Material("RFC5649", secretKey, ",\"length\":32")),
            """{"object":3,"class":"CKO_PRIVATE_KEY","verdict":"NotExtractable","reason":"the key may not leave the token (CKA_EXTRACTABLE is false)","attributes":{"CKA_CLASS":"CKO_PRIVATE_KEY","CKA_KEY_TYPE":"CKK_EC","CKA_LABEL":"root","CKA_EXTRACTABLE":false}}""");
    }

    /// <summary>A key in each form of material.</summary>
    public static byte[] MakeForms()
    {
        using BackupKeys keys = Sample.Keys();
        using RSA transport = RSA.Create(2048);
        using ECDsa ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using Aes aes = Aes.Create();
        aes.SetKey(keys.Kek.Span);
        byte[] padded = [.. SecretOf(5), 4, 4, 4, 4];
        string point = $"\"CKA_PUBLIC_KEY_INFO\":\"{Base64(ec.ExportSubjectPublicKeyInfo())}\"";
        return Write(Sample.Header(8), Base64(Wrap(keys, transport.ExportPkcs8PrivateKey())),
            Secret(0, Material("RFC3394", Base64(Wrap3394(keys, SecretOf(0))), ",\"length\":32")),
            Secret(1, Material("CBC-PAD", Base64(aes.EncryptCbc(SecretOf(1), Iv)), ",\"length\":32")),
            Secret(2, Material("RSA-OAEP", Base64(transport.Encrypt(SecretOf(2), RSAEncryptionPadding.OaepSHA256)),
                $",\"length\":20,\"hash\":\"CKM_SHA256\",\"check\":\"{Base64(Wrap(keys, [.. SecretOf(2), 0, 0, 0, 0]))}\"")),
            Secret(3, Material("RSA-OAEP", Base64(transport.Encrypt(SecretOf(3), RSAEncryptionPadding.OaepSHA1)),
                ",\"hash\":\"CKM_SHA_1\"")),
            // A token that pads with zero bytes, and knows the length.
            Secret(4, Material("RFC5649", Base64(Wrap(keys, [.. SecretOf(4), 0, 0, 0, 0])), ",\"length\":20")),
            Secret(5, Material("RFC3394-PKCS7", Base64(Wrap3394(keys, padded)))),
            Record(6, "CKO_PRIVATE_KEY", "CKK_EC", "\"CKA_LABEL\":\"ec\"",
                Material("RFC5649", Base64(Wrap(keys, [.. ec.ExportPkcs8PrivateKey(), 0, 0, 0, 0, 0, 0])))),
            Record(7, "CKO_PUBLIC_KEY", "CKK_EC", $"\"CKA_LABEL\":\"ec\",{point}"));
    }

    /// <summary>The secret key that stands in <c>golden-forms.hsmbackup</c> under a number.</summary>
    public static byte[] SecretOf(int number)
    {
        byte[] digest = SHA256.HashData(Encoding.UTF8.GetBytes($"golden-forms {number}"));
        return number < 2 ? digest : digest[..20];
    }

    private static string Secret(int number, string material) =>
        Record(number, "CKO_SECRET_KEY", "CKK_GENERIC_SECRET", $"\"CKA_LABEL\":\"secret {number}\"", material);

    private static string Record(int number, string objectClass, string keyType, string attributes, string material = "",
        string unavailable = "") =>
        $"{{\"object\":{number},\"class\":\"{objectClass}\",\"verdict\":\"Captured\",\"attributes\":{{\"CKA_CLASS\":\"{objectClass}\"," +
        $"\"CKA_KEY_TYPE\":\"{keyType}\",{attributes}}}" + (unavailable + material is { Length: > 0 } more ? "," + more.TrimEnd(',') : "") + "}";

    private static string Material(string form, string data, string more = "") =>
        $"\"material\":{{\"form\":\"{form}\",\"data\":\"{data}\"{more}}}";

    private static byte[] Write(BackupHeader header, string? transportKey, params string[] lines)
    {
        string transport = transportKey is null ? ""
            : $$""","transportKeys":[{"bits":2048,"form":"RFC5649","data":"{{transportKey}}"}]""";
        string manifest =
            """{"tool":"HsmBackup 0.1.0","token":{"label":"payments-1","serial":"4c6f1d0a9b3e7f52","manufacturer":"SoftHSM project" """.TrimEnd() +
            $$""","model":"SoftHSM v2","firmware":"2.6"},"library":"Implementation of PKCS11 2.6","iv":"{{Base64(Iv)}}"{{transport}}}""";
        using TestFolder folder = new();
        using BackupKeys keys = Sample.Keys();
        using ContentSpool spool = new(folder.Root, Sample.Id);
        foreach (string line in lines) spool.Add(Encoding.UTF8.GetBytes(line));
        using MemoryStream file = new();
        BackupFileWriter.Write(file, header, keys, Encoding.UTF8.GetBytes(manifest), spool);
        return file.ToArray();
    }

    private static byte[] Wrap(BackupKeys keys, byte[] key)
    {
        byte[] wrapped = new byte[KeyWrap.WrappedLength5649(key.Length)];
        KeyWrap.Wrap5649(keys.Kek.Span, key, wrapped);
        return wrapped;
    }

    private static byte[] Wrap3394(BackupKeys keys, byte[] key)
    {
        byte[] wrapped = new byte[KeyWrap.WrappedLength3394(key.Length)];
        KeyWrap.Wrap3394(keys.Kek.Span, key, wrapped);
        return wrapped;
    }

    private static string Base64(byte[] bytes) => Convert.ToBase64String(bytes);
}
