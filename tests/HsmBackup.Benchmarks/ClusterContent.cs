using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Benchmarks;

/// <summary>What the nodes of a cluster hold: keys, certificates and data, the same on all, but for a drift of one node that is known beforehand.</summary>
internal static class ClusterContent
{
    /// <summary>How many objects every node is to hold.</summary>
    public const int Objects = 5000;

    /// <summary>How many of them the drifted node lacks.</summary>
    public const int Missing = 5;

    /// <summary>How many the drifted node has beyond them.</summary>
    public const int Extra = 3;

    /// <summary>How many have another attribute there.</summary>
    public const int Different = 4;

    /// <summary>How many look the same there and are other keys: only a comparison of keys finds them.</summary>
    public const int OtherKeys = 2;

    private const int EcPairs = 500;
    private const int RsaPairs = 100;
    private const int Certificates = 400;
    private const int Data = 1000;
    private const int Secrets = Objects - (2 * EcPairs) - (2 * RsaPairs) - Certificates - Data;
    private static readonly byte[] P256 = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

    /// <summary>What a node should hold, as templates for C_CreateObject. Secret keys stand first.</summary>
    public static List<AttributeMap> Make() =>
    [
        .. Enumerable.Range(0, Secrets).Select(i => Secret($"aes-{Number(i)}")),
        .. Enumerable.Range(0, EcPairs).SelectMany(i => Ec($"ec-{Number(i)}")),
        .. Enumerable.Range(0, RsaPairs).SelectMany(i => Rsa($"rsa-{Number(i)}")),
        .. MakeCertificates(),
        .. Enumerable.Range(0, Data).Select(i => Object(Cko.Data, $"data-{Number(i)}", isPrivate: true).Set(Cka.Value, RandomNumberGenerator.GetBytes(200))),
    ];

    /// <summary>The same with the drift.</summary>
    public static List<AttributeMap> Drift(List<AttributeMap> content)
    {
        List<AttributeMap> drifted = [.. content.Skip(Missing)];
        for (int i = 0; i < Different; i++)
        {
            drifted[100 + i] = drifted[100 + i].Copy().Set(Cka.Decrypt, false);
        }
        for (int i = 0; i < OtherKeys; i++)
        {
            drifted[200 + i] = drifted[200 + i].Copy().Set(Cka.Value, RandomNumberGenerator.GetBytes(32));
        }
        drifted.AddRange(Enumerable.Range(0, Extra).Select(i => Secret($"extra-{Number(i)}")));
        return drifted;
    }

    private static string Number(int number) => number.ToString("D5", CultureInfo.InvariantCulture);

    private static AttributeMap Object(ulong objectClass, string label, bool isPrivate) =>
        new AttributeMap().Set(Cka.Class, objectClass).Set(Cka.Token, true).Set(Cka.Private, isPrivate).Set(Cka.Label, label);

    private static AttributeMap Key(ulong objectClass, ulong keyType, string label) => Object(objectClass, label, isPrivate: true)
        .Set(Cka.KeyType, keyType).Set(Cka.Id, System.Text.Encoding.ASCII.GetBytes(label)).Set(Cka.Sensitive, true).Set(Cka.Extractable, true);

    private static AttributeMap Secret(string label) => Key(Cko.SecretKey, Ckk.Aes, label)
        .Set(Cka.Value, RandomNumberGenerator.GetBytes(32)).Set(Cka.Encrypt, true).Set(Cka.Decrypt, true);

    private static AttributeMap Public(ulong keyType, string label) => Object(Cko.PublicKey, label, isPrivate: false)
        .Set(Cka.KeyType, keyType).Set(Cka.Id, System.Text.Encoding.ASCII.GetBytes(label)).Set(Cka.Verify, true);

    private static IEnumerable<AttributeMap> Ec(string label)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        ECParameters parameters = key.ExportParameters(includePrivateParameters: true);
        yield return Public(Ckk.Ec, label).Set(Cka.EcParams, P256).Set(Cka.EcPoint, [0x04, 0x41, 0x04, .. parameters.Q.X!, .. parameters.Q.Y!]);
        yield return Key(Cko.PrivateKey, Ckk.Ec, label).Set(Cka.EcParams, P256).Set(Cka.Value, parameters.D!).Set(Cka.Sign, true);
    }

    private static IEnumerable<AttributeMap> Rsa(string label)
    {
        using var key = RSA.Create(2048);
        RSAParameters parameters = key.ExportParameters(includePrivateParameters: true);
        yield return Public(Ckk.Rsa, label).Set(Cka.Modulus, parameters.Modulus!).Set(Cka.PublicExponent, parameters.Exponent!);
        yield return Key(Cko.PrivateKey, Ckk.Rsa, label).Set(Cka.Sign, true)
            .Set(Cka.Modulus, parameters.Modulus!).Set(Cka.PublicExponent, parameters.Exponent!).Set(Cka.PrivateExponent, parameters.D!)
            .Set(Cka.Prime1, parameters.P!).Set(Cka.Prime2, parameters.Q!).Set(Cka.Exponent1, parameters.DP!)
            .Set(Cka.Exponent2, parameters.DQ!).Set(Cka.Coefficient, parameters.InverseQ!);
    }

    private static IEnumerable<AttributeMap> MakeCertificates()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        for (int i = 0; i < Certificates; i++)
        {
            var request = new CertificateRequest($"CN=server {Number(i)}", key, HashAlgorithmName.SHA256);
            using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch.AddYears(50), DateTimeOffset.UnixEpoch.AddYears(70));
            yield return Object(Cko.Certificate, $"certificate-{Number(i)}", isPrivate: false).Set(Cka.CertificateType, Ckc.X509)
                .Set(Cka.Id, System.Text.Encoding.ASCII.GetBytes($"certificate-{Number(i)}"))
                .Set(Cka.Subject, certificate.SubjectName.RawData).Set(Cka.Issuer, certificate.IssuerName.RawData)
                .Set(Cka.SerialNumber, [0x02, (byte)certificate.SerialNumberBytes.Length, .. certificate.SerialNumberBytes.Span])
                .Set(Cka.Value, certificate.RawData);
        }
    }
}
