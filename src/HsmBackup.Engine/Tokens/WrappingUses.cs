using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tokens;

/// <summary>Uses AES keys to wrap and unwrap keys of the moment.</summary>
internal sealed class WrappingUses(Pkcs11Session session)
{
    private const int KeyLength = 32;

    private static readonly ulong[] Mechanisms = [Ckm.AesKeyWrap, Ckm.AesKeyWrapKwp, Ckm.AesKeyWrapPad, Ckm.AesCbcPad];

    private readonly byte[] _iv = RandomNumberGenerator.GetBytes(16);

    /// <summary>Judged by this process, which knows the key.</summary>
    public IEnumerable<KeyUse> Compare(ObjectRecord record, ulong handle, byte[] secret)
    {
        // It guards nothing: it is made to be wrapped, and gone after that.
        byte[] known = RandomNumberGenerator.GetBytes(KeyLength);
        if (UseFlags.Allows(record, Cka.Wrap))
        {
            AttributeMap template = UseFlags.Obey(record, Cka.WrapTemplate, SessionKeys.Aes()).Set(Cka.Value, known);
            ulong rv = session.TryCreateObject(template, out ulong subject);
            using var keys = new SessionKeys(session, subject);
            yield return rv == Ckr.Ok ? CompareWrapped(handle, subject, secret, known)
                : UseAnswer.NotJudged(KeyUse.Wrap, $"no key could be made for it to wrap: {Names.OfReturnValue(rv)}");
        }
        if (UseFlags.Allows(record, Cka.Unwrap))
        {
            yield return CompareUnwrapped(record, handle, secret, known);
        }
    }

    /// <summary>There and back on the token: what comes out must be the key that went in.</summary>
    public IEnumerable<KeyUse> Turn(ObjectRecord record, ulong handle)
    {
        bool wraps = UseFlags.Allows(record, Cka.Wrap), unwraps = UseFlags.Allows(record, Cka.Unwrap);
        if (!wraps || !unwraps)
        {
            yield return wraps
                ? UseAnswer.NotJudged(KeyUse.Wrap,
                    "it may not unwrap, and this process cannot open it: nothing can say whether what it makes is right")
                : UseAnswer.NotJudged(KeyUse.Unwrap, "it may not wrap, and this process cannot open it: there is nothing for it to unwrap");
            yield break;
        }
        AttributeMap template = UseFlags.Obey(record, Cka.WrapTemplate, SessionKeys.Aes()).Set(Cka.ValueLen, KeyLength);
        template.Remove(Cka.KeyType);
        ulong rv = session.TryGenerateKey(new Mechanism(Ckm.AesKeyGen), template, out ulong subject);
        using var keys = new SessionKeys(session, subject);
        if (rv != Ckr.Ok || session.TryEncrypt(new Mechanism(Ckm.AesEcb), subject, new byte[16], out byte[] expected) != Ckr.Ok)
        {
            yield return UseAnswer.NotJudged(KeyUse.Wrap, $"no key could be made for it to wrap: {Names.OfReturnValue(rv)}");
            yield return UseAnswer.NotJudged(KeyUse.Unwrap, "there is nothing for it to unwrap");
            yield break;
        }
        rv = Wrap(handle, subject, out Mechanism mechanism, out byte[] wrapped);
        if (rv != Ckr.Ok)
        {
            yield return UseAnswer.Judge(KeyUse.Wrap, "AES key wrap", rv, () => false);
            yield return UseAnswer.NotJudged(KeyUse.Unwrap, "there is nothing for it to unwrap");
            yield break;
        }
        ulong back = session.TryUnwrapKey(mechanism, handle, wrapped, UseFlags.Obey(record, Cka.UnwrapTemplate, SessionKeys.Aes()),
            out ulong unwrapped);
        keys.Add(unwrapped);
        bool isRight = back == Ckr.Ok && keys.Encrypts(unwrapped, expected);
        yield return back == Ckr.Ok ? UseAnswer.Judge(KeyUse.Wrap, "AES key wrap, turned back on the token,", rv, () => isRight)
            : UseAnswer.NotJudged(KeyUse.Wrap, "what it wraps, it does not unwrap: it cannot be said whether that is right");
        yield return UseAnswer.Judge(KeyUse.Unwrap, "unwrapping of a key that it wrapped", back, () => isRight);
    }

