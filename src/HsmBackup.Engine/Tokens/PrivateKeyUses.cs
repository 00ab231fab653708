using System.Numerics;
using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>Uses private keys, and judges what comes of it by their public halves.</summary>
internal sealed class PrivateKeyUses(Pkcs11Session session, KeyLogin login, KeyRelatives relatives) : IDisposable
{
    private static readonly byte[] Message = "HsmBackup proof of use"u8.ToArray();
    private static readonly byte[] Digest = SHA256.HashData(Message);

    // RFC 8017, 9.2: the DER of DigestInfo for SHA-256, and the hash.
    private static readonly byte[] DigestInfo = [.. Convert.FromHexString("3031300D060960864801650304020105000420"), .. Digest];

    private static readonly (Mechanism Mechanism, RSAEncryptionPadding Padding) Pkcs1 = (new(Ckm.RsaPkcs), RSAEncryptionPadding.Pkcs1);
    private static readonly (Mechanism Mechanism, RSAEncryptionPadding Padding) Oaep =
        (Mechanism.RsaOaep(Ckm.Sha1), RSAEncryptionPadding.OaepSHA1);

    // The other side of agreements, by curve: of this moment, and it guards nothing.
    private readonly Dictionary<string, ECDiffieHellman> _peers = new(StringComparer.Ordinal);

    /// <summary>Every use that the key's flags allow.</summary>
    /// <param name="record">The key in the backup.</param>
    /// <param name="handle">The key on the token.</param>
    /// <param name="halves">Its public halves, as far as they are known; they are disposed.</param>
    /// <param name="open">
    /// Gives its PKCS #8, for a key whose public half is not known or does not fit; null where this process must not see keys.
    /// </param>
    /// <exception cref="CryptographicException">The PKCS #8 is no key.</exception>
    public IReadOnlyList<KeyUse> Of(ObjectRecord record, ulong handle, List<PublicHalf> halves, Func<ObjectRecord, SecretBuffer?>? open)
    {
        PublicHalf? own = null;
        try
        {
            List<KeyUse> uses = [];
            foreach (string use in UseFlags.Of(record))
            {
                KeyUse result = Of(use, record, handle, halves);
                // For what nothing is known here that could be tried, nobody opens the key.
                if (result.Worked != true && use is not (KeyUse.SignRecover or KeyUse.Decapsulate) && own is null && open is not null)
                {
                    using SecretBuffer? value = open(record);
                    own = value is null ? null : PublicHalf.OfPrivateKey(record.KeyType, value.Span);
                }
                KeyUse? second = result.Worked != true && own is not null ? Of(use, record, handle, [own]) : null;
                uses.Add(second is not null && (second.Worked == true || result.Worked is null) ? second : result);
            }
            return uses;
        }
        finally
        {
            own?.Dispose();
            halves.ForEach(h => h.Dispose());
        }
    }

    /// <summary>Whether the private key of a certificate works, and the certificate agrees.</summary>
    public KeyUse OfCertificate(ObjectRecord certificate, List<(ObjectRecord Record, ulong Handle)> keys)
    {
        KeyUse result = new(KeyUse.Certificate, null, "its kind of key is not known here, or is not that of the private key with its id");
        foreach ((ObjectRecord record, ulong handle) in keys)
        {
            using PublicHalf? half = PublicHalf.OfCertificate(record.KeyType, certificate);
            if (half is null)
            {
                continue;
            }
            foreach (string use in UseFlags.Of(record))
            {
                KeyUse tried = Of(use, record, handle, [half]);
                if (tried.Worked == true)
                {
                    return tried with { Use = KeyUse.Certificate, Detail = $"its private key works: {tried.Detail}" };
                }
                result = tried.Worked == false || result.Worked is null ? tried with { Use = KeyUse.Certificate } : result;
            }
        }
        return result;
    }

