using FsCheck;
using FsCheck.Fluent;
using HsmBackup.Engine.Protection.Shares;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection.Shares;

public sealed class ShamirSchemeTests
{
    // Length of the secret in pairs of bytes, threshold, how many more shares than that, and a seed for the choice of shares.
    private static readonly Arbitrary<(int Pairs, int Threshold, int More, int Seed)> Cases =
        (from pairs in Gen.Choose(8, 32)
         from threshold in Gen.Choose(1, 16)
         from more in Gen.Choose(0, 16 - threshold)
         from seed in Gen.Choose(0, int.MaxValue - 1)
         select (pairs, threshold, more, seed)).ToArbitrary();

    [Fact]
    public void Any_shares_as_many_as_needed_give_the_secret() =>
        Prop.ForAll(Cases, c =>
        {
            Random random = new(c.Seed);
            byte[] secret = Bytes(random, c.Pairs * 2);
            (byte[] indices, byte[] values) = Choose(random, secret, c.Threshold, c.Threshold + c.More, c.Threshold);
            byte[] recovered = new byte[secret.Length];
            Assert.True(ShamirScheme.TryRecover(indices, values, recovered));
            Assert.Equal(secret, recovered);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    [Fact]
    public void Any_fewer_shares_never_give_the_secret() =>
        Prop.ForAll(Cases, c =>
        {
            if (c.Threshold < 3)
            {
                // A single value has no digest, and is the secret only where one share is enough.
                return;
            }
            Random random = new(c.Seed);
            byte[] secret = Bytes(random, c.Pairs * 2);
            int fewer = random.Next(2, c.Threshold);
            (byte[] indices, byte[] values) = Choose(random, secret, c.Threshold, c.Threshold + c.More, fewer);
            byte[] recovered = Bytes(random, secret.Length);
            Assert.False(ShamirScheme.TryRecover(indices, values, recovered));
            Assert.Equal(new byte[secret.Length], recovered);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    [Fact]
    public void One_share_of_a_set_that_needs_more_is_not_the_secret() =>
        Prop.ForAll(Cases, c =>
        {
            Random random = new(c.Seed);
            byte[] secret = Bytes(random, c.Pairs * 2);
            (_, byte[] value) = Choose(random, secret, Math.Max(2, c.Threshold), 16, 1);
            Assert.NotEqual(secret, value);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    [Fact]
    public void A_changed_bit_in_any_share_is_noticed_by_the_digest() =>
        Prop.ForAll(Cases, c =>
        {
            Random random = new(c.Seed);
            byte[] secret = Bytes(random, c.Pairs * 2);
            int threshold = Math.Max(2, c.Threshold);
            (byte[] indices, byte[] values) = Choose(random, secret, threshold, 16, threshold);
            values[random.Next(values.Length)] ^= (byte)(1 << random.Next(8));
            Assert.False(ShamirScheme.TryRecover(indices, values, new byte[secret.Length]));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    [Fact]
    public void The_same_secret_is_never_split_the_same()
    {
        byte[] one = new byte[3 * 32];
        byte[] other = new byte[3 * 32];
        ShamirScheme.Split(2, 3, TestShares.Secret, one);
        ShamirScheme.Split(2, 3, TestShares.Secret, other);
        for (int i = 0; i < 3; i++)
        {
            Assert.NotEqual(one[(i * 32)..((i + 1) * 32)], other[(i * 32)..((i + 1) * 32)]);
        }
    }

    [Fact]
    public void Each_byte_of_a_share_takes_every_value()
    {
        // A share below the threshold must say nothing of the secret, so its bytes must not lean to any value. 16 splits of
        // 16 shares of 64 bytes are 16384 bytes, 64 for each value on average; fewer than 20 would be 5 deviations off.
        int[] seen = new int[256];
        byte[] values = new byte[16 * 64];
        for (int i = 0; i < 16; i++)
        {
            ShamirScheme.Split(16, 16, new byte[64], values);
            foreach (byte value in values)
            {
                seen[value]++;
            }
        }
        Assert.All(seen, count => Assert.InRange(count, 20, 120));
    }

    [Theory]
    [InlineData(0, 1, 32)]
    [InlineData(4, 3, 32)]
    [InlineData(2, 17, 32)]
    [InlineData(2, 3, 14)]
    public void What_the_standard_does_not_allow_is_not_split(int threshold, int count, int length) =>
        Assert.Throws<ArgumentOutOfRangeException>(
            () => ShamirScheme.Split(threshold, count, new byte[length], new byte[count * length]));

    private static byte[] Bytes(Random random, int length)
    {
        byte[] bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    // Splits, and takes some of the shares in any order.
    private static (byte[] Indices, byte[] Values) Choose(Random random, byte[] secret, int threshold, int count, int taken)
    {
        byte[] all = new byte[count * secret.Length];
        ShamirScheme.Split(threshold, count, secret, all);
        int[] order = [.. Enumerable.Range(0, count)];
        random.Shuffle(order);
        byte[] indices = [.. order.Take(taken).Select(i => (byte)i)];
        return (indices, [.. indices.SelectMany(i => all[(i * secret.Length)..((i + 1) * secret.Length)])]);
    }
}