    private KeyUse CompareWrapped(ulong handle, ulong subject, byte[] secret, byte[] known)
    {
        ulong rv = Wrap(handle, subject, out Mechanism mechanism, out byte[] wrapped);
        return UseAnswer.Judge(KeyUse.Wrap, "AES key wrap", rv, () => Opens(mechanism, secret, wrapped, known));
    }

    private KeyUse CompareUnwrapped(ObjectRecord record, ulong handle, byte[] secret, byte[] known)
    {
        ulong rv = Ckr.MechanismInvalid, unwrapped = 0;
        AttributeMap template = UseFlags.Obey(record, Cka.UnwrapTemplate, SessionKeys.Aes());
        foreach (ulong mechanism in Mechanisms.TakeWhile(_ => UseAnswer.IsNotKnown(rv)))
        {
            rv = session.TryUnwrapKey(MechanismOf(mechanism), handle, WrapHere(mechanism, secret, known), template, out unwrapped);
        }
        using var keys = new SessionKeys(session, unwrapped);
        return UseAnswer.Judge(KeyUse.Unwrap, "AES key unwrap", rv, () =>
            keys.Encrypts(unwrapped, HostCipher.ZeroBlock(Ckm.AesEcb, known)));
    }

    private ulong Wrap(ulong handle, ulong subject, out Mechanism mechanism, out byte[] wrapped)
    {
        ulong rv = Ckr.MechanismInvalid;
        mechanism = MechanismOf(Mechanisms[0]);
        wrapped = [];
        foreach (ulong candidate in Mechanisms)
        {
            mechanism = MechanismOf(candidate);
            rv = session.TryWrapKey(mechanism, handle, subject, out ReadOnlySpan<byte> bytes);
            wrapped = bytes.ToArray();
            if (!UseAnswer.IsNotKnown(rv))
            {
                break;
            }
        }
        return rv;
    }

    private Mechanism MechanismOf(ulong mechanism) => mechanism == Ckm.AesCbcPad ? Mechanism.AesCbcPad(_iv) : new Mechanism(mechanism);

    /// <summary>A key of 32 bytes needs no padding: RFC 3394 is in no doubt, and tokens differ in what they call the others.</summary>
    private byte[] WrapHere(ulong mechanism, byte[] secret, byte[] known)
    {
        if (mechanism == Ckm.AesCbcPad)
        {
            using Aes aes = Aes.Create();
            aes.SetKey(secret);
            return aes.EncryptCbc(known, _iv);
        }
        bool isPlain = mechanism == Ckm.AesKeyWrap;
        var wrapped = new byte[isPlain ? KeyWrap.WrappedLength3394(known.Length) : KeyWrap.WrappedLength5649(known.Length)];
        if (isPlain)
        {
            KeyWrap.Wrap3394(secret, known, wrapped);
        }
        else
        {
            KeyWrap.Wrap5649(secret, known, wrapped);
        }
        return wrapped;
    }

    private bool Opens(Mechanism mechanism, byte[] secret, byte[] wrapped, byte[] known)
    {
        var plain = new byte[wrapped.Length + 16];
        if (mechanism.Type == Ckm.AesCbcPad)
        {
            using Aes aes = Aes.Create();
            aes.SetKey(secret);
            return aes.TryDecryptCbc(wrapped, _iv, plain, out int decrypted) && plain.AsSpan(0, decrypted).SequenceEqual(known);
        }
        // NSS pads by PKCS #7 where others follow RFC 5649.
        return (KeyWrap.TryUnwrap3394(secret, wrapped, plain, out int length) || KeyWrap.TryUnwrap5649(secret, wrapped, plain, out length))
            && plain.AsSpan(0, length).StartsWith(known);
    }
}
