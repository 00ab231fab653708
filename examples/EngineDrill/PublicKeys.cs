using System.Formats.Asn1;
using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;

namespace EngineDrill;

/// <summary>Reads public keys out of a token, for the platform's own cryptography.</summary>
internal static class PublicKeys
{
    private const string EcPublicKey = "1.2.840.10045.2.1";

    public static RSA ReadRsa(Pkcs11Session session, ulong publicKey)
    {
        AttributeMap attributes = session.GetAttributes(publicKey, Cka.Modulus, Cka.PublicExponent);
        return RSA.Create(new RSAParameters { Modulus = attributes.Bytes(Cka.Modulus), Exponent = attributes.Bytes(Cka.PublicExponent) });
    }

    public static ECDsa ReadEc(Pkcs11Session session, ulong publicKey)
    {
        AttributeMap attributes = session.GetAttributes(publicKey, Cka.EcParams, Cka.EcPoint);
        // RFC 5480: an OID, the curve, and the point, which a token has inside an OCTET STRING.
        byte[] point = AsnDecoder.ReadOctetString(attributes.Bytes(Cka.EcPoint), AsnEncodingRules.DER, out _);
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(EcPublicKey);
                writer.WriteEncodedValue(attributes.Bytes(Cka.EcParams));
            }
            writer.WriteBitString(point);
        }
        var key = ECDsa.Create();
        key.ImportSubjectPublicKeyInfo(writer.Encode(), out _);
        return key;
    }
}
