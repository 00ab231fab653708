using HsmBackup.Engine.Pkcs11;

namespace EngineDrill;

/// <summary>Fills a token with every kind of object that it supports. Kinds that the token has no mechanism for are left out.</summary>
internal sealed class TokenFiller
{
    /// <summary>Label of the RSA key that the drill recovers without any token.</summary>
    public const string RecoveredKey = "rsa-2048";

    private static readonly (string Label, string Oid)[] Curves =
        [("ec-p256", "06082A8648CE3D030107"), ("ec-p384", "06052B81040022"), ("ec-p521", "06052B81040023")];

    private static readonly byte[] Ed25519 = Convert.FromHexString("06032B6570");

    private readonly Pkcs11Session _session;
    private readonly CancellationToken _stop;
    private int _made;

    private TokenFiller(Pkcs11Session session, CancellationToken stop)
    {
        _session = session;
        _stop = stop;
    }

    /// <summary>Fills a token.</summary>
    /// <returns>How many objects were made.</returns>
    public static int Fill(Pkcs11Session session, CancellationToken stop)
    {
        var filler = new TokenFiller(session, stop);
        filler.MakeSecretKeys();
        filler.MakeKeyPairs();
        filler.MakeCertificate();
        filler.MakeData("data-public", isPrivate: false);
        filler.MakeData("data-private", isPrivate: true);
        return filler._made;
    }

    private void MakeSecretKeys()
    {
        foreach (int bits in (int[])[128, 192, 256])
        {
            MakeSecret($"aes-{bits}", Ckk.Aes, Ckm.AesKeyGen, bits / 8, k => k.Set(Cka.Encrypt, true).Set(Cka.Decrypt, true));
        }
        MakeSecret("aes-restricted", Ckk.Aes, Ckm.AesKeyGen, 32, k => k.Set(Cka.Encrypt, true).Set(Cka.Decrypt, true)
            .Set(Cka.AllowedMechanisms, Ckm.AesEcb, Ckm.AesCbc).Set(Cka.Modifiable, false));
        MakeSecret("des3", Ckk.Des3, Ckm.Des3KeyGen, null, k => k.Set(Cka.Encrypt, true).Set(Cka.Decrypt, true));
        // Lengths of which AES key wrap with and without padding, and one RSA block, each have a different opinion.
        foreach (int bytes in (int[])[1, 16, 20, 33, 64, 100])
        {
            MakeSecret($"generic-{bytes}", Ckk.GenericSecret, Ckm.GenericSecretKeyGen, bytes, k => k.Set(Cka.Sign, true).Set(Cka.Verify, true));
        }
    }

    private void MakeKeyPairs()
    {
        MakePair(RecoveredKey, Ckk.Rsa, Ckm.RsaPkcsKeyPairGen, Rsa2048, Sign);
        MakePair("rsa-decrypt", Ckk.Rsa, Ckm.RsaPkcsKeyPairGen, Rsa2048, k => k.Set(Cka.Sign, false).Set(Cka.Decrypt, true));
        foreach ((string label, string oid) in Curves)
        {
            MakePair(label, Ckk.Ec, Ckm.EcKeyPairGen, k => k.Set(Cka.EcParams, Convert.FromHexString(oid)), k => Sign(k).Set(Cka.Derive, true));
        }
        // SoftHSM wraps no Edwards key: it can be backed up because its owner made it readable.
        MakePair("ed25519", Ckk.EcEdwards, Ckm.EcEdwardsKeyPairGen, k => k.Set(Cka.EcParams, Ed25519), k => Sign(k).Set(Cka.Sensitive, false));
        MakePair("dsa-2048", Ckk.Dsa, Ckm.DsaKeyPairGen,
            k => k.Set(Cka.Prime, Group.Prime).Set(Cka.Subprime, Group.Subprime).Set(Cka.Base, Group.Base), Sign);
        MakePair("dh-2048", Ckk.Dh, Ckm.DhPkcsKeyPairGen,
            k => k.Set(Cka.Prime, Group.Prime).Set(Cka.Base, Group.Base), k => k.Set(Cka.Derive, true));
    }

    private static AttributeMap Rsa2048(AttributeMap key) =>
        key.Set(Cka.ModulusBits, 2048UL).Set(Cka.PublicExponent, [1, 0, 1]).Set(Cka.Verify, true).Set(Cka.Encrypt, true);

    private static AttributeMap Sign(AttributeMap key) => key.Set(Cka.Sign, true);

    /// <summary>A real one, signed by the key that it certifies.</summary>
    private void MakeCertificate()
    {
        (ulong publicKey, ulong privateKey) = MakePair("tls", Ckk.Rsa, Ckm.RsaPkcsKeyPairGen, Rsa2048, Sign);
        if (privateKey != 0)
        {
            AttributeMap template = TokenCertificate.SelfSigned(_session, publicKey, privateKey, "CN=drill.example")
                .Set(Cka.Label, "tls").Set(Cka.Id, "tls");
            Check(_session.TryCreateObject(template, out _), "certificate");
        }
    }

    private void MakeData(string label, bool isPrivate) => Check(
        _session.TryCreateObject(
            new AttributeMap().Set(Cka.Class, Cko.Data).Set(Cka.Token, true).Set(Cka.Private, isPrivate).Set(Cka.Label, label)
                .Set(Cka.Application, "EngineDrill").Set(Cka.Value, $"what {label} holds"), out _),
        label);

    private void MakeSecret(string label, ulong keyType, ulong mechanism, int? length, Func<AttributeMap, AttributeMap> uses)
    {
        AttributeMap template = uses(Key(Cko.SecretKey, keyType, label, isPrivate: true));
        if (length is { } bytes)
        {
            template.Set(Cka.ValueLen, (ulong)bytes);
        }
        Check(_session.TryGenerateKey(new Mechanism(mechanism), template, out _), label);
    }

    private (ulong Public, ulong Private) MakePair(
        string label, ulong keyType, ulong mechanism, Func<AttributeMap, AttributeMap> completePublic, Func<AttributeMap, AttributeMap> uses)
    {
        AttributeMap publicKey = completePublic(Key(Cko.PublicKey, keyType, label, isPrivate: false).Set(Cka.Verify, true));
        AttributeMap privateKey = uses(Key(Cko.PrivateKey, keyType, label, isPrivate: true));
        Check(_session.TryGenerateKeyPair(new Mechanism(mechanism), publicKey, privateKey, out ulong publicHandle, out ulong privateHandle), label, 2);
        return (publicHandle, privateHandle);
    }

    private static AttributeMap Key(ulong objectClass, ulong keyType, string label, bool isPrivate)
    {
        AttributeMap template = new AttributeMap().Set(Cka.Class, objectClass).Set(Cka.KeyType, keyType).Set(Cka.Token, true)
            .Set(Cka.Private, isPrivate).Set(Cka.Label, label).Set(Cka.Id, label);
        return isPrivate ? template.Set(Cka.Sensitive, true).Set(Cka.Extractable, true) : template;
    }

    private void Check(ulong rv, string what, int objects = 1)
    {
        _stop.ThrowIfCancellationRequested();
        if (rv == Ckr.Ok)
        {
            _made += objects;
        }
        // A token without the mechanism has no such objects, and so none to lose.
        else if (rv is not (Ckr.MechanismInvalid or Ckr.FunctionNotSupported))
        {
            throw new DrillException($"{what} could not be made: {Names.OfReturnValue(rv)}");
        }
    }
}
