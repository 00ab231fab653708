using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>Fills a token with every kind of object that it supports, and says which.</summary>
internal sealed class TokenContent(Pkcs11Session session)
{
    public static readonly byte[] P256 = Convert.FromHexString("06082A8648CE3D030107");
    public static readonly byte[] P384 = Convert.FromHexString("06052B81040022");
    public static readonly byte[] P521 = Convert.FromHexString("06052B81040023");
    public static readonly byte[] Ed25519 = Convert.FromHexString("06032B6570");

    /// <summary>The session that fills it.</summary>
    public Pkcs11Session Session => session;

    /// <summary>The number in the next CKA_ID; each object has its own.</summary>
    public int Next { get; set; } = 1;

    /// <summary>What was made.</summary>
    public List<string> Made { get; } = [];

    /// <summary>Everything.</summary>
    public static TokenContent FillAll(TokenConnection connection)
    {
        var content = new TokenContent(connection.Session);
        foreach (int bytes in (int[])[16, 24, 32])
        {
            content.Aes($"aes-{bytes * 8}", bytes);
        }
        content.Secret("des3", Ckk.Des3, Ckm.Des3KeyGen, null, Cka.Encrypt, Cka.Decrypt);
        foreach (int bytes in (int[])[1, 16, 20, 32, 33, 64, 100])
        {
            content.Generic($"generic-{bytes}", bytes);
        }
        content.Rsa("rsa-2048", 2048);
        content.Ec("p256", P256);
        content.Ec("p384", P384);
        content.Ec("p521", P521);
        content.Ed25519Readable("ed25519");
        content.Data("data-private", true);
        content.Data("data-public", false);
        content.Certificate("certificate");
        return content;
    }

    public ulong Aes(string label, int bytes, Action<AttributeMap>? change = null) =>
        Secret(label, Ckk.Aes, Ckm.AesKeyGen, bytes, Cka.Encrypt, Cka.Decrypt, change);

    public ulong Generic(string label, int bytes, Action<AttributeMap>? change = null) =>
        Secret(label, Ckk.GenericSecret, Ckm.GenericSecretKeyGen, bytes, Cka.Sign, Cka.Verify, change);

    public ulong Secret(string label, ulong keyType, ulong mechanism, int? bytes, ulong use1, ulong use2, Action<AttributeMap>? change = null)
    {
        AttributeMap template = Key(Cko.SecretKey, keyType, label).Set(use1, true).Set(use2, true);
        if (bytes is { } length)
        {
            template.Set(Cka.ValueLen, (ulong)length);
        }
        change?.Invoke(template);
        Check(session.TryGenerateKey(new Mechanism(mechanism), template, out ulong handle), label);
        return handle;
    }

    public (ulong Public, ulong Private) Rsa(string label, int bits, Action<AttributeMap>? change = null) =>
        Pair(label, Ckk.Rsa, Ckm.RsaPkcsKeyPairGen, pub => pub.Set(Cka.ModulusBits, (ulong)bits).Set(Cka.PublicExponent, [1, 0, 1])
            .Set(Cka.Encrypt, true).Set(Cka.Wrap, false), priv =>
            {
                priv.Set(Cka.Decrypt, true).Set(Cka.Unwrap, false);
                change?.Invoke(priv);
            });

    public (ulong Public, ulong Private) Ec(string label, byte[] curve, Action<AttributeMap>? change = null) =>
        Pair(label, Ckk.Ec, Ckm.EcKeyPairGen, pub => pub.Set(Cka.EcParams, curve), priv =>
        {
            priv.Set(Cka.Derive, true);
            change?.Invoke(priv);
        });

    public (ulong Public, ulong Private) Ed25519Readable(string label) => Edwards(label, sensitive: false);

    public (ulong Public, ulong Private) Edwards(string label, bool sensitive) =>
        Pair(label, Ckk.EcEdwards, Ckm.EcEdwardsKeyPairGen, pub => pub.Set(Cka.EcParams, Ed25519), priv => priv.Set(Cka.Sensitive, sensitive));

    public (ulong Public, ulong Private) Dsa(string label) => Pair(label, Ckk.Dsa, Ckm.DsaKeyPairGen, pub => pub
        .Set(Cka.Prime, DomainParameters.DsaPrime).Set(Cka.Subprime, DomainParameters.DsaSubprime).Set(Cka.Base, DomainParameters.DsaBase), _ => { });

