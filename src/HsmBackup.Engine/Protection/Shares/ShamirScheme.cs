using System.Security.Cryptography;

namespace HsmBackup.Engine.Protection.Shares;

/// <summary>
/// Shamir's scheme as SLIP-0039 has it: each byte of the secret is the value at 255 of a polynomial of its own, and the
/// values at 254 are a digest, by which a wrong recovery is noticed ("Sharing a secret").
/// </summary>
/// <remarks>Many values stand in one buffer, one behind the other, all of the length of the secret.</remarks>
internal static class ShamirScheme
{
    /// <summary>The greatest number of shares; indices have four bits.</summary>
    public const int MaxCount = 16;

    /// <summary>The least length of a secret in bytes.</summary>
    public const int MinSecretLength = 16;

    private const byte SecretIndex = 255;
    private const byte DigestIndex = 254;
    private const int DigestLength = 4;

    /// <summary>SplitSecret(T, N, S).</summary>
    /// <param name="threshold">How many values give the secret back.</param>
    /// <param name="count">How many values are made, for the indices 0, 1, 2 and so on.</param>
    /// <param name="secret">The secret: at least 16 bytes, an even number.</param>
    /// <param name="values">Receives the values.</param>
    public static void Split(int threshold, int count, ReadOnlySpan<byte> secret, Span<byte> values)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threshold, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threshold, count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MaxCount);
        ArgumentOutOfRangeException.ThrowIfLessThan(secret.Length, MinSecretLength, nameof(secret));
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, count * secret.Length, nameof(values));
        int n = secret.Length;
        if (threshold == 1)
        {
            for (int i = 0; i < count; i++)
            {
                secret.CopyTo(values[(i * n)..]);
            }
            return;
        }

        // The points that fix the polynomials: T - 2 random shares, the digest, the secret.
        int randomCount = threshold - 2;
        Span<byte> indices = stackalloc byte[threshold];
        using SecretBuffer points = new(threshold * n);
        RandomNumberGenerator.Fill(points.Span[..(randomCount * n)]);
        for (int i = 0; i < randomCount; i++)
        {
            indices[i] = (byte)i;
        }
        indices[^2] = DigestIndex;
        MakeDigest(secret, points.Span.Slice(randomCount * n, n));
        indices[^1] = SecretIndex;
        secret.CopyTo(points.Span[((randomCount + 1) * n)..]);

        points.Span[..(randomCount * n)].CopyTo(values);
        for (int i = randomCount; i < count; i++)
        {
            Interpolate((byte)i, indices, points.Span, values.Slice(i * n, n));
        }
    }

    /// <summary>RecoverSecret(T, ...), with exactly as many values as the threshold says.</summary>
    /// <param name="indices">The indices of the values, all different.</param>
    /// <param name="values">The values, in the order of the indices.</param>
    /// <param name="secret">Receives the secret; zeros where the digest does not fit.</param>
    /// <returns>Whether the digest fits, which says that the values belong together. A single value has no digest.</returns>
    public static bool TryRecover(ReadOnlySpan<byte> indices, ReadOnlySpan<byte> values, Span<byte> secret)
    {
        if (indices.Length == 1)
        {
            values.CopyTo(secret);
            return true;
        }
        using SecretBuffer digest = new(secret.Length);
        using SecretBuffer expected = new(DigestLength);
        Interpolate(SecretIndex, indices, values, secret);
        Interpolate(DigestIndex, indices, values, digest.Span);
        ComputeDigest(digest.Span[DigestLength..], secret, expected.Span);
        bool right = CryptographicOperations.FixedTimeEquals(digest.Span[..DigestLength], expected.Span);
        if (!right)
        {
            CryptographicOperations.ZeroMemory(secret);
        }
        return right;
    }

    // Interpolate(x, ...): Lagrange's formula. Indices are public, values are not. Minus is plus in this field.
    private static void Interpolate(byte x, ReadOnlySpan<byte> indices, ReadOnlySpan<byte> values, Span<byte> result)
    {
        result.Clear();
        for (int i = 0; i < indices.Length; i++)
        {
            byte numerator = 1;
            byte denominator = 1;
            for (int j = 0; j < indices.Length; j++)
            {
                if (j != i)
                {
                    numerator = Gf256.Multiply(numerator, (byte)(x ^ indices[j]));
                    denominator = Gf256.Multiply(denominator, (byte)(indices[i] ^ indices[j]));
                }
            }
            byte weight = Gf256.Multiply(numerator, Gf256.Invert(denominator));
            Gf256.AddMultiple(result, values.Slice(i * result.Length, result.Length), weight);
        }
    }

    // Four bytes of digest, and the random key that it was made with.
    private static void MakeDigest(ReadOnlySpan<byte> secret, Span<byte> point)
    {
        Span<byte> random = point[DigestLength..];
        RandomNumberGenerator.Fill(random);
        ComputeDigest(random, secret, point[..DigestLength]);
    }

    private static void ComputeDigest(ReadOnlySpan<byte> random, ReadOnlySpan<byte> secret, Span<byte> digest)
    {
        using SecretBuffer mac = new(HMACSHA256.HashSizeInBytes);
        HMACSHA256.HashData(random, secret, mac.Span);
        mac.Span[..DigestLength].CopyTo(digest);
    }
}
