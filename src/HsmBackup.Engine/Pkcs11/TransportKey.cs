using System.Security.Cryptography;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>
/// An RSA key pair that a token makes for one purpose: to let values pass by RSA-OAEP. It exists as session objects only.
/// </summary>
internal static class TransportKey
{
    /// <summary>Generates the pair. The private key may be wrapped, and can unwrap.</summary>
    public static ulong TryGenerate(Pkcs11Session session, int bits, out ulong publicKey, out ulong privateKey)
    {
        AttributeMap publicTemplate = new AttributeMap()
            .Set(Cka.Token, false).Set(Cka.Private, false).Set(Cka.Wrap, true).Set(Cka.Encrypt, true)
            .Set(Cka.ModulusBits, (ulong)bits).Set(Cka.PublicExponent, [1, 0, 1]);
        return session.TryGenerateKeyPair(new Mechanism(Ckm.RsaPkcsKeyPairGen), publicTemplate,
            PrivateTemplate().Set(Cka.Extractable, true), out publicKey, out privateKey);
    }

    /// <summary>What its private key is, when it is unwrapped again at a restore.</summary>
    public static AttributeMap PrivateTemplate() => new AttributeMap()
        .Set(Cka.Token, false).Set(Cka.Private, true).Set(Cka.Sensitive, true).Set(Cka.Unwrap, true).Set(Cka.Decrypt, true);

    /// <summary>The public key for the host's own RSA.</summary>
    public static RSA ReadPublicKey(Pkcs11Session session, ulong publicKey)
    {
        AttributeMap values = session.ReadAttributes(publicKey, [Cka.Modulus, Cka.PublicExponent]).Attributes;
        return RSA.Create(new RSAParameters
        {
            Modulus = values.Bytes(Cka.Modulus).AsSpan().TrimStart((byte)0).ToArray(),
            Exponent = values.Bytes(Cka.PublicExponent).AsSpan().TrimStart((byte)0).ToArray(),
        });
    }

    /// <summary>The host's name for an OAEP hash.</summary>
    public static RSAEncryptionPadding PaddingOf(ulong hash) => hash switch
    {
        Ckm.Sha1 => RSAEncryptionPadding.OaepSHA1,
        Ckm.Sha256 => RSAEncryptionPadding.OaepSHA256,
        Ckm.Sha384 => RSAEncryptionPadding.OaepSHA384,
        Ckm.Sha512 => RSAEncryptionPadding.OaepSHA512,
        _ => throw new ArgumentOutOfRangeException(nameof(hash)),
    };

    /// <summary>The longest value that fits: modulus length less two hashes and two bytes (RFC 8017, 7.1.1).</summary>
    public static int Capacity(int bits, ulong hash) => (bits / 8) - (2 * HashLength(hash)) - 2;

    private static int HashLength(ulong hash) => hash switch
    {
        Ckm.Sha1 => 20,
        Ckm.Sha384 => 48,
        Ckm.Sha512 => 64,
        _ => 32,
    };
}
