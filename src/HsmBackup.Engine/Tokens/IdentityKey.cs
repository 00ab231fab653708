using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// The key by which a cluster signs its backups: EC P-256, made in a token, known by its self-signed certificate. Sensitive and
/// extractable, so that it goes with the cluster as its other keys do: to its nodes, into its backups, and back.
/// </summary>
public sealed class IdentityKey
{
    /// <summary>The CKA_LABEL of an identity key.</summary>
    public const string Label = "HsmBackup identity";

    private const int IdLength = 20;
    private static readonly byte[] P256 = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

    private readonly Pkcs11Session _session;

    private IdentityKey(Pkcs11Session session, ulong privateKey, ulong publicKey, byte[] certificate)
    {
        _session = session;
        PrivateKey = privateKey;
        PublicKey = publicKey;
        Certificate = certificate;
    }

    /// <summary>Handle of the private key.</summary>
    public ulong PrivateKey { get; }

    /// <summary>Handle of the public key; 0 where the token has none.</summary>
    public ulong PublicKey { get; }

    /// <summary>Its certificate in DER.</summary>
    public ReadOnlyMemory<byte> Certificate { get; }

    /// <summary>The name in its certificate.</summary>
    public string Subject
    {
        get
        {
            using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(Certificate.Span);
            return certificate.Subject;
        }
    }

    /// <summary>Makes an identity key in a token, and its certificate, signed in the token.</summary>
    /// <param name="connection">The token, open for writing.</param>
    /// <param name="clusterName">The name that the certificate is for.</param>
    /// <param name="now">When.</param>
    /// <exception cref="HsmBackupException">TokenError: the token makes no EC keys, or does not sign with them. Nothing is left behind.</exception>
    public static IdentityKey Generate(TokenConnection connection, string clusterName, DateTimeOffset now)
    {
        Pkcs11Session session = connection.Session;
        AttributeMap common = new AttributeMap().Set(Cka.Token, true).Set(Cka.Label, Label);
        ulong rv = session.TryGenerateKeyPair(new Mechanism(Ckm.EcKeyPairGen),
            common.Copy().Set(Cka.Private, false).Set(Cka.Verify, true).Set(Cka.EcParams, P256),
            common.Copy().Set(Cka.Private, true).Set(Cka.Sensitive, true).Set(Cka.Extractable, true).Set(Cka.Sign, true),
            out ulong publicKey, out ulong privateKey);
        if (rv != Ckr.Ok)
        {
            throw Failed(connection, "C_GenerateKeyPair", rv);
        }
        try
        {
            PublicKey point = ReadPublicKey(connection, publicKey);
            byte[] id = IdOf(point);
            foreach (ulong handle in (ulong[])[publicKey, privateKey])
            {
                rv = session.TrySetAttributes(handle, new AttributeMap().Set(Cka.Id, id));
                if (rv != Ckr.Ok)
                {
                    throw Failed(connection, "C_SetAttributeValue", rv);
                }
            }
            byte[] certificate = MakeCertificate(new TokenSignatures(session, privateKey, point), id, clusterName, now);
            return new IdentityKey(session, privateKey, publicKey, certificate);
        }
        catch
        {
            session.TryDestroyObject(publicKey);
            session.TryDestroyObject(privateKey);
            throw;
        }
    }

    /// <summary>The identity key of a certificate in a token, proven by a signature; null where the token does not have it.</summary>
    public static IdentityKey? Find(TokenConnection connection, ReadOnlyMemory<byte> certificate)
    {
        using X509Certificate2 pinned = X509CertificateLoader.LoadCertificate(certificate.Span);
        using ECDsa? verifier = pinned.GetECDsaPublicKey();
        if (verifier is null)
        {
            return null;
        }
        // By id alone: whoever restores or synchronises keys may have renamed it.
        AttributeMap named = new AttributeMap().Set(Cka.Token, true).Set(Cka.KeyType, Ckk.Ec).Set(Cka.Id, IdOf(pinned.PublicKey));
        ulong publicKey = connection.Session.FindObjects(named.Copy().Set(Cka.Class, Cko.PublicKey)).FirstOrDefault();
        foreach (ulong privateKey in connection.Session.FindObjects(named.Copy().Set(Cka.Class, Cko.PrivateKey)))
        {
            byte[] challenge = RandomNumberGenerator.GetBytes(32);
            if (connection.Session.TrySign(new Mechanism(Ckm.Ecdsa), privateKey, challenge, out byte[] signature) == Ckr.Ok
                && verifier.VerifyHash(challenge, signature))
            {
                return new IdentityKey(connection.Session, privateKey, publicKey, certificate.ToArray());
            }
        }
        return null;
    }

