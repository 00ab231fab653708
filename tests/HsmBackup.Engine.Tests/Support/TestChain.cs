using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>A root, an issuer that it signed, and a leaf that the issuer signed.</summary>
internal sealed class TestChain : IDisposable
{
    private static readonly DateTimeOffset From = DateTimeOffset.UnixEpoch.AddYears(50);

    public TestChain()
    {
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var issuerKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var leafKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest root = Authority("CN=Test root", rootKey);
        using X509Certificate2 signer = root.CreateSelfSigned(From, From.AddYears(30));
        CertificateRequest issuer = Authority("CN=Test issuer", issuerKey);
        issuer.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(signer, true, false));
        using X509Certificate2 unsigned = issuer.Create(signer, From, From.AddYears(20), [1]);
        using X509Certificate2 issuerSigner = unsigned.CopyWithPrivateKey(issuerKey);
        var leaf = new CertificateRequest("CN=Test leaf", leafKey, HashAlgorithmName.SHA256);
        leaf.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(issuerSigner, true, false));
        Leaf = leaf.Create(issuerSigner, From, From.AddYears(10), [2]);
        Issuer = X509CertificateLoader.LoadCertificate(unsigned.RawData);
        Root = X509CertificateLoader.LoadCertificate(signer.RawData);
    }

    public X509Certificate2 Root { get; }

    public X509Certificate2 Issuer { get; }

    public X509Certificate2 Leaf { get; }

    public void Dispose()
    {
        Root.Dispose();
        Issuer.Dispose();
        Leaf.Dispose();
    }

    private static CertificateRequest Authority(string name, ECDsa key)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request;
    }
}
