using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace HsmBackup.Engine.Protection.Sealing;

/// <summary>The certificates with a private key that a sealed file can be tried with: those given, then the user's own.</summary>
internal sealed class CertificatesAtHand : IDisposable
{
    // Only these are ours to dispose; what the caller gave stays the caller's.
    private readonly X509Certificate2Collection _fromStore = OwnStore();
    private readonly X509Certificate2Collection? _given;

    public CertificatesAtHand(X509Certificate2Collection? given) => _given = given;

    public IEnumerable<IRecipientKey> Keys => (_given ?? []).Concat(_fromStore)
        .Where(certificate => certificate.HasPrivateKey).Select(certificate => new CertificateKey(certificate));

    public void Dispose()
    {
        foreach (X509Certificate2 certificate in _fromStore)
        {
            certificate.Dispose();
        }
    }

    private static X509Certificate2Collection OwnStore()
    {
        try
        {
            using X509Store store = new(StoreName.My, StoreLocation.CurrentUser, OpenFlags.ReadOnly);
            return store.Certificates;
        }
        catch (Exception e) when (e is CryptographicException || FileErrors.Covers(e))
        {
            // An account without a home folder or profile has no store that can be read, hence no certificates in it.
            return [];
        }
    }
}
