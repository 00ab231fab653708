using System.Security.Cryptography;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>
/// Brings an AES-256 key-encryption key into a token as a session object, sensitive and not extractable: with C_CreateObject,
/// and where a token forbids that for keys, wrapped by RSA-OAEP for a session key pair that the token makes.
/// </summary>
internal static class WrappingKeyImport
{
    private static readonly ulong[] OaepHashes = [Ckm.Sha256, Ckm.Sha384, Ckm.Sha512, Ckm.Sha1];

    /// <summary>Imports a KEK the way that a probe found, or the first way that works.</summary>
    /// <param name="session">A session with the user logged in.</param>
    /// <param name="kek">32 bytes.</param>
    /// <param name="known">What a probe found; None to try.</param>
    /// <param name="used">The way that worked, None where none did.</param>
    /// <param name="oaepHash">The hash of RSA-OAEP where that was the way.</param>
    /// <param name="refusal">Why C_CreateObject and the way around it were refused: the last CKR values.</param>
    /// <returns>The handle; 0 where no way worked.</returns>
    public static ulong Import(
        Pkcs11Session session, ReadOnlySpan<byte> kek, KekImport known, out KekImport used, out ulong oaepHash, out string refusal) =>
        ImportSecret(session, kek, KekTemplate(), known, out used, out oaepHash, out refusal);

    /// <summary>Imports any secret key value; the probe uses it for its subjects.</summary>
    public static ulong ImportSecret(Pkcs11Session session, ReadOnlySpan<byte> value, AttributeMap template, KekImport known,
        out KekImport used, out ulong oaepHash, out string refusal)
    {
        oaepHash = 0;
        refusal = "";
        if (known is KekImport.None or KekImport.CreateObject)
        {
            ulong rv = Create(session, value, template, out ulong handle);
            if (rv == Ckr.Ok)
            {
                used = KekImport.CreateObject;
                return handle;
            }
            refusal = $"C_CreateObject {Names.OfReturnValue(rv)}";
        }
        if (known is KekImport.None or KekImport.RsaOaep)
        {
            ulong handle = UnwrapByOaep(session, value, template, out oaepHash, ref refusal);
            if (handle != 0)
            {
                used = KekImport.RsaOaep;
                return handle;
            }
        }
        used = KekImport.None;
        return 0;
    }

    private static AttributeMap KekTemplate() => new AttributeMap()
        .Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.Aes)
        .Set(Cka.Token, false).Set(Cka.Private, true).Set(Cka.Sensitive, true).Set(Cka.Extractable, false)
        .Set(Cka.Encrypt, false).Set(Cka.Decrypt, false).Set(Cka.Wrap, true).Set(Cka.Unwrap, true);

    private static ulong Create(Pkcs11Session session, ReadOnlySpan<byte> value, AttributeMap template, out ulong handle)
    {
        byte[] copy = GC.AllocateUninitializedArray<byte>(value.Length, pinned: true);
        try
        {
            value.CopyTo(copy);
            return session.TryCreateObject(template.Copy().Set(new TokenAttribute(Cka.Value, copy)), out handle);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(copy);
        }
    }

    private static ulong UnwrapByOaep(
        Pkcs11Session session, ReadOnlySpan<byte> value, AttributeMap template, out ulong oaepHash, ref string refusal)
    {
        oaepHash = 0;
        ulong rv = TransportKey.TryGenerate(session, 2048, out ulong publicKey, out ulong privateKey);
        if (rv != Ckr.Ok)
        {
            refusal += $", C_GenerateKeyPair {Names.OfReturnValue(rv)}";
            return 0;
        }
        try
        {
            using RSA rsa = TransportKey.ReadPublicKey(session, publicKey);
            foreach (ulong hash in OaepHashes)
            {
                byte[] wrapped = rsa.Encrypt(value, TransportKey.PaddingOf(hash));
                rv = session.TryUnwrapKey(Mechanism.RsaOaep(hash), privateKey, wrapped, template, out ulong handle);
                if (rv == Ckr.Ok)
                {
                    oaepHash = hash;
                    return handle;
                }
            }
            refusal += $", C_UnwrapKey {Names.OfReturnValue(rv)}";
            return 0;
        }
        finally
        {
            session.TryDestroyObject(publicKey);
            session.TryDestroyObject(privateKey);
        }
    }
}
