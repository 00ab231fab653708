using System.Security.Cryptography;

namespace HsmBackup.Engine.Protection.Sealing;

/// <summary>A private key that opens what was sealed for its certificate, wherever it is kept.</summary>
internal interface IRecipientKey
{
    /// <summary>Whether the certificate is that of this key.</summary>
    bool Owns(CertificateId id);

    /// <summary>Decrypts by RSA-OAEP with SHA-256 and an empty label.</summary>
    /// <exception cref="CryptographicException">The key refused, is of another kind, or it is not its ciphertext.</exception>
    SecretBuffer Decrypt(byte[] encrypted);

    /// <summary>Agrees on the key that wraps the content key; see <see cref="EcKeyAgreement"/>.</summary>
    /// <param name="originator">The sender's public key: an uncompressed point on the curve of this key.</param>
    /// <exception cref="CryptographicException">The key refused, is of another kind, or it is no point of its curve.</exception>
    SecretBuffer Agree(byte[] originator);
}
