using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tokens;

/// <summary>The public half of an RSA or EC key, in this process's own cryptography: what a private key on a token is judged by.</summary>
internal sealed class PublicHalf : IDisposable
{
    private ECDsa? _ecdsa;
    private ECDiffieHellman? _ecdh;

    private PublicHalf(RSA rsa) => Rsa = rsa;

    private PublicHalf(ECParameters ec) => Ec = ec;

    /// <summary>The RSA key; null for EC.</summary>
    public RSA? Rsa { get; }

    /// <summary>The curve and the point; null for RSA.</summary>
    public ECParameters? Ec { get; }

    /// <summary>The EC key as the other side of an agreement; null for RSA.</summary>
    public ECDiffieHellmanPublicKey? Agreement => Ec is { } parameters ? (_ecdh ??= ECDiffieHellman.Create(parameters)).PublicKey : null;

    /// <summary>Whether a signature of a SHA-256 hash, r and s one after the other, is this key's.</summary>
    public bool VerifiesEcdsa(byte[] digest, byte[] signature)
    {
        MakeVerifier();
        return _ecdsa?.VerifyHash(digest, signature) == true;
    }

    /// <summary>
    /// Does beforehand what takes longer than the judgement itself: brings an EC key into the platform's cryptography. Where that does
    /// not know the curve, the key is not known.
    /// </summary>
    /// <param name="forSignatures">Whether signatures are to be judged.</param>
    /// <param name="forAgreements">Whether agreements are.</param>
    /// <exception cref="CryptographicException">It is not a key of its curve, or its curve is not known.</exception>
    public void Prepare(bool forSignatures, bool forAgreements)
    {
        if (forSignatures || !forAgreements)
        {
            MakeVerifier();
        }
        _ = forAgreements ? Agreement : null;
    }

    private void MakeVerifier() => _ecdsa ??= Ec is { } parameters ? ECDsa.Create(parameters) : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        Rsa?.Dispose();
        _ecdsa?.Dispose();
        _ecdh?.Dispose();
    }

    /// <summary>Whether an error says that this platform cannot read a key.</summary>
    public static bool IsUnknown(Exception e) => e is CryptographicException or AsnContentException or PlatformNotSupportedException;

    /// <summary>Of a private key's PKCS #8.</summary>
    /// <exception cref="CryptographicException">It is not a valid key.</exception>
    public static PublicHalf? OfPrivateKey(ulong? keyType, ReadOnlySpan<byte> pkcs8)
    {
        if (keyType == Ckk.Rsa)
        {
            using var rsa = RSA.Create();
            rsa.ImportPkcs8PrivateKey(pkcs8, out _);
            return new PublicHalf(RSA.Create(rsa.ExportParameters(false)));
        }
        if (keyType != Ckk.Ec)
        {
            return null;
        }
        using var ecdsa = ECDsa.Create();
        ecdsa.ImportPkcs8PrivateKey(pkcs8, out _);
        return new PublicHalf(ecdsa.ExportParameters(false));
    }

    /// <summary>Of the numbers that an RSA key, private or public, shows to everybody; null where it shows none.</summary>
    public static PublicHalf? OfModulus(ObjectRecord record) =>
        record.Attributes.Bytes(Cka.Modulus) is { Length: > 0 } modulus
            && record.Attributes.Bytes(Cka.PublicExponent) is { Length: > 0 } exponent
            ? Import(() => new PublicHalf(RSA.Create(new RSAParameters { Modulus = modulus, Exponent = exponent })))
            : null;

    /// <summary>Of a public key object; null where this platform does not know its kind or curve.</summary>
    public static PublicHalf? OfPublicKey(ObjectRecord record) => record.KeyType switch
    {
        Ckk.Rsa => OfModulus(record),
        Ckk.Ec when record.Attributes.Bytes(Cka.EcPoint) is { } point && record.Attributes.Bytes(Cka.EcParams) is { } curve
            => Import(() => OfPoint(EcPublicPoint.Raw(point), curve)),
        _ => null,
    };

    /// <summary>Of a SubjectPublicKeyInfo, which CKA_PUBLIC_KEY_INFO is.</summary>
    public static PublicHalf? OfInfo(ulong? keyType, byte[] info) =>
        Import(() => OfKey(keyType, PublicKey.CreateFromSubjectPublicKeyInfo(info, out _)));

    /// <summary>Of an X.509 certificate; null where it is of another kind of key.</summary>
    public static PublicHalf? OfCertificate(ulong? keyType, ObjectRecord record) => Import(() =>
    {
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(record.Attributes.Bytes(Cka.Value) ?? []);
        return OfKey(keyType, certificate.PublicKey);
    });

    private static PublicHalf? OfKey(ulong? keyType, PublicKey key)
    {
        if (keyType == Ckk.Rsa)
        {
            return key.GetRSAPublicKey() is { } rsa ? new PublicHalf(rsa) : null;
        }
        using ECDiffieHellman? ec = keyType == Ckk.Ec ? key.GetECDiffieHellmanPublicKey() : null;
        return ec is null ? null : new PublicHalf(ec.ExportParameters(false));
    }

    private static PublicHalf? OfPoint(byte[] point, byte[] curve)
    {
        if (point is not [4, ..] || point.Length % 2 == 0)
        {
            return null;
        }
        string oid = AsnDecoder.ReadObjectIdentifier(curve, AsnEncodingRules.BER, out _);
        int length = point.Length / 2;
        return new PublicHalf(new ECParameters
        {
            Curve = ECCurve.CreateFromValue(oid),
            Q = new ECPoint { X = point[1..(1 + length)], Y = point[(1 + length)..] },
        });
    }

    /// <summary>What cannot be read here is not known here.</summary>
    private static PublicHalf? Import(Func<PublicHalf?> import)
    {
        try
        {
            return import();
        }
        catch (Exception e) when (IsUnknown(e))
        {
            return null;
        }
    }
}
