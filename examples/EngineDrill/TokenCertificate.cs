using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Pkcs11;

namespace EngineDrill;

/// <summary>Makes a certificate for an RSA key inside a token; the token signs it.</summary>
internal static class TokenCertificate
{
    /// <summary>The template of a certificate object.</summary>
    /// <param name="session">The token.</param>
    /// <param name="publicKey">The key to certify.</param>
    /// <param name="privateKey">The key that signs: the same pair.</param>
    /// <param name="subject">Subject and issuer.</param>
    public static AttributeMap SelfSigned(Pkcs11Session session, ulong publicKey, ulong privateKey, string subject)
    {
        using RSA rsa = PublicKeys.ReadRsa(session, publicKey);
        var name = new X500DistinguishedName(subject);
        var request = new CertificateRequest(name, rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        byte[] serialNumber = RandomNumberGenerator.GetBytes(16);
        // Positive, and not shortened: the first bit is 0 and the second 1.
        serialNumber[0] = (byte)((serialNumber[0] & 0x3F) | 0x40);
        DateTimeOffset today = DateTimeOffset.UtcNow.Date;
        using X509Certificate2 certificate = request.Create(
            name, new TokenSigner(session, privateKey, rsa), today, today.AddYears(1), serialNumber);
        return new AttributeMap()
            .Set(Cka.Class, Cko.Certificate).Set(Cka.CertificateType, Ckc.X509).Set(Cka.Token, true).Set(Cka.Private, false)
            .Set(Cka.Subject, name.RawData).Set(Cka.Issuer, name.RawData).Set(Cka.SerialNumber, DerInteger(serialNumber))
            .Set(Cka.Value, certificate.RawData);
    }

    private static byte[] DerInteger(byte[] value)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        writer.WriteInteger(value);
        return writer.Encode();
    }

    private sealed class TokenSigner(Pkcs11Session session, ulong privateKey, RSA publicKey) : X509SignatureGenerator
    {
        private readonly X509SignatureGenerator _names = CreateForRSA(publicKey, RSASignaturePadding.Pkcs1);

        public override byte[] GetSignatureAlgorithmIdentifier(HashAlgorithmName hashAlgorithm) =>
            _names.GetSignatureAlgorithmIdentifier(hashAlgorithm);

        public override byte[] SignData(byte[] data, HashAlgorithmName hashAlgorithm)
        {
            ulong rv = session.TrySign(new Mechanism(Ckm.Sha256RsaPkcs), privateKey, data, out byte[] signature);
            return rv == Ckr.Ok ? signature : throw new DrillException($"The token does not sign: {Names.OfReturnValue(rv)}");
        }

        protected override PublicKey BuildPublicKey() => _names.PublicKey;
    }
}
