using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>
/// Uses secret keys: judged by this process's own cryptography where it can open the key, and else by what the key does in the other
/// direction on the token.
/// </summary>
internal sealed class SecretKeyUses(Pkcs11Session session)
{
    private static readonly byte[] Message = "HsmBackup proof of use"u8.ToArray();

    private static readonly (ulong KeyType, ulong Mechanism, HashAlgorithmName Hash)[] Macs =
    [
        (Ckk.Sha256Hmac, Ckm.Sha256Hmac, HashAlgorithmName.SHA256),
        (Ckk.Sha384Hmac, Ckm.Sha384Hmac, HashAlgorithmName.SHA384),
        (Ckk.Sha512Hmac, Ckm.Sha512Hmac, HashAlgorithmName.SHA512),
        (Ckk.Sha1Hmac, Ckm.Sha1Hmac, HashAlgorithmName.SHA1),
        (Ckk.Md5Hmac, Ckm.Md5Hmac, HashAlgorithmName.MD5),
    ];

    private readonly WrappingUses _wrapping = new(session);

    /// <summary>Every use that the key's flags allow.</summary>
    /// <param name="record">The key in the backup.</param>
    /// <param name="handle">The key on the token.</param>
    /// <param name="value">Its value; null where this process cannot open it.</param>
    public IReadOnlyList<KeyUse> Of(ObjectRecord record, ulong handle, SecretBuffer? value)
    {
        if (value is null)
        {
            return Of(record, handle, (byte[]?)null);
        }
        byte[] secret = GC.AllocateUninitializedArray<byte>(value.Length, pinned: true);
        value.Span.CopyTo(secret);
        try
        {
            return Of(record, handle, secret);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    private List<KeyUse> Of(ObjectRecord record, ulong handle, byte[]? secret)
    {
        BlockCipher? cipher = BlockCipher.Of(record.KeyType);
        List<KeyUse> uses = [];
        foreach (string use in UseFlags.Of(record).Where(u => !uses.Exists(done => done.Use == u)))
        {
            switch (use)
            {
                case KeyUse.Encrypt or KeyUse.Decrypt when cipher is not null:
                    uses.AddRange(secret is not null ? CompareCipher(record, handle, cipher, secret) : TurnCipher(record, handle, cipher));
                    break;
                case KeyUse.Mac when cipher is { Cmac: { } cmac }:
                    uses.Add(UseCmac(record, handle, cmac));
                    break;
                case KeyUse.Mac when MacsOf(record).Any():
                    uses.Add(UseHmac(record, handle, secret));
                    break;
                case KeyUse.Derive when cipher is { Derivation: { } derivation }:
                    uses.Add(UseForDerivation(record, handle, cipher, derivation, secret));
                    break;
                case KeyUse.Wrap or KeyUse.Unwrap when record.KeyType == Ckk.Aes:
                    uses.AddRange(secret is not null ? _wrapping.Compare(record, handle, secret) : _wrapping.Turn(record, handle));
                    break;
                default:
                    uses.Add(UseAnswer.NotKnown(use, record));
                    break;
            }
        }
        return uses;
    }

    /// <summary>What the key makes of a block of zeros, and of that block again, beside what this process makes of it.</summary>
    private IEnumerable<KeyUse> CompareCipher(ObjectRecord record, ulong handle, BlockCipher cipher, byte[] secret)
    {
        var zeros = new byte[cipher.BlockLength];
        byte[] expected = HostCipher.ZeroBlock(cipher.Ecb, secret);
        if (UseFlags.Allows(record, Cka.Encrypt))
        {
            ulong rv = Encrypt(cipher, handle, zeros, out byte[] block);
            yield return UseAnswer.Judge(KeyUse.Encrypt, "encryption of a zero block", rv, () => block.AsSpan().SequenceEqual(expected));
        }
        if (UseFlags.Allows(record, Cka.Decrypt))
        {
            ulong rv = Decrypt(cipher, handle, expected, out byte[] plain);
            yield return UseAnswer.Judge(KeyUse.Decrypt, "decryption of a block", rv, () => plain.AsSpan().SequenceEqual(zeros));
        }
    }

    /// <summary>
    /// There and back: what the key encrypted, it must decrypt. One that goes one way only is judged by its check value, if it has one.
    /// </summary>
    private IEnumerable<KeyUse> TurnCipher(ObjectRecord record, ulong handle, BlockCipher cipher)
    {
        if (!UseFlags.Allows(record, Cka.Encrypt))
        {
            yield return UseAnswer.NotJudged(KeyUse.Decrypt,
                "it may not encrypt, and this process cannot open it: there is nothing for it to decrypt");
            yield break;
        }
        if (!UseFlags.Allows(record, Cka.Decrypt))
        {
            yield return JudgeByCheckValue(record, handle, cipher);
            yield break;
        }
        byte[] block = RandomNumberGenerator.GetBytes(cipher.BlockLength);
        ulong rv = Encrypt(cipher, handle, block, out byte[] encrypted);
        if (rv != Ckr.Ok)
        {
            yield return UseAnswer.Judge(KeyUse.Encrypt, "encryption of a block", rv, () => false);
            yield return UseAnswer.NotJudged(KeyUse.Decrypt,
                "it encrypts nothing, and this process cannot open it: there is nothing for it to decrypt");
            yield break;
        }
        ulong back = Decrypt(cipher, handle, encrypted, out byte[] plain);
        bool isRight = plain.AsSpan().SequenceEqual(block) && encrypted.Length == block.Length && !encrypted.AsSpan().SequenceEqual(block);
        yield return back == Ckr.Ok ? UseAnswer.Judge(KeyUse.Encrypt, "encryption of a block, turned back on the token,", rv, () => isRight)
            : UseAnswer.NotJudged(KeyUse.Encrypt, "what it encrypts, it does not decrypt: it cannot be said whether that is right");
        yield return UseAnswer.Judge(KeyUse.Decrypt, "decryption of a block that it encrypted", back, () => isRight);
    }

    /// <summary>CKA_CHECK_VALUE of a block cipher's key begins a block of zeros that it encrypts (PKCS#11 3.1, 4.10.2).</summary>
    private KeyUse JudgeByCheckValue(ObjectRecord record, ulong handle, BlockCipher cipher)
    {
        if (record.Attributes.Bytes(Cka.CheckValue) is not { Length: 3 } checkValue)
        {
            return UseAnswer.NotJudged(KeyUse.Encrypt,
                "it may not decrypt, has no check value, and this process cannot open it: nothing can say whether what it makes is right");
        }
        ulong rv = Encrypt(cipher, handle, new byte[cipher.BlockLength], out byte[] block);
        return UseAnswer.Judge(KeyUse.Encrypt, "encryption of a zero block, by its check value,", rv,
            () => block.AsSpan().StartsWith(checkValue));
    }

    /// <summary>A MAC does not tell a key from the same key with zero bytes after it (RFC 2104); length is proven elsewhere.</summary>
    private KeyUse UseHmac(ObjectRecord record, ulong handle, byte[]? secret)
    {
        foreach ((_, ulong mechanism, HashAlgorithmName hash) in MacsOf(record))
        {
            byte[]? expected = secret is null ? null : CryptographicOperations.HmacData(hash, secret, Message);
            (ulong rv, KeyUse result) = UseMac(record, handle, mechanism, $"HMAC-{hash.Name}", expected);
            // Many tokens want a key as long as the hash.
            if (rv is not (Ckr.KeySizeRange or Ckr.MechanismInvalid))
            {
                return result;
            }
        }
        return UseAnswer.NotJudged(KeyUse.Mac, "the token makes no HMAC with so short a key");
    }

    private KeyUse UseCmac(ObjectRecord record, ulong handle, ulong mechanism) => UseMac(record, handle, mechanism, "CMAC", null).Result;

    /// <param name="record">The key in the backup.</param>
    /// <param name="handle">The key on the token.</param>
    /// <param name="mechanism">The mechanism.</param>
    /// <param name="what">Its name.</param>
    /// <param name="expected">The MAC; null where this process cannot make it.</param>
    private (ulong ReturnValue, KeyUse Result) UseMac(ObjectRecord record, ulong handle, ulong mechanism, string what, byte[]? expected)
    {
        bool signs = UseFlags.Allows(record, Cka.Sign), verifies = UseFlags.Allows(record, Cka.Verify);
        if (expected is null && signs != verifies)
        {
            string way = signs ? "make" : "verify";
            return (Ckr.Ok,
                UseAnswer.NotJudged(KeyUse.Mac, $"it may only {way} MACs, and this process cannot: there is nothing to compare with"));
        }
        byte[] mac = expected ?? [];
        if (signs)
        {
            ulong rv = session.TrySign(new Mechanism(mechanism), handle, Message, out mac);
            KeyUse made = UseAnswer.Judge(KeyUse.Mac, what, rv,
                () => expected is null || CryptographicOperations.FixedTimeEquals(mac, expected));
            if (made.Worked != true || !verifies)
            {
                return (rv, made);
            }
        }
        ulong verified = session.TryVerify(new Mechanism(mechanism), handle, Message, mac);
        return (verified, UseAnswer.Judge(KeyUse.Mac, $"{what}{(signs ? ", made and verified," : ", verified,")}", verified, () => true));
    }

    /// <summary>Derives by encryption (PKCS#11 3.1, 6.27): a secret of one block.</summary>
    private KeyUse UseForDerivation(ObjectRecord record, ulong handle, BlockCipher cipher, ulong derivation, byte[]? secret)
    {
        var zeros = new byte[cipher.BlockLength];
        byte[] expected = [];
        if (secret is not null)
        {
            expected = HostCipher.ZeroBlock(cipher.Ecb, secret);
        }
        else if (!UseFlags.Allows(record, Cka.Encrypt) || Encrypt(cipher, handle, zeros, out expected) != Ckr.Ok)
        {
            return UseAnswer.NotJudged(KeyUse.Derive,
                "it does not encrypt, and this process cannot open it: there is nothing to compare with");
        }
        AttributeMap template = UseFlags.Obey(record, Cka.DeriveTemplate, new AttributeMap().Set(Cka.Class, Cko.SecretKey)
            .Set(Cka.KeyType, Ckk.GenericSecret)
            .Set(Cka.Token, false).Set(Cka.Sensitive, false).Set(Cka.Extractable, true).Set(Cka.ValueLen, (ulong)expected.Length));
        ulong rv = session.TryDeriveByEncryption(derivation, handle, zeros, template, out ulong derived);
        using var keys = new SessionKeys(session, derived);
        byte[]? actual = rv == Ckr.Ok ? session.ReadAttributes(derived, [Cka.Value]).Attributes.Bytes(Cka.Value) : null;
        return rv == Ckr.Ok && actual is not { Length: > 0 }
            ? UseAnswer.NotJudged(KeyUse.Derive, "it derived a key that the token does not let be looked at")
            : UseAnswer.Judge(KeyUse.Derive, "derivation by encryption", rv, () =>
                CryptographicOperations.FixedTimeEquals(actual, expected));
    }

    /// <summary>One block by itself; by CBC, which with an initial value of zeros is the same, where the key is not for ECB.</summary>
    private ulong Encrypt(BlockCipher cipher, ulong handle, byte[] block, out byte[] encrypted)
    {
        ulong rv = session.TryEncrypt(new Mechanism(cipher.Ecb), handle, block, out encrypted);
        return UseAnswer.IsNotKnown(rv)
            ? session.TryEncrypt(new Mechanism(cipher.Cbc, new byte[cipher.BlockLength]), handle, block, out encrypted) : rv;
    }

    private ulong Decrypt(BlockCipher cipher, ulong handle, byte[] block, out byte[] plain)
    {
        ulong rv = session.TryDecrypt(new Mechanism(cipher.Ecb), handle, block, out plain);
        return UseAnswer.IsNotKnown(rv)
            ? session.TryDecrypt(new Mechanism(cipher.Cbc, new byte[cipher.BlockLength]), handle, block, out plain) : rv;
    }

    private static IEnumerable<(ulong KeyType, ulong Mechanism, HashAlgorithmName Hash)> MacsOf(ObjectRecord record) =>
        Macs.Where(m => record.KeyType == m.KeyType || record.KeyType == Ckk.GenericSecret);

    /// <summary>A kind of key and its mechanisms.</summary>
    private sealed record BlockCipher(int BlockLength, ulong Ecb, ulong Cbc, ulong? Cmac, ulong? Derivation)
    {
        public static BlockCipher? Of(ulong? keyType) => keyType switch
        {
            Ckk.Aes => new BlockCipher(16, Ckm.AesEcb, Ckm.AesCbc, Ckm.AesCmac, Ckm.AesEcbEncryptData),
            Ckk.Des => new BlockCipher(8, Ckm.DesEcb, Ckm.DesCbc, null, Ckm.DesEcbEncryptData),
            Ckk.Des2 or Ckk.Des3 => new BlockCipher(8, Ckm.Des3Ecb, Ckm.Des3Cbc, Ckm.Des3Cmac, Ckm.Des3EcbEncryptData),
            _ => null,
        };
    }
}
