using System.Formats.Asn1;

namespace HsmBackup.Engine.Format;

/// <summary>
/// The last structure of a backup: a keyed MAC over everything before it, and where the cluster has an identity, a
/// detached CMS signature over the same bytes.
/// </summary>
/// <remarks><code>
/// Seal ::= SEQUENCE {
///   version       INTEGER (1),
///   macAlgorithm  AlgorithmIdentifier,          -- hmacWithSHA256, parameters NULL
///   mac           OCTET STRING (SIZE (32)),
///   signature [0] EXPLICIT ContentInfo OPTIONAL -- id-signedData
/// }
/// </code></remarks>
internal sealed record Seal(byte[] Mac, byte[]? Signature)
{
    private const string HmacWithSha256 = "1.2.840.113549.2.9";
    private const string SignedData = "1.2.840.113549.1.7.2";
    private static readonly Asn1Tag SignatureTag = new(TagClass.ContextSpecific, 0, isConstructed: true);

    /// <summary>The DER of the seal.</summary>
    /// <exception cref="ArgumentException">The signature is not a CMS SignedData in DER, or is too long.</exception>
    public byte[] Encode()
    {
        AsnWriter writer = new(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(1);
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(HmacWithSha256);
                writer.WriteNull();
            }
            writer.WriteOctetString(Mac);
            if (Signature is not null)
            {
                try
                {
                    AssertSignedData(Signature);
                }
                catch (AsnContentException e)
                {
                    throw new ArgumentException("The signature is not a CMS SignedData in DER.", e);
                }
                using (writer.PushSequence(SignatureTag)) writer.WriteEncodedValue(Signature);
            }
        }
        if (writer.GetEncodedLength() > BackupFormat.MaxSealLength)
            throw new ArgumentException("The signature is too long for a seal.");
        return writer.Encode();
    }

    /// <summary>Reads a seal.</summary>
    /// <exception cref="AsnContentException">It is not one.</exception>
    public static Seal Decode(ReadOnlyMemory<byte> der)
    {
        AsnReader file = new(der, AsnEncodingRules.DER);
        AsnReader seal = file.ReadSequence();
        file.ThrowIfNotEmpty();
        if (!seal.TryReadInt32(out int version) || version != 1) throw new AsnContentException("Another version of seal.");
        AsnReader algorithm = seal.ReadSequence();
        if (algorithm.ReadObjectIdentifier() != HmacWithSha256) throw new AsnContentException("Another MAC algorithm.");
        algorithm.ReadNull();
        algorithm.ThrowIfNotEmpty();
        byte[] mac = seal.ReadOctetString();
        if (mac.Length != BackupFormat.DigestLength) throw new AsnContentException("A MAC of another length.");
        byte[]? signature = null;
        if (seal.HasData)
        {
            AsnReader explicitSignature = seal.ReadSequence(SignatureTag);
            signature = explicitSignature.ReadEncodedValue().ToArray();
            explicitSignature.ThrowIfNotEmpty();
            AssertSignedData(signature);
        }
        seal.ThrowIfNotEmpty();
        return new Seal(mac, signature);
    }

    // Only what it claims to be: who may sign, and whether the signature is good, is for the cluster to judge.
    private static void AssertSignedData(byte[] signature)
    {
        AsnReader file = new(signature, AsnEncodingRules.DER);
        AsnReader contentInfo = file.ReadSequence();
        file.ThrowIfNotEmpty();
        if (contentInfo.ReadObjectIdentifier() != SignedData) throw new AsnContentException("Another content type.");
    }
}
