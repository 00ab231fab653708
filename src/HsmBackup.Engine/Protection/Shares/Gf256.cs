namespace HsmBackup.Engine.Protection.Shares;

/// <summary>
/// The field with 256 elements that shares are computed in: bytes as polynomials over GF(2) modulo x^8 + x^4 + x^3 + x + 1
/// (SLIP-0039, "Shamir's secret-sharing"; FIPS 197, section 4). Addition is exclusive or.
/// </summary>
/// <remarks>
/// The usual tables of logarithms would be faster, but which of their cache lines are touched depends on the secret. Here
/// every product takes the same steps whatever its operands are.
/// </remarks>
internal static class Gf256
{
    // The polynomial above; bit 8 is the one that a doubling may carry out of a byte.
    private const int Modulus = 0x11B;

    /// <summary>The product of two elements.</summary>
    public static byte Multiply(byte a, byte b)
    {
        int product = 0;
        int shifted = a;
        for (int bit = 0; bit < 8; bit++)
        {
            product ^= shifted & Mask(b >> bit);
            shifted <<= 1;
            shifted ^= Modulus & Mask(shifted >> 8);
        }
        return (byte)product;
    }

    /// <summary>The element that gives 1 when multiplied by this one.</summary>
    /// <param name="a">An element other than zero, which has no inverse.</param>
    public static byte Invert(byte a)
    {
        ArgumentOutOfRangeException.ThrowIfZero(a);
        // The 255 elements other than zero are a group, so a^255 is 1 and a^254 the inverse: 254 = 2 + 4 + ... + 128.
        byte square = a;
        byte inverse = 1;
        for (int i = 1; i < 8; i++)
        {
            square = Multiply(square, square);
            inverse = Multiply(inverse, square);
        }
        return inverse;
    }

    /// <summary>Adds a multiple of a vector to another one.</summary>
    public static void AddMultiple(Span<byte> sum, ReadOnlySpan<byte> vector, byte factor)
    {
        for (int i = 0; i < sum.Length; i++)
        {
            sum[i] ^= Multiply(vector[i], factor);
        }
    }

    // All ones where the lowest bit is set, else zero; so a choice is made without a branch.
    private static int Mask(int bits) => -(bits & 1);
}
