using System.Formats.Asn1;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>
/// The point of a public key. CKA_EC_POINT is a DER OCTET STRING of it (PKCS#11 2.40, 2.3.3); some tokens give the bare point, as 2.20 was
/// often read.
/// </summary>
internal static class EcPublicPoint
{
    /// <summary>The bare point (X9.62: a byte for the form, then the coordinates).</summary>
    public static byte[] Raw(byte[] value)
    {
        // A bare point may look like DER by chance; what is then inside of it does not look like a point.
        bool isDer = AsnDecoder.TryReadPrimitiveOctetString(value, AsnEncodingRules.DER, out ReadOnlySpan<byte> inner, out int consumed)
            && consumed == value.Length && inner is [2 or 3 or 4, ..] && inner.Length % 2 == 1;
        return isDer ? inner.ToArray() : value;
    }
}
