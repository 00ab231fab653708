using HsmBackup.Engine.Protection.Shares;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection.Shares;

public sealed class Gf256Tests
{
    [Theory]
    // FIPS 197, sections 4.2 and 4.2.1.
    [InlineData(0x57, 0x83, 0xC1)]
    [InlineData(0x57, 0x02, 0xAE)]
    [InlineData(0x57, 0x10, 0x07)]
    [InlineData(0x57, 0x13, 0xFE)]
    public void The_products_of_FIPS_197_are_right(byte a, byte b, byte product) =>
        Assert.Equal(product, Gf256.Multiply(a, b));

    [Fact]
    public void Every_product_is_that_of_the_polynomials()
    {
        for (int a = 0; a < 256; a++)
        {
            for (int b = 0; b < 256; b++)
            {
                if (Gf256.Multiply((byte)a, (byte)b) != LongWay(a, b))
                {
                    Assert.Fail($"{a:X2} times {b:X2} is not {LongWay(a, b):X2}.");
                }
            }
        }
    }

    [Fact]
    public void Every_element_but_zero_has_an_inverse()
    {
        for (int a = 1; a < 256; a++)
        {
            Assert.Equal(1, Gf256.Multiply((byte)a, Gf256.Invert((byte)a)));
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => Gf256.Invert(0));
    }

    [Fact]
    public void A_multiple_is_added_to_each_byte()
    {
        byte[] sum = [1, 2, 3];
        Gf256.AddMultiple(sum, [0x57, 0, 1], 0x83);
        Assert.Equal([1 ^ 0xC1, 2, 3 ^ 0x83], sum);
    }

    // Multiplies all the way up to 15 bits, then divides by the polynomial of the field.
    private static int LongWay(int a, int b)
    {
        int product = 0;
        for (int bit = 0; bit < 8; bit++)
        {
            product ^= (b >> bit & 1) != 0 ? a << bit : 0;
        }
        for (int bit = 14; bit >= 8; bit--)
        {
            product ^= (product >> bit & 1) != 0 ? 0x11B << (bit - 8) : 0;
        }
        return product;
    }
}
