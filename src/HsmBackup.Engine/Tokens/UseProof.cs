using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>How using a key ended.</summary>
/// <param name="Used">True: it did its work and the result was right. False: it did not. Null: it could not be tried.</param>
/// <param name="Detail">What was done, or why not.</param>
public readonly record struct UseOutcome(bool? Used, string Detail);

/// <summary>
/// Uses a key on a token for what its flags allow, and checks the result with the host's own cryptography on the key that the
/// backup holds: two implementations that must agree.
/// </summary>
internal sealed class UseProof
{
    private static readonly byte[] Message = "HsmBackup proof of use"u8.ToArray();

    // RFC 8017, 9.2: the DER of DigestInfo for SHA-256, and the hash.
    private static readonly byte[] DigestInfo = [.. Convert.FromHexString("3031300D060960864801650304020105000420"), .. SHA256.HashData(Message)];

    private static readonly (ulong KeyType, ulong Mechanism, HashAlgorithmName Hash)[] Macs =
    [
        (Ckk.Sha256Hmac, Ckm.Sha256Hmac, HashAlgorithmName.SHA256),
        (Ckk.Sha384Hmac, Ckm.Sha384Hmac, HashAlgorithmName.SHA384),
        (Ckk.Sha512Hmac, Ckm.Sha512Hmac, HashAlgorithmName.SHA512),
        (Ckk.Sha1Hmac, Ckm.Sha1Hmac, HashAlgorithmName.SHA1),
        (Ckk.Md5Hmac, Ckm.Md5Hmac, HashAlgorithmName.MD5),
    ];

    private readonly Pkcs11Session _session;
    private Pin? _pin;

    public UseProof(TokenConnection connection, Pin? pin)
    {
        _session = connection.Session;
        _pin = pin;
    }

    /// <summary>Uses one key.</summary>
    /// <param name="handle">The key on the token.</param>
    /// <param name="record">The key in the backup.</param>
    /// <param name="value">Its value or PKCS #8, opened on the host; null where it cannot be.</param>
    /// <param name="publicHandle">The public key of the pair on the token; 0 where it is not there.</param>
    public UseOutcome Use(ulong handle, ObjectRecord record, SecretBuffer? value, ulong publicHandle)
    {
        try
        {
            return record.ObjectClass == Cko.PrivateKey
                ? UsePrivate(handle, record, value, publicHandle)
                : UseSecret(handle, record, value);
        }
        catch (CryptographicException e)
        {
            return new UseOutcome(false, $"the key in the backup is not a valid key: {e.Message}");
        }
    }

    private UseOutcome UsePrivate(ulong handle, ObjectRecord record, SecretBuffer? value, ulong publicHandle) => record.KeyType switch
    {
        Ckk.Rsa => UseRsa(handle, record, value),
        Ckk.Ec => UseEc(handle, record, value),
        Ckk.EcEdwards when Allows(record, Cka.Sign) => SignAndVerifyOnToken(handle, record, publicHandle, new Mechanism(Ckm.Eddsa), Message),
        Ckk.Dsa when Allows(record, Cka.Sign) => SignAndVerifyOnToken(handle, record, publicHandle, new Mechanism(Ckm.Dsa), DsaDigest()),
        _ => NotTried(record),
    };