    private KeyUse Of(string use, ObjectRecord record, ulong handle, List<PublicHalf> halves)
    {
        if (login.IsMissingFor(record))
        {
            return UseAnswer.NotJudged(use, "it asks for the PIN at each use, and there is none for it, or it was refused");
        }
        return (record.KeyType, use) switch
        {
            (Ckk.Rsa, KeyUse.Sign) => ByAny(halves, use, half => SignRsa(record, handle, half.Rsa!)),
            (Ckk.Rsa, KeyUse.Decrypt) => ByAny(halves, use, half => DecryptRsa(record, handle, half.Rsa!)),
            (Ckk.Rsa, KeyUse.Unwrap) => ByAny(halves, use, half => UnwrapRsa(record, handle, half.Rsa!)),
            (Ckk.Ec, KeyUse.Sign) when halves.Count > 0 => ByAny(halves, use, half => SignEc(record, handle, half)),
            (Ckk.Ec, KeyUse.Sign) => SignOnToken(record, handle, new Mechanism(Ckm.Ecdsa), Digest),
            (Ckk.Ec, KeyUse.Derive) => ByAny(halves, use, half => DeriveEc(record, handle, half)),
            (Ckk.EcEdwards, KeyUse.Sign) => SignOnToken(record, handle, new Mechanism(Ckm.Eddsa), Message),
            // As long as a subprime may be at the shortest (FIPS 186-4, 4.2).
            (Ckk.Dsa, KeyUse.Sign) => SignOnToken(record, handle, new Mechanism(Ckm.Dsa), Digest[..20]),
            (Ckk.Dh, KeyUse.Derive) => DeriveDh(record, handle),
            _ => UseAnswer.NotKnown(use, record),
        };
    }

    /// <summary>Where several public keys have the key's id, it is enough that one of them is its own.</summary>
    private static KeyUse ByAny(List<PublicHalf> halves, string use, Func<PublicHalf, KeyUse> judge)
    {
        KeyUse? result = null;
        foreach (PublicHalf half in halves)
        {
            result = judge(half);
            if (result.Worked == true)
            {
                break;
            }
        }
        return result ?? UseAnswer.NotJudged(use, "its public key is not known");
    }

    private KeyUse SignRsa(ObjectRecord record, ulong handle, RSA half)
    {
        ulong rv = Sign(record, new Mechanism(Ckm.Sha256RsaPkcs), handle, Message, out byte[] signature);
        if (UseAnswer.IsNotKnown(rv))
        {
            // The same signature in two steps, for tokens that know SHA-256 and RSA but not the pair (opencryptoki).
            rv = Sign(record, new Mechanism(Ckm.RsaPkcs), handle, DigestInfo, out signature);
        }
        RSASignaturePadding padding = RSASignaturePadding.Pkcs1;
        if (UseAnswer.IsNotKnown(rv) && Sign(record, Mechanism.RsaPssSha256(), handle, Digest, out byte[] second) == Ckr.Ok)
        {
            (rv, signature, padding) = (Ckr.Ok, second, RSASignaturePadding.Pss);
        }
        return UseAnswer.Judge(KeyUse.Sign, "RSA signature", rv, () =>
            half.VerifyHash(Digest, signature, HashAlgorithmName.SHA256, padding));
    }

    private KeyUse DecryptRsa(ObjectRecord record, ulong handle, RSA half)
    {
        ulong rv = Ckr.MechanismInvalid;
        byte[] plain = [];
        string? why = Offer(half, Message, [Pkcs1, Oaep], (mechanism, encrypted) =>
            rv = Decrypt(record, mechanism, handle, encrypted, out plain));
        return why is not null ? UseAnswer.NotJudged(KeyUse.Decrypt, why)
            : UseAnswer.Judge(KeyUse.Decrypt, "RSA decryption", rv, () => plain.AsSpan().SequenceEqual(Message));
    }

