using System.Numerics;
using System.Security.Cryptography;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Sealing;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection;

public sealed class OaepPaddingTests
{
    private const int Length = 32;

    [Theory]
    [InlineData(2048)]
    [InlineData(3072)]
    public void What_the_platform_padded_is_taken_off(int bits)
    {
        byte[] message = RandomNumberGenerator.GetBytes(Length);
        byte[] encoded = Encode(bits, message, RSAEncryptionPadding.OaepSHA256);
        using SecretBuffer opened = OaepPadding.Remove(encoded, Length);
        Assert.Equal(message, opened.Span.ToArray());
    }

    [Fact]
    public void Any_flipped_bit_is_refused_or_shows()
    {
        byte[] message = RandomNumberGenerator.GetBytes(Length);
        byte[] encoded = Encode(2048, message, RSAEncryptionPadding.OaepSHA256);
        int refused = 0;
        for (int i = 0; i < encoded.Length; i++)
        {
            byte[] changed = [.. encoded];
            changed[i] ^= 0x10;
            try
            {
                using SecretBuffer opened = OaepPadding.Remove(changed, Length);
                Assert.NotEqual(message, opened.Span.ToArray());
            }
            catch (CryptographicException)
            {
                refused++;
            }
        }
        // A change of the message itself changes the seed by what masks it, and with it everything.
        Assert.Equal(encoded.Length, refused);
    }

    [Fact]
    public void Other_lengths_and_paddings_are_refused()
    {
        Assert.Throws<CryptographicException>(() => OaepPadding.Remove(Encode(2048, new byte[Length - 1], RSAEncryptionPadding.OaepSHA256), Length));
        Assert.Throws<CryptographicException>(() => OaepPadding.Remove(Encode(2048, new byte[Length + 1], RSAEncryptionPadding.OaepSHA256), Length));
        Assert.Throws<CryptographicException>(() => OaepPadding.Remove(Encode(2048, new byte[Length], RSAEncryptionPadding.OaepSHA1), Length));
        Assert.Throws<CryptographicException>(() => OaepPadding.Remove(new byte[64], Length));
    }

    // The bare RSA operation, as a token does it.
    private static byte[] Encode(int bits, byte[] message, RSAEncryptionPadding padding)
    {
        using var rsa = RSA.Create(bits);
        RSAParameters key = rsa.ExportParameters(includePrivateParameters: true);
        BigInteger plain = BigInteger.ModPow(Number(rsa.Encrypt(message, padding)), Number(key.D!), Number(key.Modulus!));
        byte[] bare = plain.ToByteArray(isUnsigned: true, isBigEndian: true);
        byte[] encoded = new byte[bits / 8];
        bare.CopyTo(encoded, encoded.Length - bare.Length);
        return encoded;
    }

    private static BigInteger Number(byte[] bytes) => new(bytes, isUnsigned: true, isBigEndian: true);
}