    private UseOutcome UseRsa(ulong handle, ObjectRecord record, SecretBuffer? value)
    {
        using RSA? rsa = HostRsa(record, value);
        if (rsa is null)
        {
            return new UseOutcome(null, "its public key is not known");
        }
        if (Allows(record, Cka.Sign))
        {
            ulong rv = _session.TrySign(new Mechanism(Ckm.Sha256RsaPkcs), handle, Message, out byte[] signature, PinFor(record));
            // The same signature in two steps, for tokens that know SHA-256 and RSA but not the pair (opencryptoki).
            rv = rv == Ckr.MechanismInvalid ? _session.TrySign(new Mechanism(Ckm.RsaPkcs), handle, DigestInfo, out signature, PinFor(record)) : rv;
            return Answer("RSA signature", rv, () => rsa.VerifyData(Message, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
        }
        if (Allows(record, Cka.Decrypt))
        {
            byte[] encrypted = rsa.Encrypt(Message, RSAEncryptionPadding.Pkcs1);
            ulong rv = _session.TryDecrypt(new Mechanism(Ckm.RsaPkcs), handle, encrypted, out byte[] plain, PinFor(record));
            return Answer("RSA decryption", rv, () => plain.AsSpan().SequenceEqual(Message));
        }
        if (Allows(record, Cka.Unwrap))
        {
            byte[] secret = RandomNumberGenerator.GetBytes(32);
            byte[] wrapped = rsa.Encrypt(secret, RSAEncryptionPadding.OaepSHA1);
            AttributeMap template = new AttributeMap().Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.Aes)
                .Set(Cka.Token, false).Set(Cka.Private, true).Set(Cka.Sensitive, true).Set(Cka.Encrypt, true);
            ulong rv = _session.TryUnwrapKey(Mechanism.RsaOaep(Ckm.Sha1), handle, wrapped, template, out ulong unwrapped);
            byte[] block = [];
            rv = rv == Ckr.Ok ? _session.TryEncrypt(new Mechanism(Ckm.AesEcb), unwrapped, new byte[16], out block) : rv;
            _ = unwrapped != 0 ? _session.TryDestroyObject(unwrapped) : Ckr.Ok;
            return Answer("RSA unwrapping", rv, () => block.AsSpan().SequenceEqual(HostAes(secret)));
        }
        return NotTried(record);
    }

    private UseOutcome UseEc(ulong handle, ObjectRecord record, SecretBuffer? value)
    {
        if (value is null)
        {
            return new UseOutcome(null, "its public key is not known");
        }
        if (Allows(record, Cka.Sign))
        {
            using var ecdsa = ECDsa.Create();
            ecdsa.ImportPkcs8PrivateKey(value.Span, out _);
            byte[] digest = SHA256.HashData(Message);
            ulong rv = _session.TrySign(new Mechanism(Ckm.Ecdsa), handle, digest, out byte[] signature, PinFor(record));
            return Answer("ECDSA signature", rv, () => ecdsa.VerifyHash(digest, signature));
        }
        if (Allows(record, Cka.Derive))
        {
            using var own = ECDiffieHellman.Create();
            own.ImportPkcs8PrivateKey(value.Span, out _);
            using var peer = ECDiffieHellman.Create(own.ExportParameters(false).Curve);
            byte[] expected = own.DeriveRawSecretAgreement(peer.PublicKey);
            AttributeMap template = new AttributeMap().Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.GenericSecret)
                .Set(Cka.Token, false).Set(Cka.Sensitive, false).Set(Cka.Extractable, true).Set(Cka.ValueLen, (ulong)expected.Length);
            ulong rv = _session.TryDeriveEcdh(handle, UncompressedPoint(peer), template, out ulong derived);
            byte[] actual = rv == Ckr.Ok ? _session.ReadAttributes(derived, [Cka.Value]).Attributes.Bytes(Cka.Value) ?? [] : [];
            _ = derived != 0 ? _session.TryDestroyObject(derived) : Ckr.Ok;
            return Answer("ECDH derivation", rv, () => CryptographicOperations.FixedTimeEquals(actual, expected));
        }
        return NotTried(record);
    }

    private UseOutcome SignAndVerifyOnToken(ulong handle, ObjectRecord record, ulong publicHandle, Mechanism mechanism, byte[] data)
    {
        ulong rv = _session.TrySign(mechanism, handle, data, out byte[] signature, PinFor(record));
        if (rv != Ckr.Ok)
        {
            return new UseOutcome(false, $"signature: {Names.OfReturnValue(rv)}");
        }
        if (publicHandle == 0)
        {
            return new UseOutcome(null, "it made a signature, but no public key with its id is there to verify it");
        }
        rv = _session.TryVerify(mechanism, publicHandle, data, signature);
        return new UseOutcome(rv == Ckr.Ok, rv == Ckr.Ok ? "signature verified with the public key on the token" : $"verification: {Names.OfReturnValue(rv)}");
    }

