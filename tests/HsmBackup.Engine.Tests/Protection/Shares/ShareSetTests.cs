using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection.Shares;

public sealed class ShareSetTests
{
    [Theory]
    [InlineData(1, 1, 16)]
    [InlineData(2, 3, 32)]
    [InlineData(3, 5, 32)]
    [InlineData(16, 16, 64)]
    public void A_secret_goes_out_in_words_and_comes_back(int threshold, int count, int length)
    {
        using SecretBuffer secret = SecretBuffer.Random(length);
        using ShareSet set = ShareSet.Split(secret.Span, threshold, count);
        Assert.Equal(count, set.Shares.Count);
        Assert.Equal(threshold, set.Threshold);

        using ShareCombiner combiner = new(set.SetId);
        foreach (Share share in set.Shares.Reverse().Take(threshold))
        {
            using Share typed = Share.Parse(TestShares.Text(share));
            combiner.Add(typed).ThrowIfRefused();
        }
        using SecretBuffer recovered = combiner.Combine();
        Assert.Equal(secret.Span.ToArray(), recovered.Span.ToArray());
    }

    [Fact]
    public void Every_M_of_every_N_comes_back_through_the_words()
    {
        Random random = new(16);
        for (int count = 1; count <= 16; count++)
        {
            // One of many is what the standard forbids.
            for (int threshold = count == 1 ? 1 : 2; threshold <= count; threshold++)
            {
                using ShareSet set = TestShares.Split(threshold, count);
                Share[] typed = [.. set.Shares.Select(share => Share.Parse(TestShares.Text(share)))];
                for (int i = 0; i < 4; i++)
                {
                    random.Shuffle(typed);
                    Assert.Equal(TestShares.Secret, TestShares.Combine(typed.Take(threshold)));
                    Assert.Equal(ErrorCode.SharesMissing, CodeOf(() => TestShares.Combine(typed.Take(threshold - 1))));
                }
            }
        }
    }

    [Fact]
    public void Every_choice_of_three_of_five_gives_the_secret()
    {
        using ShareSet set = TestShares.Split(3, 5);
        int choices = 0;
        for (int mask = 0; mask < 32; mask++)
        {
            Share[] chosen = [.. set.Shares.Where(share => (mask >> share.Index & 1) != 0)];
            if (chosen.Length == 3)
            {
                Assert.Equal(TestShares.Secret, TestShares.Combine(chosen));
                choices++;
            }
        }
        Assert.Equal(10, choices);
    }

    [Fact]
    public void What_is_written_is_one_group_with_the_extendable_flag()
    {
        using ShareSet set = ShareSet.Split(TestShares.Secret, 2, 3);
        Assert.Equal([0, 1, 2], set.Shares.Select(share => share.Index));
        Assert.All(set.Shares, share =>
        {
            Assert.True(share.IsExtendable);
            Assert.Equal((0, 1, 1), (share.GroupIndex, share.GroupThreshold, share.GroupCount));
            Assert.Equal((0, 33), (share.IterationExponent, share.WordCount));
            Assert.Equal((set.SetId, set.SetName), (share.SetId, share.SetName));
        });
        Assert.Equal($"(share set {set.SetName})", set.ToString());
    }

    [Fact]
    public void A_passphrase_and_more_iterations_are_kept_to()
    {
        using ShareSet set = ShareSet.Split(
            TestShares.Secret, 2, 2, "correct horse", new ShareSetOptions { IterationExponent = 1 });
        using ShareCombiner combiner = new();
        Assert.All(set.Shares, share => Assert.Equal(1, share.IterationExponent));
        Assert.All(set.Shares, share => combiner.Add(share).ThrowIfRefused());
        using SecretBuffer right = combiner.Combine("correct horse");
        using SecretBuffer wrong = combiner.Combine();
        Assert.Equal(TestShares.Secret, right.Span.ToArray());
        Assert.NotEqual(TestShares.Secret, wrong.Span.ToArray());
    }

    [Fact]
    public void A_new_set_has_no_identifier_that_was_used()
    {
        ShareSetOptions options = new() { UsedSetIds = [.. Enumerable.Range(0, 32768).Where(id => id != 31337)] };
        using ShareSet set = ShareSet.Split(TestShares.Secret, 2, 3, options: options);
        Assert.Equal(31337, set.SetId);

        options = options with { UsedSetIds = [.. Enumerable.Range(0, 32768)] };
        Assert.Equal(
            ErrorCode.InvalidArgument, CodeOf(() => ShareSet.Split(TestShares.Secret, 2, 3, options: options)));
    }

    [Fact]
    public void Identifiers_are_random()
    {
        HashSet<int> seen = [];
        for (int i = 0; i < 8; i++)
        {
            using ShareSet set = ShareSet.Split(TestShares.Secret, 1, 1);
            seen.Add(set.SetId);
        }
        Assert.True(seen.Count > 5);
    }

    [Theory]
    [InlineData(0, 3, 0)]
    [InlineData(4, 3, 0)]
    [InlineData(-1, 3, 0)]
    [InlineData(2, 17, 0)]
    [InlineData(0, 0, 0)]
    [InlineData(1, 2, 0)]
    [InlineData(2, 3, 16)]
    [InlineData(2, 3, -1)]
    public void Numbers_that_make_no_sense_are_refused(int threshold, int count, int exponent)
    {
        ShareSetOptions options = new() { IterationExponent = exponent };
        Assert.Equal(
            ErrorCode.InvalidArgument, CodeOf(() => ShareSet.Split(TestShares.Secret, threshold, count, options: options)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(14)]
    [InlineData(31)]
    [InlineData(66)]
    public void A_secret_of_another_length_is_refused(int length) =>
        Assert.Throws<ArgumentException>(() => ShareSet.Split(new byte[length], 2, 3));

    [Fact]
    public void A_set_with_a_share_that_is_wrong_is_not_handed_out()
    {
        using ShareSet set = TestShares.Split(3, 5);
        set.CheckValues(TestShares.Secret);
        byte[] other = [.. TestShares.Secret];
        other[0] ^= 1;
        Assert.Throws<System.Security.Cryptography.CryptographicException>(() => set.CheckValues(other));
    }

    [Fact]
    public void Dispose_wipes_every_share()
    {
        ShareSet set = TestShares.Split(2, 3);
        set.Dispose();
        Assert.All(set.Shares, share => Assert.Throws<ObjectDisposedException>(() => share.GetWord(0)));
    }

    private static ErrorCode CodeOf(Action action) => Assert.Throws<HsmBackupException>(action).Code;
}