    /// <summary>The same, for who cannot do without.</summary>
    /// <exception cref="HsmBackupException">IdentityKeyMissing.</exception>
    public static IdentityKey Require(TokenConnection connection, ReadOnlyMemory<byte> certificate) => Find(connection, certificate)
        ?? throw new HsmBackupException(ErrorCode.IdentityKeyMissing,
            $"The token '{connection.Token.Label}' does not hold the identity key by which the cluster signs its backups.",
            "Bring the nodes of the cluster in line (Sync-HsmCluster), or name another node.")
        { Target = connection.Token.Label };

    /// <summary>Signs a hash; gives ECDSA-Sig-Value in DER.</summary>
    /// <exception cref="Pkcs11Exception">The token refused.</exception>
    public byte[] Sign(byte[] hash) => Sign(_session, PrivateKey, hash);

    /// <summary>Removes both keys.</summary>
    /// <returns>False where the token keeps one.</returns>
    public bool TryRemove() =>
        (PublicKey == 0 || _session.TryDestroyObject(PublicKey) == Ckr.Ok) & _session.TryDestroyObject(PrivateKey) == Ckr.Ok;

    /// <summary>CKA_ID of the keys, and the certificate's subject key identifier: RFC 7093, method 1.</summary>
    private static byte[] IdOf(PublicKey key) => SHA256.HashData(key.EncodedKeyValue.RawData)[..IdLength];

    private static byte[] MakeCertificate(TokenSignatures signatures, byte[] id, string clusterName, DateTimeOffset now)
    {
        var name = new X500DistinguishedNameBuilder();
        name.AddCommonName(clusterName.Length <= 64 ? clusterName : clusterName[..64]);
        name.AddOrganizationalUnitName(Label);
        var request = new CertificateRequest(name.Build(), signatures.PublicKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(id, false));
        byte[] serial = RandomNumberGenerator.GetBytes(16);
        // Positive, and of its full length (RFC 5280, 4.1.2.2).
        serial[0] = (byte)((serial[0] & 0x3F) | 0x40);
        // It is pinned, not trusted by date: it must outlive the last backup that it signs. RFC 5280, 4.1.2.5: no well-defined end.
        using X509Certificate2 certificate = request.Create(name.Build(), signatures, now.AddDays(-1),
            new DateTimeOffset(9999, 12, 31, 23, 59, 59, TimeSpan.Zero), serial);
        return certificate.RawData;
    }

    private static PublicKey ReadPublicKey(TokenConnection connection, ulong handle)
    {
        byte[] point = EcPublicPoint.Raw(connection.Session.GetAttributes(handle, Cka.EcPoint).Bytes(Cka.EcPoint) ?? []);
        if (point is not [4, ..] || point.Length != 65)
        {
            throw Failed(connection, "C_GetAttributeValue of CKA_EC_POINT", Ckr.AttributeValueInvalid);
        }
        using var key = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = point[1..33], Y = point[33..] },
        });
        return new PublicKey(key);
    }

    private static byte[] Sign(Pkcs11Session session, ulong privateKey, byte[] hash)
    {
        ulong rv = session.TrySign(new Mechanism(Ckm.Ecdsa), privateKey, hash, out byte[] signature);
        if (rv != Ckr.Ok || signature.Length != 64)
        {
            throw new Pkcs11Exception("C_Sign", rv == Ckr.Ok ? Ckr.SignatureLenRange : rv);
        }
        // PKCS#11 2.3.1: the two numbers one behind the other. X.509 and CMS: a SEQUENCE of both (RFC 3279).
        AsnWriter writer = new(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteIntegerUnsigned(Shortest(signature.AsSpan(0, 32)));
            writer.WriteIntegerUnsigned(Shortest(signature.AsSpan(32)));
        }
        return writer.Encode();
    }

    private static ReadOnlySpan<byte> Shortest(ReadOnlySpan<byte> number) => number.TrimStart((byte)0) is { Length: > 0 } trimmed ? trimmed : number[..1];

    private static HsmBackupException Failed(TokenConnection connection, string function, ulong rv) => new(ErrorCode.TokenError,
        $"The token '{connection.Token.Label}' cannot hold the cluster's identity key (EC P-256): {function} returned {Names.OfReturnValue(rv)}.",
        "Make the identity key on a node whose token has EC keys, or do without one: then nobody can check the origin of a backup without its key.",
        new Pkcs11Exception(function, rv))
    { Target = connection.Token.Label };

    /// <summary>What makes a certificate with the key of a token.</summary>
    private sealed class TokenSignatures(Pkcs11Session session, ulong privateKey, PublicKey publicKey) : X509SignatureGenerator
    {
        public override byte[] GetSignatureAlgorithmIdentifier(HashAlgorithmName hashAlgorithm)
        {
            AsnWriter writer = new(AsnEncodingRules.DER);
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier("1.2.840.10045.4.3.2");
            }
            return writer.Encode();
        }

        public override byte[] SignData(byte[] data, HashAlgorithmName hashAlgorithm) => Sign(session, privateKey, SHA256.HashData(data));

        protected override PublicKey BuildPublicKey() => publicKey;
    }
}