    private UseOutcome UseSecret(ulong handle, ObjectRecord record, SecretBuffer? value)
    {
        if (value is null)
        {
            return new UseOutcome(null, "its value cannot be opened on the host to compare with");
        }
        byte[] secret = GC.AllocateUninitializedArray<byte>(value.Length, pinned: true);
        value.Span.CopyTo(secret);
        try
        {
            return UseSecret(handle, record, secret);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    private UseOutcome UseSecret(ulong handle, ObjectRecord record, byte[] secret)
    {
        if (BlockCipherOf(record.KeyType) is var (ecb, blockLength))
        {
            if (Allows(record, Cka.Encrypt))
            {
                ulong rv = _session.TryEncrypt(new Mechanism(ecb), handle, new byte[blockLength], out byte[] block);
                return Answer("encryption of a zero block", rv, () => block.AsSpan().SequenceEqual(HostBlock(ecb, secret)));
            }
            if (Allows(record, Cka.Decrypt))
            {
                ulong rv = _session.TryDecrypt(new Mechanism(ecb), handle, HostBlock(ecb, secret), out byte[] plain);
                return Answer("decryption of a block", rv, () => plain.Length == blockLength && !plain.AsSpan().ContainsAnyExcept((byte)0));
            }
            return record.KeyType == Ckk.Aes && Allows(record, Cka.Wrap) ? UseForWrapping(handle, secret) : NotTried(record);
        }
        return Allows(record, Cka.Sign) ? UseForMac(handle, record, secret) : NotTried(record);
    }

    /// <summary>A MAC does not tell a key from the same key with zero bytes after it (RFC 2104); length is proven elsewhere.</summary>
    private UseOutcome UseForMac(ulong handle, ObjectRecord record, byte[] secret)
    {
        foreach ((ulong keyType, ulong mechanism, HashAlgorithmName hash) in Macs.Where(m => record.KeyType == m.KeyType || record.KeyType == Ckk.GenericSecret))
        {
            ulong rv = _session.TrySign(new Mechanism(mechanism), handle, Message, out byte[] mac);
            // Many tokens want a key as long as the hash.
            if (rv is not (Ckr.KeySizeRange or Ckr.MechanismInvalid))
            {
                return Answer($"HMAC-{hash.Name}", rv, () =>
                    CryptographicOperations.FixedTimeEquals(mac, CryptographicOperations.HmacData(hash, secret, Message)));
            }
        }
        return Array.Exists(Macs, m => record.KeyType == m.KeyType || record.KeyType == Ckk.GenericSecret)
            ? new UseOutcome(null, "the token makes no HMAC with so short a key")
            : NotTried(record);
    }

    private UseOutcome UseForWrapping(ulong handle, byte[] secret)
    {
        byte[] known = RandomNumberGenerator.GetBytes(32);
        AttributeMap template = new AttributeMap().Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.Aes).Set(Cka.Token, false)
            .Set(Cka.Private, true).Set(Cka.Sensitive, true).Set(Cka.Extractable, true).Set(Cka.Value, known);
        ulong rv = _session.TryCreateObject(template, out ulong subject);
        if (rv != Ckr.Ok)
        {
            return new UseOutcome(null, $"no key could be made for it to wrap: {Names.OfReturnValue(rv)}");
        }
        rv = _session.TryWrapKey(new Mechanism(Ckm.AesKeyWrap), handle, subject, out ReadOnlySpan<byte> wrapped);
        byte[] blob = wrapped.ToArray();
        _session.TryDestroyObject(subject);
        var expected = new byte[KeyWrap.WrappedLength3394(known.Length)];
        KeyWrap.Wrap3394(secret, known, expected);
        return Answer("AES key wrap", rv, () => blob.AsSpan().SequenceEqual(expected));
    }

    private UseOutcome Answer(string what, ulong rv, Func<bool> isRight)
    {
        if (rv is Ckr.PinIncorrect or Ckr.PinLocked)
        {
            // Sent once: the next key that wants it is not tried with it again.
            _pin = null;
        }
        if (rv is Ckr.MechanismInvalid or Ckr.KeyTypeInconsistent or Ckr.FunctionNotSupported)
        {
            // The key may be right; this token, or the key's CKA_ALLOWED_MECHANISMS, has no such use for it.
            return new UseOutcome(null, $"{what}: {Names.OfReturnValue(rv)}");
        }
        if (rv != Ckr.Ok)
        {
            return new UseOutcome(false, $"{what}: {Names.OfReturnValue(rv)}");
        }
        return isRight() ? new UseOutcome(true, $"{what} is right") : new UseOutcome(false, $"{what} is wrong: it is another key");
    }

    private static UseOutcome NotTried(ObjectRecord record) =>
        new(null, $"its flags allow no use that is known here for {(record.KeyType is { } type ? Names.OfKeyType(type) : "it")}");

    private static bool Allows(ObjectRecord record, ulong flag) => record.Attributes.Boolean(flag) == true;

    private ReadOnlySpan<byte> PinFor(ObjectRecord record) =>
        record.Attributes.Boolean(Cka.AlwaysAuthenticate) == true && _pin is not null ? _pin.Bytes : default;

    private static RSA? HostRsa(ObjectRecord record, SecretBuffer? value)
    {
        if (value is not null)
        {
            var rsa = RSA.Create();
            rsa.ImportPkcs8PrivateKey(value.Span, out _);
            return rsa;
        }
        return record.Attributes.Bytes(Cka.Modulus) is { Length: > 0 } modulus && record.Attributes.Bytes(Cka.PublicExponent) is { Length: > 0 } exponent
            ? RSA.Create(new RSAParameters { Modulus = modulus, Exponent = exponent })
            : null;
    }

    private static (ulong Ecb, int BlockLength)? BlockCipherOf(ulong? keyType) => keyType switch
    {
        Ckk.Aes => (Ckm.AesEcb, 16),
        Ckk.Des => (Ckm.DesEcb, 8),
        Ckk.Des2 or Ckk.Des3 => (Ckm.Des3Ecb, 8),
        _ => null,
    };

    private static byte[] HostAes(byte[] key) => HostBlock(Ckm.AesEcb, key);

#pragma warning disable CA5350, CA5351 // These keys exist on tokens and must be proven for what they are; nothing is protected with them here.
    private static byte[] HostBlock(ulong ecb, byte[] key)
    {
        using SymmetricAlgorithm cipher = ecb switch
        {
            Ckm.AesEcb => Aes.Create(),
            Ckm.DesEcb => DES.Create(),
            _ => TripleDES.Create(),
        };
        cipher.SetKey(ecb == Ckm.Des3Ecb && key.Length == 16 ? [.. key, .. key.AsSpan(0, 8)] : key);
        return cipher.EncryptEcb(new byte[cipher.BlockSize / 8], PaddingMode.None);
    }

    private static byte[] DsaDigest() => SHA1.HashData(Message);
#pragma warning restore CA5350, CA5351

    private static byte[] UncompressedPoint(ECDiffieHellman key)
    {
        ECPoint q = key.ExportParameters(false).Q;
        return [4, .. q.X!, .. q.Y!];
    }
}
