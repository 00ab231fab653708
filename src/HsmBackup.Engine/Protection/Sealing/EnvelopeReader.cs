using System.Formats.Asn1;
using System.Security.Cryptography;

namespace HsmBackup.Engine.Protection.Sealing;

/// <summary>
/// A sealed key file taken apart: who it is for, and the content that the content key opens. It reads what
/// <see cref="EnvelopeWriter"/> writes and steps over recipients of any other kind; for those there is OpenSSL.
/// </summary>
internal sealed class EnvelopeReader
{
    private static readonly Asn1Tag Tag0 = new(TagClass.ContextSpecific, 0);
    private static readonly Asn1Tag Tag1 = new(TagClass.ContextSpecific, 1);

    private const int IvLength = 16;

    private readonly List<EnvelopeRecipient> _recipients = [];
    private byte[] _iv = [];
    private byte[] _content = [];

    private EnvelopeReader()
    {
    }

    /// <summary>The recipients by RSA-OAEP and by ECDH.</summary>
    public IReadOnlyList<EnvelopeRecipient> Recipients => _recipients;

    /// <summary>Takes the file apart; nothing is opened yet.</summary>
    /// <exception cref="AsnContentException">It is not an EnvelopedData with content that this program can open.</exception>
    public static EnvelopeReader Parse(ReadOnlyMemory<byte> der)
    {
        AsnReader file = new(der, AsnEncodingRules.DER);
        AsnReader contentInfo = file.ReadSequence();
        file.ThrowIfNotEmpty();
        Expect(contentInfo.ReadObjectIdentifier(), EnvelopeOids.EnvelopedData);
        AsnReader envelope = contentInfo.ReadSequence(Tag0).ReadSequence();
        envelope.ReadInteger();
        EnvelopeReader result = new();
        AsnReader recipients = envelope.ReadSetOf();
        while (recipients.HasData)
        {
            result.ReadRecipient(recipients.ReadEncodedValue());
        }
        result.ReadContent(envelope.ReadSequence());
        return result;
    }

    /// <summary>Decrypts the content, or gives null where it does not belong to this content key.</summary>
    public SecretBuffer? OpenContent(SecretBuffer contentKey)
    {
        using Aes aes = Aes.Create();
        aes.SetKey(contentKey.Span);
        using SecretBuffer opened = new(_content.Length);
        try
        {
            int length = aes.DecryptCbc(_content, _iv, opened.Span);
            return SecretBuffer.CopyOf(opened.Span[..length]);
        }
        catch (CryptographicException)
        {
            // The padding is wrong, or it is not whole blocks: the platform's way to say so.
            return null;
        }
    }

    private void ReadContent(AsnReader content)
    {
        Expect(content.ReadObjectIdentifier(), EnvelopeOids.Data);
        AsnReader algorithm = content.ReadSequence();
        Expect(algorithm.ReadObjectIdentifier(), EnvelopeOids.Aes256Cbc);
        _iv = algorithm.ReadOctetString();
        if (_iv.Length != IvLength)
        {
            throw new AsnContentException("The initialisation vector has a wrong length.");
        }
        _content = content.ReadOctetString(Tag0);
    }

    private void ReadRecipient(ReadOnlyMemory<byte> encoded)
    {
        EnvelopeRecipient? recipient = null;
        AsnReader reader = new(encoded, AsnEncodingRules.DER);
        if (reader.PeekTag().HasSameClassAndValue(Asn1Tag.Sequence))
        {
            recipient = ReadKeyTransport(reader.ReadSequence());
        }
        else if (reader.PeekTag().HasSameClassAndValue(Tag1))
        {
            recipient = ReadKeyAgreement(reader.ReadSequence(Tag1));
        }
        if (recipient is not null)
        {
            _recipients.Add(recipient);
        }
    }

    private static RsaEnvelopeRecipient? ReadKeyTransport(AsnReader reader)
    {
        reader.ReadInteger();
        if (!IsIssuerAndSerial(reader))
        {
            return null;
        }
        CertificateId id = CertificateId.Read(reader);
        AsnReader algorithm = reader.ReadSequence();
        bool ours = algorithm.ReadObjectIdentifier() == EnvelopeOids.RsaOaep && HasSha256(algorithm);
        return ours ? new RsaEnvelopeRecipient(id, reader.ReadOctetString()) : null;
    }

    private static EcEnvelopeRecipient? ReadKeyAgreement(AsnReader reader)
    {
        reader.ReadInteger();
        AsnReader originator = reader.ReadSequence(Tag0);
        // Only the sender's key itself is of use; sender's user key material would change the derivation.
        if (!originator.PeekTag().HasSameClassAndValue(Tag1) || reader.PeekTag().HasSameClassAndValue(Tag1))
        {
            return null;
        }
        AsnReader key = originator.ReadSequence(Tag1);
        key.ReadSequence();
        byte[] point = key.ReadBitString(out _);
        AsnReader algorithm = reader.ReadSequence();
        bool ours = algorithm.ReadObjectIdentifier() == EnvelopeOids.EcdhSha256Kdf
            && algorithm.ReadSequence().ReadObjectIdentifier() == EnvelopeOids.Aes256Wrap;
        AsnReader first = reader.ReadSequence().ReadSequence();
        return ours && IsIssuerAndSerial(first)
            ? new EcEnvelopeRecipient(CertificateId.Read(first), first.ReadOctetString(), point)
            : null;
    }

    // The alternative is the identifier of the recipient's key, which no writer of ours uses.
    private static bool IsIssuerAndSerial(AsnReader reader) => reader.PeekTag().HasSameClassAndValue(Asn1Tag.Sequence);

    // The hash of the mask generation is not looked at: the platform uses one hash for both and fails where they differ.
    private static bool HasSha256(AsnReader algorithm)
    {
        AsnReader parameters = algorithm.ReadSequence();
        return parameters.HasData
            && parameters.PeekTag().HasSameClassAndValue(Tag0)
            && parameters.ReadSequence(Tag0).ReadSequence().ReadObjectIdentifier() == EnvelopeOids.Sha256;
    }

    private static void Expect(string found, string expected)
    {
        if (found != expected)
        {
            throw new AsnContentException($"Object identifier {found} where {expected} was expected.");
        }
    }
}
