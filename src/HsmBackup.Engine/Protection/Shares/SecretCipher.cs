using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace HsmBackup.Engine.Protection.Shares;

/// <summary>
/// The encryption of the secret under a passphrase before it is shared: a Feistel network of four rounds with
/// PBKDF2-HMAC-SHA256 as the round function (SLIP-0039, "Encryption of the master secret").
/// </summary>
/// <remarks>
/// With the empty passphrase it keeps nothing secret. It still makes each byte of what is shared depend on each byte of the
/// secret, so that the first bytes of enough shares do not give the first bytes of the secret.
/// </remarks>
internal static class SecretCipher
{
    private const int RoundCount = 4;
    private const int IterationsOfRound = 2500;

    /// <summary>Encrypt(MS, P, e, id, ext).</summary>
    /// <param name="secret">The secret, an even number of bytes; replaced by the encrypted one.</param>
    /// <param name="passphrase">Printable US-ASCII.</param>
    /// <param name="header">A share of the set: identifier, flag and exponent count.</param>
    /// <exception cref="HsmBackupException">
    /// <see cref="ErrorCode.InvalidArgument"/>: other characters in the passphrase.
    /// </exception>
    public static void Encrypt(Span<byte> secret, ReadOnlySpan<char> passphrase, ShareHeader header) =>
        Transform(secret, passphrase, header, forward: true);

    /// <summary>Decrypt(EMS, P, e, id, ext). Every passphrase gives a secret; which one is right does not show.</summary>
    /// <param name="secret">The encrypted secret; replaced by the secret.</param>
    /// <param name="passphrase">Printable US-ASCII.</param>
    /// <param name="header">A share of the set.</param>
    /// <exception cref="HsmBackupException">
    /// <see cref="ErrorCode.InvalidArgument"/>: other characters in the passphrase.
    /// </exception>
    public static void Decrypt(Span<byte> secret, ReadOnlySpan<char> passphrase, ShareHeader header) =>
        Transform(secret, passphrase, header, forward: false);

    private static void Transform(Span<byte> secret, ReadOnlySpan<char> passphrase, ShareHeader header, bool forward)
    {
        int half = secret.Length / 2;
        ReadOnlySpan<byte> prefix = header.Extendable ? [] : SaltPrefix(header.SetId);
        // The round function's password is the round's number and the passphrase; its salt ends with the right half.
        using SecretBuffer password = Password(passphrase);
        using SecretBuffer salt = new(prefix.Length + half);
        using SecretBuffer left = SecretBuffer.CopyOf(secret[..half]);
        using SecretBuffer right = SecretBuffer.CopyOf(secret[half..]);
        using SecretBuffer mask = new(half);
        prefix.CopyTo(salt.Span);
        for (int i = 0; i < RoundCount; i++)
        {
            password.Span[0] = (byte)(forward ? i : RoundCount - 1 - i);
            right.Span.CopyTo(salt.Span[prefix.Length..]);
            Rfc2898DeriveBytes.Pbkdf2(
                password.Span, salt.Span, mask.Span, IterationsOfRound << header.IterationExponent, HashAlgorithmName.SHA256);
            for (int b = 0; b < half; b++)
            {
                byte mixed = (byte)(left.Span[b] ^ mask.Span[b]);
                left.Span[b] = right.Span[b];
                right.Span[b] = mixed;
            }
        }
        right.Span.CopyTo(secret);
        left.Span.CopyTo(secret[half..]);
    }

    private static byte[] SaltPrefix(int setId)
    {
        byte[] prefix = [.. "shamir"u8, 0, 0];
        BinaryPrimitives.WriteUInt16BigEndian(prefix.AsSpan(^2..), (ushort)setId);
        return prefix;
    }

    private static SecretBuffer Password(ReadOnlySpan<char> passphrase)
    {
        if (passphrase.ContainsAnyExceptInRange(' ', '~'))
        {
            throw new HsmBackupException(
                ErrorCode.InvalidArgument,
                "The passphrase has a character that is not printable US-ASCII, which the standard of shares does not allow.",
                "Use letters without accents, digits, blanks and the usual signs of punctuation.");
        }
        SecretBuffer password = new(1 + passphrase.Length);
        Encoding.ASCII.GetBytes(passphrase, password.Span[1..]);
        return password;
    }
}