    public (ulong Public, ulong Private) Dh(string label) => Pair(label, Ckk.Dh, Ckm.DhPkcsKeyPairGen, pub =>
    {
        pub.Set(Cka.Prime, DomainParameters.DhPrime).Set(Cka.Base, DomainParameters.DhBase).Set(Cka.Derive, true);
        pub.Remove(Cka.Verify);
    }, priv =>
    {
        priv.Set(Cka.Derive, true);
        priv.Remove(Cka.Sign);
    });

    /// <summary>A key whose value the test knows.</summary>
    public ulong Known(string label, ulong keyType, byte[] value, Action<AttributeMap>? change = null)
    {
        AttributeMap template = Key(Cko.SecretKey, keyType, label).Set(Cka.Value, value);
        template.Set(keyType is Ckk.Aes or Ckk.Des or Ckk.Des2 or Ckk.Des3 ? Cka.Encrypt : Cka.Sign, true);
        change?.Invoke(template);
        return Create(template, label);
    }

    public void Data(string label, bool isPrivate, byte[]? value = null, Action<AttributeMap>? change = null)
    {
        AttributeMap template = new AttributeMap().Set(Cka.Class, Cko.Data).Set(Cka.Token, true).Set(Cka.Private, isPrivate).Set(Cka.Label, label)
            .Set(Cka.Application, "HsmBackup tests").Set(Cka.ObjectId, [0x06, 0x03, 0x2A, 0x03, 0x04]).Set(Cka.Value, value ?? "some bytes"u8);
        change?.Invoke(template);
        Create(template, label);
    }

    public X509Certificate2 Certificate(string label, bool isPrivate = false, Action<AttributeMap>? change = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={label}", key, HashAlgorithmName.SHA256);
        X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch.AddYears(50), DateTimeOffset.UnixEpoch.AddYears(70));
        Certificate(certificate, label, isPrivate, change);
        return certificate;
    }

    public ulong Certificate(X509Certificate2 certificate, string label, bool isPrivate = false, Action<AttributeMap>? change = null)
    {
        AttributeMap template = new AttributeMap().Set(Cka.Class, Cko.Certificate).Set(Cka.CertificateType, Ckc.X509)
            .Set(Cka.Token, true).Set(Cka.Private, isPrivate).Set(Cka.Label, label).Set(Cka.Id, NextId())
            .Set(Cka.Subject, certificate.SubjectName.RawData).Set(Cka.Issuer, certificate.IssuerName.RawData)
            .Set(Cka.SerialNumber, [0x02, (byte)certificate.SerialNumberBytes.Length, .. certificate.SerialNumberBytes.Span])
            .Set(Cka.Value, certificate.RawData);
        change?.Invoke(template);
        return Create(template, label);
    }

    public ulong Create(AttributeMap template, string label)
    {
        Check(session.TryCreateObject(template, out ulong handle), label);
        return handle;
    }

    private (ulong Public, ulong Private) Pair(
        string label, ulong keyType, ulong mechanism, Action<AttributeMap> changePublic, Action<AttributeMap> changePrivate)
    {
        AttributeMap privateTemplate = Key(Cko.PrivateKey, keyType, label).Set(Cka.Sign, true);
        AttributeMap publicTemplate = new AttributeMap().Set(Cka.Class, Cko.PublicKey).Set(Cka.KeyType, keyType)
            .Set(Cka.Token, true).Set(Cka.Private, false).Set(Cka.Label, label).Set(Cka.Id, privateTemplate.Bytes(Cka.Id)!).Set(Cka.Verify, true);
        changePublic(publicTemplate);
        changePrivate(privateTemplate);
        Check(session.TryGenerateKeyPair(new Mechanism(mechanism), publicTemplate, privateTemplate, out ulong pub, out ulong priv), label);
        return (pub, priv);
    }

    private AttributeMap Key(ulong objectClass, ulong keyType, string label) => new AttributeMap()
        .Set(Cka.Class, objectClass).Set(Cka.KeyType, keyType).Set(Cka.Token, true).Set(Cka.Private, true)
        .Set(Cka.Sensitive, true).Set(Cka.Extractable, true).Set(Cka.Label, label).Set(Cka.Id, NextId());

    private byte[] NextId() => [0xA0, (byte)(Next >> 8), (byte)(Next++ & 0xFF)];

    private void Check(ulong rv, string what)
    {
        if (rv != Ckr.Ok)
        {
            throw new InvalidOperationException($"{what}: {Names.OfReturnValue(rv)}");
        }
        Made.Add(what);
    }
}
