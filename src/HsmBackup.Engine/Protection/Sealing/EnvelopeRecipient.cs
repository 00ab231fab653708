using System.Security.Cryptography;

namespace HsmBackup.Engine.Protection.Sealing;

/// <summary>One of those that a key file is sealed for: who it is, and the content key as only they can open it.</summary>
/// <param name="id">The certificate that the content key was encrypted for.</param>
internal abstract class EnvelopeRecipient(CertificateId id)
{
    /// <summary>Length of the content key: AES-256.</summary>
    public const int ContentKeyLength = 32;

    /// <summary>The certificate that the content key was encrypted for.</summary>
    public CertificateId Id { get; } = id;

    /// <summary>Opens the content key with the private key of the certificate.</summary>
    /// <exception cref="CryptographicException">
    /// The private key refused or is of another kind, or the content key is damaged.
    /// </exception>
    public abstract SecretBuffer OpenContentKey(IRecipientKey key);

    /// <summary>What the private key gave is no content key.</summary>
    protected static CryptographicException Damaged() => new("The sealed content key is damaged.");
}

/// <summary>A recipient whose certificate holds an RSA key (KeyTransRecipientInfo).</summary>
/// <param name="id">Its certificate.</param>
/// <param name="encryptedKey">The content key by RSA-OAEP with SHA-256.</param>
internal sealed class RsaEnvelopeRecipient(CertificateId id, byte[] encryptedKey) : EnvelopeRecipient(id)
{
    public override SecretBuffer OpenContentKey(IRecipientKey key)
    {
        SecretBuffer contentKey = key.Decrypt(encryptedKey);
        if (contentKey.Length == ContentKeyLength)
        {
            return contentKey;
        }
        contentKey.Dispose();
        throw Damaged();
    }
}

/// <summary>A recipient whose certificate holds an EC key (KeyAgreeRecipientInfo).</summary>
/// <param name="id">Its certificate.</param>
/// <param name="wrappedKey">The content key, wrapped by RFC 3394 under the agreed key.</param>
/// <param name="originator">The sender's ephemeral public key: an uncompressed point on the recipient's curve.</param>
internal sealed class EcEnvelopeRecipient(CertificateId id, byte[] wrappedKey, byte[] originator) : EnvelopeRecipient(id)
{
    public override SecretBuffer OpenContentKey(IRecipientKey key)
    {
        using SecretBuffer kek = key.Agree(originator);
        SecretBuffer contentKey = new(ContentKeyLength);
        if (wrappedKey.Length == KeyWrap.WrappedLength3394(ContentKeyLength)
            && KeyWrap.TryUnwrap3394(kek.Span, wrappedKey, contentKey.Span, out _))
        {
            return contentKey;
        }
        contentKey.Dispose();
        throw Damaged();
    }
}
