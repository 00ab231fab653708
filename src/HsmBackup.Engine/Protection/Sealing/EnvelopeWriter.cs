using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace HsmBackup.Engine.Protection.Sealing;

/// <summary>
/// Seals a short secret for certificates as CMS EnvelopedData (RFC 5652), which <c>openssl cms -decrypt</c> opens.
/// </summary>
/// <remarks>
/// The platform's own writer takes RSA recipients only, and would need the plaintext in memory that nobody wipes. Here
/// only what is encrypted already gets into a writer's buffers.
/// </remarks>
internal static class EnvelopeWriter
{
    private static readonly Asn1Tag Tag0 = new(TagClass.ContextSpecific, 0);
    private static readonly Asn1Tag Tag1 = new(TagClass.ContextSpecific, 1);

    /// <summary>Seals the content. The recipients have been through <see cref="KeyRecipients.Check"/>.</summary>
    public static byte[] Seal(ReadOnlySpan<byte> content, IReadOnlyList<X509Certificate2> recipients)
    {
        using SecretBuffer contentKey = SecretBuffer.Random(EnvelopeRecipient.ContentKeyLength);
        bool agreement = recipients.Any(recipient => recipient.GetKeyAlgorithm() == EnvelopeOids.EcPublicKey);
        AsnWriter writer = new(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(EnvelopeOids.EnvelopedData);
            using (writer.PushSequence(Tag0))
            using (writer.PushSequence())
            {
                // RFC 5652, section 6.1: 2 as soon as one recipient is not of the oldest kind.
                writer.WriteInteger(agreement ? 2 : 0);
                using (writer.PushSetOf())
                {
                    foreach (X509Certificate2 recipient in recipients)
                    {
                        WriteRecipient(writer, recipient, contentKey);
                    }
                }
                WriteContent(writer, content, contentKey);
            }
        }
        return writer.Encode();
    }

    private static void WriteContent(AsnWriter writer, ReadOnlySpan<byte> content, SecretBuffer contentKey)
    {
        using Aes aes = Aes.Create();
        aes.SetKey(contentKey.Span);
        byte[] iv = RandomNumberGenerator.GetBytes(aes.BlockSize / 8);
        byte[] encrypted = new byte[aes.GetCiphertextLengthCbc(content.Length)];
        aes.EncryptCbc(content, iv, encrypted);
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(EnvelopeOids.Data);
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(EnvelopeOids.Aes256Cbc);
                writer.WriteOctetString(iv);
            }
            writer.WriteOctetString(encrypted, Tag0);
        }
    }

    private static void WriteRecipient(AsnWriter writer, X509Certificate2 recipient, SecretBuffer contentKey)
    {
        using RSA? rsa = recipient.GetRSAPublicKey();
        if (rsa is not null)
        {
            WriteKeyTransport(writer, recipient, rsa, contentKey);
            return;
        }
        using ECDiffieHellman ec = recipient.GetECDiffieHellmanPublicKey()!;
        WriteKeyAgreement(writer, recipient, ec, contentKey);
    }

    private static void WriteKeyTransport(AsnWriter writer, X509Certificate2 recipient, RSA rsa, SecretBuffer contentKey)
    {
        byte[] encrypted = new byte[(rsa.KeySize + 7) / 8];
        rsa.Encrypt(contentKey.Span, encrypted, RSAEncryptionPadding.OaepSHA256);
        using (writer.PushSequence())
        {
            writer.WriteInteger(0);
            CertificateId.Write(writer, recipient);
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(EnvelopeOids.RsaOaep);
                WriteOaepParameters(writer);
            }
            writer.WriteOctetString(encrypted);
        }
    }

    private static void WriteKeyAgreement(
        AsnWriter writer, X509Certificate2 recipient, ECDiffieHellman theirs, SecretBuffer contentKey)
    {
        using ECDiffieHellman ephemeral = ECDiffieHellman.Create(theirs.PublicKey.ExportParameters().Curve);
        using SecretBuffer kek = EcKeyAgreement.DeriveKek(ephemeral, theirs.PublicKey);
        byte[] wrapped = new byte[KeyWrap.WrappedLength3394(contentKey.Length)];
        KeyWrap.Wrap3394(kek.Span, contentKey.Span, wrapped);
        using (writer.PushSequence(Tag1))
        {
            writer.WriteInteger(3);
            using (writer.PushSequence(Tag0))
            using (writer.PushSequence(Tag1))
            {
                // No curve here: it is the recipient's own (RFC 5753, section 3.1.1).
                using (writer.PushSequence())
                {
                    writer.WriteObjectIdentifier(EnvelopeOids.EcPublicKey);
                }
                writer.WriteBitString(EcKeyAgreement.ExportPoint(ephemeral.PublicKey));
            }
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(EnvelopeOids.EcdhSha256Kdf);
                using (writer.PushSequence())
                {
                    writer.WriteObjectIdentifier(EnvelopeOids.Aes256Wrap);
                }
            }
            using (writer.PushSequence())
            using (writer.PushSequence())
            {
                CertificateId.Write(writer, recipient);
                writer.WriteOctetString(wrapped);
            }
        }
    }

    // RFC 4055, section 4.1: SHA-256 in both places, since what is left out means SHA-1.
    private static void WriteOaepParameters(AsnWriter writer)
    {
        using (writer.PushSequence())
        {
            using (writer.PushSequence(Tag0))
            {
                WriteSha256(writer);
            }
            using (writer.PushSequence(Tag1))
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(EnvelopeOids.Mgf1);
                WriteSha256(writer);
            }
        }
    }

    private static void WriteSha256(AsnWriter writer)
    {
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(EnvelopeOids.Sha256);
            writer.WriteNull();
        }
    }
}
