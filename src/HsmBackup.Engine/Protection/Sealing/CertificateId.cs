using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace HsmBackup.Engine.Protection.Sealing;

/// <summary>A certificate by its issuer and serial number, as CMS names it (IssuerAndSerialNumber of RFC 5652).</summary>
internal sealed class CertificateId
{
    private readonly byte[] _issuer;
    private readonly byte[] _serial;

    private CertificateId(byte[] issuer, byte[] serial)
    {
        _issuer = issuer;
        _serial = serial;
    }

    /// <summary>Issuer and serial number in words, by which a person finds the certificate.</summary>
    public string Name => $"{IssuerName()}, serial number {Convert.ToHexString(_serial)}";

    /// <summary>Reads the sequence of issuer and serial number.</summary>
    /// <exception cref="AsnContentException">It is something else.</exception>
    public static CertificateId Read(AsnReader reader)
    {
        AsnReader id = reader.ReadSequence();
        byte[] issuer = id.ReadEncodedValue().ToArray();
        byte[] serial = id.ReadIntegerBytes().ToArray();
        return new CertificateId(issuer, serial);
    }

    /// <summary>Writes the issuer and serial number of a certificate.</summary>
    public static void Write(AsnWriter writer, X509Certificate2 certificate)
    {
        using (writer.PushSequence())
        {
            writer.WriteEncodedValue(certificate.IssuerName.RawData);
            writer.WriteInteger(certificate.SerialNumberBytes.Span);
        }
    }

    /// <summary>Whether this names the certificate.</summary>
    public bool Names(X509Certificate2 certificate) =>
        certificate.SerialNumberBytes.Span.SequenceEqual(_serial)
        && certificate.IssuerName.RawData.AsSpan().SequenceEqual(_issuer);

    private string IssuerName()
    {
        try
        {
            return new X500DistinguishedName(_issuer).Name;
        }
        catch (CryptographicException)
        {
            // A file from anywhere may hold bytes that are no name, and not every platform's decoder puts up with them.
            return "an issuer without a name";
        }
    }
}
