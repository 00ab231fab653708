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
            var mechanism = new Mechanism(Ckm.Sha256RsaPkcs);
            ulong rv = _session.TrySign(mechanism, handle, Message, out byte[] signature, PinFor(record));
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
        bool aes = record.KeyType == Ckk.Aes;
        bool des = record.KeyType is Ckk.Des3 or Ckk.Des2;
        if ((aes || des) && Allows(record, Cka.Encrypt))
        {
            ulong rv = _session.TryEncrypt(new Mechanism(aes ? Ckm.AesEcb : Ckm.Des3Ecb), handle, new byte[aes ? 16 : 8], out byte[] block);
            return Answer("encryption of a zero block", rv, () => block.AsSpan().SequenceEqual(aes ? HostAes(secret) : HostDes3(secret)));
        }
        if ((aes || des) && Allows(record, Cka.Decrypt))
        {
            byte[] block = aes ? HostAes(secret) : HostDes3(secret);
            ulong rv = _session.TryDecrypt(new Mechanism(aes ? Ckm.AesEcb : Ckm.Des3Ecb), handle, block, out byte[] plain);
            return Answer("decryption of a block", rv, () => !plain.AsSpan().ContainsAnyExcept((byte)0));
        }
        if (aes && Allows(record, Cka.Wrap))
        {
            return UseForWrapping(handle, secret);
        }
        if (!aes && !des && Allows(record, Cka.Sign))
        {
            // A MAC does not tell a key from the same key with zero bytes after it (RFC 2104); length is proven elsewhere.
            ulong rv = _session.TrySign(new Mechanism(Ckm.Sha256Hmac), handle, Message, out byte[] mac);
            return rv is Ckr.KeySizeRange
                ? new UseOutcome(null, "the token makes no HMAC with so short a key")
                : Answer("HMAC-SHA256", rv, () => CryptographicOperations.FixedTimeEquals(mac, HMACSHA256.HashData(secret, Message)));
        }
        return NotTried(record);
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

    private static byte[] HostAes(byte[] key)
    {
        using Aes aes = Aes.Create();
        aes.SetKey(key);
        return aes.EncryptEcb(new byte[16], PaddingMode.None);
    }

#pragma warning disable CA5350 // These keys exist on tokens and must be proven for what they are; nothing is protected with them here.
    private static byte[] HostDes3(byte[] key)
    {
        using TripleDES des = TripleDES.Create();
        des.SetKey(key);
        return des.EncryptEcb(new byte[8], PaddingMode.None);
    }

    private static byte[] DsaDigest() => SHA1.HashData(Message);
#pragma warning restore CA5350

    private static byte[] UncompressedPoint(ECDiffieHellman key)
    {
        ECPoint q = key.ExportParameters(false).Q;
        return [4, .. q.X!, .. q.Y!];
    }
}
