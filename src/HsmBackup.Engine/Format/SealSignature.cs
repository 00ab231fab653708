using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace HsmBackup.Engine.Format;

/// <summary>Signs a hash with the identity key; gives ECDSA-Sig-Value in DER.</summary>
/// <param name="hash">The 32 bytes of a SHA-256.</param>
public delegate byte[] HashSigner(byte[] hash);

/// <summary>
/// The signature in a seal: a CMS SignedData (RFC 5652) with detached content, by one EC P-256 key. Of all encodings that CMS allows,
/// exactly one is written and read, so that a signature is its certificate, a digest, and the one value that the key gave.
/// </summary>
/// <remarks>
/// The platform's SignedCms wants the whole content in memory. Here its digest is enough, and the content is the file.
/// </remarks>
public static class SealSignature
{
    private const string Data = "1.2.840.113549.1.7.1";
    private const string SignedData = "1.2.840.113549.1.7.2";
    private const string ContentType = "1.2.840.113549.1.9.3";
    private const string MessageDigest = "1.2.840.113549.1.9.4";
    private const string Sha256 = "2.16.840.1.101.3.4.2.1";
    private const string EcdsaWithSha256 = "1.2.840.10045.4.3.2";
    private static readonly Asn1Tag Context0 = new(TagClass.ContextSpecific, 0, isConstructed: true);

    /// <summary>Makes the signer that a <see cref="BackupFileWriter"/> takes.</summary>
    /// <param name="certificate">The certificate of the key, in DER. It goes into the signature.</param>
    /// <param name="key">The key.</param>
    public static BackupSigner With(ReadOnlyMemory<byte> certificate, HashSigner key) => digest =>
        Encode(certificate, digest, key(SHA256.HashData(EncodeAttributes(digest))));

    /// <summary>Whether a signature is by the key of a certificate, over a digest.</summary>
    /// <param name="signature">The DER of the signature, as the seal has it.</param>
    /// <param name="digest">SHA-256 of all before the seal: <see cref="BackupFileSummary.SignedDigest"/> in bytes.</param>
    /// <param name="certificate">The certificate that is trusted, in DER: it is compared, and no chain is looked for.</param>
    public static bool Verify(ReadOnlyMemory<byte> signature, ReadOnlySpan<byte> digest, ReadOnlyMemory<byte> certificate)
    {
        try
        {
            byte[] value = ReadValue(signature);
            // All of it but the value follows from digest and certificate; what differs is another signature, or another spelling of one.
            if (!Encode(certificate, digest, value).AsSpan().SequenceEqual(signature.Span))
            {
                return false;
            }
            using X509Certificate2 trusted = X509CertificateLoader.LoadCertificate(certificate.Span);
            using ECDsa? key = trusted.GetECDsaPublicKey();
            return key?.VerifyData(EncodeAttributes(digest), value, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence) == true;
        }
        catch (Exception e) when (e is AsnContentException or CryptographicException)
        {
            return false;
        }
    }

    private static byte[] Encode(ReadOnlyMemory<byte> certificate, ReadOnlySpan<byte> digest, byte[] value)
    {
        using X509Certificate2 signer = X509CertificateLoader.LoadCertificate(certificate.Span);
        AsnWriter writer = new(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(SignedData);
            using (writer.PushSequence(Context0))
            using (writer.PushSequence())
            {
                writer.WriteInteger(1);
                using (writer.PushSetOf()) WriteAlgorithm(writer, Sha256);
                // No eContent: the content is the file up to the seal.
                using (writer.PushSequence()) writer.WriteObjectIdentifier(Data);
                using (writer.PushSetOf(Context0)) writer.WriteEncodedValue(signer.RawDataMemory.Span);
                using (writer.PushSetOf()) WriteSignerInfo(writer, signer, digest, value);
            }
        }
        return writer.Encode();
    }

    private static void WriteSignerInfo(AsnWriter writer, X509Certificate2 signer, ReadOnlySpan<byte> digest, byte[] value)
    {
        using (writer.PushSequence())
        {
            writer.WriteInteger(1);
            using (writer.PushSequence())
            {
                writer.WriteEncodedValue(signer.IssuerName.RawData);
                writer.WriteInteger(signer.SerialNumberBytes.Span);
            }
            WriteAlgorithm(writer, Sha256);
            byte[] attributes = EncodeAttributes(digest);
            // RFC 5652, 5.4: signed as a SET OF, written as [0] IMPLICIT.
            attributes[0] = 0xA0;
            writer.WriteEncodedValue(attributes);
            WriteAlgorithm(writer, EcdsaWithSha256);
            writer.WriteOctetString(value);
        }
    }

    /// <summary>What is signed: the attributes that a signature over detached content must have, and no others.</summary>
    private static byte[] EncodeAttributes(ReadOnlySpan<byte> digest)
    {
        AsnWriter writer = new(AsnEncodingRules.DER);
        using (writer.PushSetOf())
        {
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(ContentType);
                using (writer.PushSetOf()) writer.WriteObjectIdentifier(Data);
            }
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(MessageDigest);
                using (writer.PushSetOf()) writer.WriteOctetString(digest);
            }
        }
        return writer.Encode();
    }

    // Parameters absent: RFC 5754, 2 and 3.3.
    private static void WriteAlgorithm(AsnWriter writer, string oid)
    {
        using (writer.PushSequence()) writer.WriteObjectIdentifier(oid);
    }

    /// <summary>The value of the first signer's signature: the last element of SignerInfo.</summary>
    private static byte[] ReadValue(ReadOnlyMemory<byte> signature)
    {
        AsnReader contentInfo = new AsnReader(signature, AsnEncodingRules.DER).ReadSequence();
        contentInfo.ReadObjectIdentifier();
        AsnReader signedData = contentInfo.ReadSequence(Context0).ReadSequence();
        for (int i = 0; i < 4; i++) signedData.ReadEncodedValue();
        AsnReader signerInfo = signedData.ReadSetOf().ReadSequence();
        for (int i = 0; i < 5; i++) signerInfo.ReadEncodedValue();
        return signerInfo.ReadOctetString();
    }
}
