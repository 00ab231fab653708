using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace HsmBackup.Engine.Tests.Protection;

/// <summary>A self-signed certificate with its private key, made for one test.</summary>
internal sealed class TestCertificate : IDisposable
{
    // Making an RSA key takes longest of all; certificates differ by their serial numbers, and keys may be shared.
    private static readonly ConcurrentDictionary<int, byte[]> RsaKeys = new();

    private readonly AsymmetricAlgorithm _key;

    private TestCertificate(AsymmetricAlgorithm key, CertificateRequest request, X509KeyUsageFlags? usage)
    {
        _key = key;
        if (usage is { } flags)
        {
            request.CertificateExtensions.Add(new X509KeyUsageExtension(flags, critical: true));
        }
        // Not CreateSelfSigned: it wants a certificate that may sign, and these may be for encryption alone.
        X509SignatureGenerator signer = key is RSA rsa
            ? X509SignatureGenerator.CreateForRSA(rsa, RSASignaturePadding.Pkcs1)
            : X509SignatureGenerator.CreateForECDsa((ECDsa)key);
        Public = request.Create(
            request.SubjectName, signer, DateTimeOffset.UtcNow.AddDays(-2), DateTimeOffset.UtcNow.AddDays(2),
            RandomNumberGenerator.GetBytes(8));
        WithKey = key switch
        {
            RSA own => Public.CopyWithPrivateKey(own),
            ECDsa own when usage is null or X509KeyUsageFlags.DigitalSignature => Public.CopyWithPrivateKey(own),
            _ => WithAgreementKey((ECDsa)key),
        };
    }

    public X509Certificate2 WithKey { get; }

    public X509Certificate2 Public { get; }

    public static TestCertificate Rsa(
        int bits = 2048, X509KeyUsageFlags? usage = null, string name = "CN=R\u00F6dl \"RSA\", O=Test")
    {
        RSA key = RSA.Create();
        key.ImportRSAPrivateKey(RsaKeys.GetOrAdd(bits, NewRsaKey), out _);
        return new(key, new CertificateRequest(name, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1), usage);
    }

    public static TestCertificate Ec(ECCurve curve, X509KeyUsageFlags? usage = null)
    {
        ECDsa key = ECDsa.Create(curve);
        return new(key, new CertificateRequest("CN=EC officer, O=Test", key, HashAlgorithmName.SHA256), usage);
    }

    public static TestCertificate Of(string kind) => kind switch
    {
        "RSA-2048" => Rsa(),
        "P-256" => Ec(ECCurve.NamedCurves.nistP256),
        "P-384" => Ec(ECCurve.NamedCurves.nistP384),
        "P-256 for key agreement alone" => Ec(ECCurve.NamedCurves.nistP256, X509KeyUsageFlags.KeyAgreement),
        "P-521" => Ec(ECCurve.NamedCurves.nistP521),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "No such kind."),
    };

    /// <summary>Writes certificate and private key as PEM, for OpenSSL.</summary>
    public (string Certificate, string Key) Export(TestFolder folder, string name)
    {
        (string Certificate, string Key) paths = (folder.File(name + ".crt"), folder.File(name + ".key"));
        File.WriteAllText(paths.Certificate, Public.ExportCertificatePem());
        File.WriteAllText(paths.Key, _key.ExportPkcs8PrivateKeyPem());
        return paths;
    }

    private static byte[] NewRsaKey(int bits)
    {
        using RSA key = RSA.Create(bits);
        return key.ExportRSAPrivateKey();
    }

    private X509Certificate2 WithAgreementKey(ECDsa key)
    {
        using ECDiffieHellman agreement = ECDiffieHellman.Create(key.ExportParameters(includePrivateParameters: true));
        return Public.CopyWithPrivateKey(agreement);
    }

    public void Dispose()
    {
        WithKey.Dispose();
        Public.Dispose();
        _key.Dispose();
    }
}
