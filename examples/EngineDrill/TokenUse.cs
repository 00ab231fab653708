using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Pkcs11;

namespace EngineDrill;

/// <summary>
/// Uses every object of a token and says what came of it in one line each. The lines are the same for the same objects, whenever
/// they are asked for: what is random in a signature is verified and left out. They are meant for throw-away tokens: a digest gives
/// a key of one byte away.
/// </summary>
internal sealed class TokenUse
{
    private static readonly byte[] Message = "The drill uses every key."u8.ToArray();

    private readonly Pkcs11Session _session;
    private readonly List<Item> _items;

    /// <summary>Looks at what the token holds.</summary>
    public TokenUse(Pkcs11Session session)
    {
        _session = session;
        _items = [.. session.FindTokenObjects().Select(h => new Item(h, session.GetAttributes(h, Cka.Class, Cka.KeyType, Cka.Label, Cka.Id)))];
    }

    /// <summary>Uses everything.</summary>
    /// <returns>A line for each object, in an order that does not depend on the token.</returns>
    /// <exception cref="DrillException">An object did not do its work.</exception>
    public List<string> UseAll(CancellationToken stop)
    {
        var lines = new List<string>();
        foreach (Item item in _items)
        {
            stop.ThrowIfCancellationRequested();
            lines.Add($"{item}: {Use(item)}");
        }
        lines.Sort(StringComparer.Ordinal);
        return lines;
    }

    /// <summary>The public key of an RSA pair.</summary>
    public RSA PublicKeyOf(string label) =>
        PublicKeys.ReadRsa(_session, _items.Single(i => i.Class == Cko.PublicKey && i.Label == label).Handle);

    private string Use(Item item) => item.Class switch
    {
        Cko.SecretKey => item.KeyType switch
        {
            Ckk.Aes => "encrypts to " + Encrypt(item, Ckm.AesEcb, 16),
            Ckk.Des3 => "encrypts to " + Encrypt(item, Ckm.Des3Ecb, 8),
            _ => "digests to " + Digest(item),
        },
        Cko.PrivateKey => item.KeyType switch
        {
            Ckk.Rsa => UseRsa(item),
            Ckk.Ec => SignEc(item),
            Ckk.EcEdwards => "signs " + Hash(SignOnToken(item, Ckm.Eddsa)),
            Ckk.Dsa => SignDsa(item),
            Ckk.Dh => "agrees on " + Agree(item),
            _ => throw new DrillException($"{item}: no use is known for it."),
        },
        Cko.Certificate => Chain(item),
        Cko.PublicKey => "is " + Hash(Read(item, Cka.Modulus) ?? Read(item, Cka.EcPoint) ?? Read(item, Cka.Value)),
        _ => "reads as " + Hash(Read(item, Cka.Value)),
    };

    private string Encrypt(Item item, ulong mechanism, int block)
    {
        Check(_session.TryEncrypt(new Mechanism(mechanism), item.Handle, Message.AsSpan(0, block), out byte[] result), item);
        return Convert.ToHexStringLower(result);
    }

    // Unlike a MAC, it also tells a key from the same key with zero bytes behind it.
    private string Digest(Item item)
    {
        Check(_session.TryDigestKey(new Mechanism(Ckm.Sha256), Message, item.Handle, out byte[] digest), item);
        return Convert.ToHexStringLower(digest);
    }

