using System.Buffers.Binary;
using System.Formats.Asn1;
using System.Security.Cryptography;

namespace HsmBackup.Engine.Protection.Sealing;

/// <summary>
/// The key agreement of RFC 5753, section 3.1, with the KDF of ANSI X9.63 over SHA-256 and AES-256 key wrap: what
/// OpenSSL calls <c>dhSinglePass-stdDH-sha256kdf-scheme</c>.
/// </summary>
internal static class EcKeyAgreement
{
    private const byte Uncompressed = 4;
    private const int KekBits = 256;

    /// <summary>Derives the key that wraps the content key, alike on both sides.</summary>
    public static SecretBuffer DeriveKek(ECDiffieHellman own, ECDiffieHellmanPublicKey other)
    {
        // SHA-256 gives as many bits as the KEK has, so the KDF is one hash of secret, counter 1 and SharedInfo.
        byte[] kek = own.DeriveKeyFromHash(other, HashAlgorithmName.SHA256, secretPrepend: null, CounterAndSharedInfo());
        try
        {
            return SecretBuffer.CopyOf(kek);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(kek);
        }
    }

    /// <summary>The same from the shared secret, which a token works out.</summary>
    /// <param name="secret">The x coordinate of the shared point, as long as the field of the curve.</param>
    public static SecretBuffer DeriveKek(SecretBuffer secret)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(secret.Span);
        hash.AppendData(CounterAndSharedInfo());
        SecretBuffer kek = new(KekBits / 8);
        hash.GetHashAndReset(kek.Span);
        return kek;
    }

    /// <summary>A public key as SEC 1 writes it: 4, X, Y.</summary>
    public static byte[] ExportPoint(ECDiffieHellmanPublicKey key)
    {
        ECPoint point = key.ExportParameters().Q;
        return [Uncompressed, .. point.X!, .. point.Y!];
    }

    /// <summary>The reverse of <see cref="ExportPoint"/>; the platform checks that the point is on the curve.</summary>
    /// <exception cref="CryptographicException">It is not a point of the curve, or is written in a compressed form.</exception>
    public static ECDiffieHellman ImportPoint(ECCurve curve, ReadOnlySpan<byte> encoded)
    {
        if (encoded.Length < 3 || encoded.Length % 2 == 0 || encoded[0] != Uncompressed)
        {
            throw new CryptographicException("The sender's public key is not an uncompressed point.");
        }
        int length = encoded.Length / 2;
        ECPoint point = new() { X = encoded.Slice(1, length).ToArray(), Y = encoded[(1 + length)..].ToArray() };
        return ECDiffieHellman.Create(new ECParameters { Curve = curve, Q = point });
    }

    private static byte[] CounterAndSharedInfo()
    {
        AsnWriter writer = new(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(EnvelopeOids.Aes256Wrap);
            }
            using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 2)))
            {
                Span<byte> bits = stackalloc byte[4];
                BinaryPrimitives.WriteInt32BigEndian(bits, KekBits);
                writer.WriteOctetString(bits);
            }
        }
        return [0, 0, 0, 1, .. writer.Encode()];
    }
}
