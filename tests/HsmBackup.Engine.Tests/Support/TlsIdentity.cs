using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>A certificate for a server on this machine, with the authority that signed it, as objects and as files.</summary>
internal sealed class TlsIdentity : IDisposable
{
    /// <param name="folder">Takes the files.</param>
    /// <param name="name">The name in the certificate; that and 127.0.0.1 where it is localhost.</param>
    /// <param name="expired">Whether its time is over.</param>
    /// <param name="selfSigned">Whether it vouches for itself.</param>
    public TlsIdentity(string folder, string name = "localhost", bool expired = false, bool selfSigned = false)
    {
        DateTimeOffset from = DateTimeOffset.UtcNow.AddDays(-30);
        DateTimeOffset until = DateTimeOffset.UtcNow.AddDays(expired ? -1 : 30);
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var authority = new CertificateRequest("CN=Test authority", authorityKey, HashAlgorithmName.SHA256);
        authority.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        authority.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(authority.PublicKey, false));
        using X509Certificate2 signer = authority.CreateSelfSigned(from, from.AddDays(90));
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        if (name == "localhost")
        {
            names.AddIpAddress(IPAddress.Loopback);
        }
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        using X509Certificate2 bare = selfSigned ? request.CreateSelfSigned(from, until) : request.Create(signer, from, until, [1]);
        using X509Certificate2 whole = selfSigned ? X509CertificateLoader.LoadPkcs12(bare.Export(X509ContentType.Pfx), null) : bare.CopyWithPrivateKey(key);
        Certificate = X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pfx), null);
        Pin = Convert.ToHexStringLower(SHA256.HashData(Certificate.RawData));
        Directory.CreateDirectory(folder);
        AuthorityFile = Write(folder, "authority.pem", signer.ExportCertificatePem());
        CertificateFile = Write(folder, "server.pem", Certificate.ExportCertificatePem());
        KeyFile = Write(folder, "server.key", key.ExportPkcs8PrivateKeyPem());
    }

    public X509Certificate2 Certificate { get; }

    public string Pin { get; }

    public string AuthorityFile { get; }

    public string CertificateFile { get; }

    public string KeyFile { get; }

    public void Dispose() => Certificate.Dispose();

    private static string Write(string folder, string name, string text)
    {
        string path = Path.Combine(folder, name);
        File.WriteAllText(path, text + "\n");
        return path;
    }
}
