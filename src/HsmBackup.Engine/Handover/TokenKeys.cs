using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Sealing;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Handover;

/// <summary>Finds the private keys of certificates on a token.</summary>
internal static class TokenKeys
{
    /// <summary>The keys that are, or may be, those of the certificates, and of the certificates on the token itself.</summary>
    /// <param name="connection">The token, logged in.</param>
    /// <param name="known">Certificates that are known from elsewhere; many tokens hold keys without them.</param>
    /// <param name="pin">The PIN.</param>
    /// <param name="certificates">Takes the certificates that were found on the token, which the caller disposes.</param>
    public static IEnumerable<IRecipientKey> Find(
        TokenConnection connection, IEnumerable<X509Certificate2> known, Pin pin, ICollection<X509Certificate2> certificates)
    {
        Pkcs11Session session = connection.Session;
        foreach (ulong handle in session.FindObjects(Template(Cko.Certificate)))
        {
            if (TryRead(session.GetAttributes(handle, Cka.Value).Bytes(Cka.Value)) is { } certificate)
            {
                certificates.Add(certificate);
            }
        }
        return [.. known.Concat(certificates).DistinctBy(c => c.Thumbprint)
            .SelectMany(c => PrivateKeysOf(session, c).Select(handle => new TokenRecipientKey(connection, c, handle, pin)))];
    }

    private static IEnumerable<ulong> PrivateKeysOf(Pkcs11Session session, X509Certificate2 certificate)
    {
        using RSA? rsa = certificate.GetRSAPublicKey();
        if (rsa is not null)
        {
            ReadOnlyMemory<byte> modulus = rsa.ExportParameters(includePrivateParameters: false).Modulus;
            return session.FindObjects(Template(Cko.PrivateKey).Set(Cka.KeyType, Ckk.Rsa)).Where(handle =>
                session.GetAttributes(handle, Cka.Modulus).Bytes(Cka.Modulus) is { } own
                && own.AsSpan().TrimStart((byte)0).SequenceEqual(modulus.Span.TrimStart((byte)0)));
        }
        using ECDiffieHellman? ec = certificate.GetECDiffieHellmanPublicKey();
        return ec is null ? [] : EcKeysOf(session, EcKeyAgreement.ExportPoint(ec.PublicKey));
    }

    // A private EC key does not show its point. The public key beside it does, by the same id; where there is none, each key is tried: with
    // a wrong one the content key does not unwrap.
    private static List<ulong> EcKeysOf(Pkcs11Session session, byte[] point)
    {
        List<byte[]> ids = [.. session.FindObjects(Template(Cko.PublicKey).Set(Cka.KeyType, Ckk.Ec))
            .Select(handle => session.GetAttributes(handle, Cka.EcPoint, Cka.Id))
            .Where(key => key.Bytes(Cka.EcPoint) is { } own && EcPublicPoint.Raw(own).AsSpan().SequenceEqual(point))
            .Select(key => key.Bytes(Cka.Id)).OfType<byte[]>()];
        List<ulong> all = session.FindObjects(Template(Cko.PrivateKey).Set(Cka.KeyType, Ckk.Ec));
        List<ulong> own = [.. all.Where(handle =>
            session.GetAttributes(handle, Cka.Id).Bytes(Cka.Id) is { } id && ids.Exists(other => other.AsSpan().SequenceEqual(id)))];
        return own.Count > 0 ? own : all;
    }

    private static AttributeMap Template(ulong objectClass) => new AttributeMap().Set(Cka.Token, true).Set(Cka.Class, objectClass);

    private static X509Certificate2? TryRead(byte[]? value)
    {
        try
        {
            return value is null ? null : X509CertificateLoader.LoadCertificate(value);
        }
        catch (CryptographicException)
        {
            // A token may hold certificates of other kinds.
            return null;
        }
    }
}