    private string UseRsa(Item item)
    {
        using RSA publicKey = PublicKeys.ReadRsa(_session, Partner(item).Handle);
        if (_session.GetAttributes(item.Handle, Cka.Sign).Boolean(Cka.Sign) != true)
        {
            byte[] encrypted = publicKey.Encrypt(Message, RSAEncryptionPadding.Pkcs1);
            Check(_session.TryDecrypt(new Mechanism(Ckm.RsaPkcs), item.Handle, encrypted, out byte[] plain), item);
            return plain.AsSpan().SequenceEqual(Message) ? $"decrypts for {Hash(publicKey.ExportRSAPublicKey())}" : throw Wrong(item);
        }
        byte[] signature = Sign(item, Ckm.Sha256RsaPkcs, Message);
        return publicKey.VerifyData(Message, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            ? "signs " + Hash(signature)
            : throw Wrong(item);
    }

    private string SignEc(Item item)
    {
        using ECDsa publicKey = PublicKeys.ReadEc(_session, Partner(item).Handle);
        byte[] digest = SHA256.HashData(Message);
        return publicKey.VerifyHash(digest, Sign(item, Ckm.Ecdsa, digest))
            ? "signs for " + Hash(publicKey.ExportSubjectPublicKeyInfo())
            : throw Wrong(item);
    }

    private string SignDsa(Item item)
    {
        SignOnToken(item, Ckm.DsaSha256);
        return "signs for " + Hash(Read(Partner(item), Cka.Value));
    }

    /// <summary>For signatures that the platform cannot verify: the token does, with the public key.</summary>
    private byte[] SignOnToken(Item item, ulong mechanism)
    {
        byte[] signature = Sign(item, mechanism, Message);
        Check(_session.TryVerify(new Mechanism(mechanism), Partner(item).Handle, Message, signature), item);
        return signature;
    }

    private byte[] Sign(Item item, ulong mechanism, byte[] data)
    {
        Check(_session.TrySign(new Mechanism(mechanism), item.Handle, data, out byte[] signature), item);
        return signature;
    }

    /// <summary>Diffie-Hellman with itself: the same key agrees on the same secret.</summary>
    private string Agree(Item item)
    {
        AttributeMap template = new AttributeMap().Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.GenericSecret).Set(Cka.ValueLen, 32UL)
            .Set(Cka.Token, false).Set(Cka.Sensitive, false).Set(Cka.Extractable, true);
        var mechanism = new Mechanism(Ckm.DhPkcsDerive, Read(Partner(item), Cka.Value)!);
        Check(_session.TryDeriveKey(mechanism, item.Handle, template, out ulong derived), item);
        string agreed = Hash(_session.GetAttributes(derived, Cka.Value).Bytes(Cka.Value));
        Check(_session.TryDestroyObject(derived), item);
        return agreed;
    }

    private string Chain(Item item)
    {
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(Read(item, Cka.Value)!);
        using RSA certified = certificate.GetRSAPublicKey() ?? throw Wrong(item);
        Item key = _items.Single(i => i.Class == Cko.PrivateKey && i.Id == item.Id);
        byte[] signature = Sign(key, Ckm.Sha256RsaPkcs, Message);
        return certified.VerifyData(Message, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            ? $"certifies its key, {certificate.GetCertHashString(HashAlgorithmName.SHA256)}"
            : throw Wrong(item);
    }

    private Item Partner(Item item) => _items.Find(i => i.Class == Cko.PublicKey && i.KeyType == item.KeyType && i.Id == item.Id)
        ?? throw new DrillException($"{item}: its public key is not there.");

    private byte[]? Read(Item item, ulong type) => _session.GetAttributes(item.Handle, type).Bytes(type);

    private static string Hash(byte[]? value) => value is { Length: > 0 } ? Convert.ToHexStringLower(SHA256.HashData(value)) : "nothing";

    private static void Check(ulong rv, Item item)
    {
        if (rv != Ckr.Ok)
        {
            throw new DrillException($"{item} does not do its work: {Names.OfReturnValue(rv)}");
        }
    }

    private static DrillException Wrong(Item item) => new($"{item} does its work wrongly: it is another key.");

    private sealed record Item(ulong Handle, AttributeMap Attributes)
    {
        public ulong? Class => Attributes.Number(Cka.Class);

        public ulong? KeyType => Attributes.Number(Cka.KeyType);

        public string Label => Attributes.Text(Cka.Label) ?? "";

        public string Id => Attributes.Text(Cka.Id) ?? "";

        public override string ToString() => $"{(Class is { } c ? Names.OfClass(c) : "object")} '{Label}'";
    }
}