    private KeyUse UnwrapRsa(ObjectRecord record, ulong handle, RSA half)
    {
        ulong rv = Ckr.MechanismInvalid, unwrapped = 0;
        byte[] secret = RandomNumberGenerator.GetBytes(32);
        AttributeMap template = UseFlags.Obey(record, Cka.UnwrapTemplate, SessionKeys.Aes());
        string? why = Offer(half, secret, [Oaep, Pkcs1], (mechanism, wrapped) =>
            rv = session.TryUnwrapKey(mechanism, handle, wrapped, template, out unwrapped));
        using var keys = new SessionKeys(session, unwrapped);
        return why is not null ? UseAnswer.NotJudged(KeyUse.Unwrap, why)
            : UseAnswer.Judge(KeyUse.Unwrap, "RSA unwrapping", rv, () =>
                keys.Encrypts(unwrapped, HostCipher.ZeroBlock(Ckm.AesEcb, secret)));
    }

    /// <summary>Offers a key what was encrypted for it, by one mechanism after the other until it knows one.</summary>
    /// <returns>Why there was nothing to offer; null where there was. A short key has no room for the padding of OAEP.</returns>
    private static string? Offer(RSA half, byte[] data, (Mechanism Mechanism, RSAEncryptionPadding Padding)[] ways,
        Func<Mechanism, byte[], ulong> offer)
    {
        string? why = null;
        bool offered = false;
        foreach ((Mechanism mechanism, RSAEncryptionPadding padding) in ways)
        {
            byte[] encrypted;
            try
            {
                encrypted = half.Encrypt(data, padding);
            }
            catch (CryptographicException e)
            {
                why = FormattableString.Invariant($"this process cannot encrypt {data.Length} bytes for a key of {half.KeySize} bits: ")
                    + e.Message;
                continue;
            }
            offered = true;
            if (!UseAnswer.IsNotKnown(offer(mechanism, encrypted)))
            {
                break;
            }
        }
        return offered ? null : why;
    }

    private KeyUse SignEc(ObjectRecord record, ulong handle, PublicHalf half)
    {
        ulong rv = Sign(record, new Mechanism(Ckm.Ecdsa), handle, Digest, out byte[] signature);
        return UseAnswer.Judge(KeyUse.Sign, "ECDSA signature", rv, () => half.VerifiesEcdsa(Digest, signature));
    }

    private KeyUse DeriveEc(ObjectRecord record, ulong handle, PublicHalf half)
    {
        ECDiffieHellman peer = PeerOn(half.Ec!.Value.Curve);
        ECPoint q = peer.ExportParameters(false).Q;
        byte[] point = [4, .. q.X!, .. q.Y!];
        using SecretBuffer expected = SecretBuffer.CopyOf(peer.DeriveRawSecretAgreement(half.Agreement!));
        return Derive("ECDH derivation", record, expected, (AttributeMap template, out ulong derived) =>
            session.TryDeriveEcdh(handle, point, template, out derived));
    }

    private ECDiffieHellman PeerOn(ECCurve curve)
    {
        string name = curve.Oid.Value ?? curve.Oid.FriendlyName ?? "";
        return _peers.TryGetValue(name, out ECDiffieHellman? known) ? known : _peers[name] = ECDiffieHellman.Create(curve);
    }

    private KeyUse DeriveDh(ObjectRecord record, ulong handle)
    {
        AttributeMap group = record.Attributes;
        byte[]? own = relatives.PublicKeysOf(record).Select(p => p.Record.Attributes.Bytes(Cka.Value))
            .FirstOrDefault(v => v is { Length: > 0 });
        if (own is null || group.Bytes(Cka.Prime) is not { Length: > 0 } prime || group.Bytes(Cka.Base) is not { Length: > 0 } generator)
        {
            return UseAnswer.NotJudged(KeyUse.Derive, "its public key is not known");
        }
        // The other side of the agreement is of this moment, and guards nothing.
        BigInteger p = Number(prime), x = Number(RandomNumberGenerator.GetBytes(32));
        byte[] peer = Padded(BigInteger.ModPow(Number(generator), x, p), prime.Length);
        using SecretBuffer expected = SecretBuffer.CopyOf(Padded(BigInteger.ModPow(Number(own), x, p), prime.Length));
        return Derive("DH derivation", record, expected,
            (AttributeMap template, out ulong derived) =>
                session.TryDeriveKey(new Mechanism(Ckm.DhPkcsDerive, peer), handle, template, out derived));
    }

