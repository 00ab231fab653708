using System.Security.Cryptography;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tokens;

/// <summary>Session objects that were made to use another key; they go with this.</summary>
internal sealed class SessionKeys(Pkcs11Session session, ulong first) : IDisposable
{
    private readonly List<ulong> _handles = [first];

    /// <summary>What an AES key is like that a use makes.</summary>
    public static AttributeMap Aes() => new AttributeMap().Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.Aes)
        .Set(Cka.Token, false).Set(Cka.Private, true).Set(Cka.Sensitive, true).Set(Cka.Extractable, true).Set(Cka.Encrypt, true);

    /// <summary>Takes charge of one more; 0 is none.</summary>
    public void Add(ulong handle) => _handles.Add(handle);

    /// <summary>Whether an AES key encrypts a zero block to this.</summary>
    public bool Encrypts(ulong handle, byte[] expected) =>
        session.TryEncrypt(new Mechanism(Ckm.AesEcb), handle, new byte[16], out byte[] block) == Ckr.Ok
            && block.AsSpan().SequenceEqual(expected);

    /// <inheritdoc/>
    public void Dispose() => _handles.ForEach(h => _ = h != 0 ? session.TryDestroyObject(h) : Ckr.Ok);
}

/// <summary>Block ciphers of this process.</summary>
internal static class HostCipher
{
    /// <summary>What a key makes of a block of zeros.</summary>
    /// <param name="ecb">The cipher, by its CKM code for ECB.</param>
    /// <param name="key">The key; of two-key triple DES its 16 bytes.</param>
    public static byte[] ZeroBlock(ulong ecb, byte[] key)
    {
        using SymmetricAlgorithm cipher = Of(ecb);
        if (ecb != Ckm.Des3Ecb || key.Length != 16)
        {
            cipher.SetKey(key);
            return cipher.EncryptEcb(new byte[cipher.BlockSize / 8], PaddingMode.None);
        }
        byte[] whole = GC.AllocateUninitializedArray<byte>(24, pinned: true);
        try
        {
            key.CopyTo(whole, 0);
            key.AsSpan(0, 8).CopyTo(whole.AsSpan(16));
            cipher.SetKey(whole);
            return cipher.EncryptEcb(new byte[cipher.BlockSize / 8], PaddingMode.None);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(whole);
        }
    }

    // These keys exist on tokens and must be used for what they are; nothing is protected with them here.
#pragma warning disable CA5350, CA5351
    private static SymmetricAlgorithm Of(ulong ecb) => ecb switch
    {
        Ckm.AesEcb => Aes.Create(),
        Ckm.DesEcb => DES.Create(),
        _ => TripleDES.Create(),
    };
#pragma warning restore CA5350, CA5351
}
