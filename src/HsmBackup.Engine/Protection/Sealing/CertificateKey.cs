using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace HsmBackup.Engine.Protection.Sealing;

/// <summary>The private key that the platform has for a certificate: out of a file, or in the user's certificate store.</summary>
/// <param name="certificate">The certificate with its private key; it stays the caller's.</param>
internal sealed class CertificateKey(X509Certificate2 certificate) : IRecipientKey
{
    public bool Owns(CertificateId id) => id.Names(certificate);

    public SecretBuffer Decrypt(byte[] encrypted)
    {
        using RSA rsa = certificate.GetRSAPrivateKey() ?? throw WrongKind();
        using SecretBuffer opened = new((rsa.KeySize + 7) / 8);
        int length = rsa.Decrypt(encrypted, opened.Span, RSAEncryptionPadding.OaepSHA256);
        return SecretBuffer.CopyOf(opened.Span[..length]);
    }

    public SecretBuffer Agree(byte[] originator)
    {
        using ECDiffieHellman own = certificate.GetECDiffieHellmanPrivateKey() ?? throw WrongKind();
        using ECDiffieHellman sender = EcKeyAgreement.ImportPoint(own.PublicKey.ExportParameters().Curve, originator);
        return EcKeyAgreement.DeriveKek(own, sender.PublicKey);
    }

    private static CryptographicException WrongKind() => new("Its private key is of another kind.");
}