    /// <summary>
    /// Derives a key that may be looked at; where the token gives none away, one that makes a MAC with what it was derived to.
    /// </summary>
    private KeyUse Derive(string what, ObjectRecord record, SecretBuffer expected, Derivation derive)
    {
        AttributeMap template = new AttributeMap().Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.GenericSecret)
            .Set(Cka.Token, false).Set(Cka.Sensitive, false).Set(Cka.Extractable, true).Set(Cka.ValueLen, (ulong)expected.Length);
        ulong rv = derive(UseFlags.Obey(record, Cka.DeriveTemplate, template), out ulong derived);
        using var keys = new SessionKeys(session, derived);
        if (rv == Ckr.Ok && session.ReadAttributes(derived, [Cka.Value]).Attributes.Bytes(Cka.Value) is { Length: > 0 } actual)
        {
            return UseAnswer.Judge(KeyUse.Derive, what, rv, () => CryptographicOperations.FixedTimeEquals(actual, expected.Span));
        }
        template.Set(Cka.Sensitive, true).Set(Cka.Extractable, false).Set(Cka.Private, true).Set(Cka.Sign, true);
        rv = derive(UseFlags.Obey(record, Cka.DeriveTemplate, template), out derived);
        keys.Add(derived);
        byte[] mac = [];
        rv = rv == Ckr.Ok ? session.TrySign(new Mechanism(Ckm.Sha256Hmac), derived, Message, out mac) : rv;
        return UseAnswer.Judge(KeyUse.Derive, what, rv, () =>
            CryptographicOperations.FixedTimeEquals(mac, HMACSHA256.HashData(expected.Span, Message)));
    }

    /// <summary>For kinds of key that this process cannot verify with: the token does it.</summary>
    private KeyUse SignOnToken(ObjectRecord record, ulong handle, Mechanism mechanism, byte[] data)
    {
        ulong rv = Sign(record, mechanism, handle, data, out byte[] signature);
        ulong[] publicKeys = [.. relatives.PublicKeysOf(record).Select(p => p.Handle).Where(h => h != 0)];
        return rv == Ckr.Ok && publicKeys.Length == 0
            ? UseAnswer.NotJudged(KeyUse.Sign, "it made a signature, but no public key with its id is there to verify it")
            : UseAnswer.Judge(KeyUse.Sign, "signature, verified on the token,", rv,
                () => publicKeys.Any(key => session.TryVerify(mechanism, key, data, signature) == Ckr.Ok));
    }

    private ulong Sign(ObjectRecord record, Mechanism mechanism, ulong handle, byte[] data, out byte[] signature)
    {
        ulong rv = session.TrySign(mechanism, handle, data, out signature, login.For(record));
        login.Note(rv);
        return rv;
    }

    private ulong Decrypt(ObjectRecord record, Mechanism mechanism, ulong handle, byte[] data, out byte[] plain)
    {
        ulong rv = session.TryDecrypt(mechanism, handle, data, out plain, login.For(record));
        login.Note(rv);
        return rv;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ECDiffieHellman peer in _peers.Values)
        {
            peer.Dispose();
        }
    }

    private static BigInteger Number(byte[] value) => new(value, isUnsigned: true, isBigEndian: true);

    /// <summary>CKM_DH_PKCS_DERIVE takes and gives numbers of the prime's length.</summary>
    private static byte[] Padded(BigInteger number, int length)
    {
        byte[] bytes = number.ToByteArray(isUnsigned: true, isBigEndian: true);
        return [.. new byte[length - bytes.Length], .. bytes];
    }

    private delegate ulong Derivation(AttributeMap template, out ulong derived);
}
