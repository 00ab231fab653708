using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection.Shares;

public sealed class ShareCombinerTests
{
    // Two groups of three are needed; they need 1, 2 and 3 shares of their own.
    private static readonly byte[][] GroupSecrets = SplitInto(2, 3, TestShares.Secret);

    [Fact]
    public void Each_share_is_answered_with_what_is_still_missing()
    {
        using ShareSet set = TestShares.Split(3, 5);
        using ShareCombiner combiner = new();
        Assert.Equal((1, false, 0), (combiner.Missing, combiner.IsComplete, combiner.Count));
        Assert.Null(combiner.SetId);

        ShareAnswer answer = combiner.Add(set.Shares[4]);
        Assert.True(answer.IsAccepted);
        Assert.Equal(2, answer.Missing);
        Assert.Equal($"Share 5 of the set '{set.SetName}' is taken. 2 more shares are needed.", answer.Message);
        Assert.Equal(1234, combiner.SetId);

        answer = combiner.Add(set.Shares[0]);
        Assert.Contains("1 more share is needed", answer.Message, StringComparison.Ordinal);
        answer = combiner.Add(set.Shares[2]);
        Assert.Contains("No more shares are needed", answer.Message, StringComparison.Ordinal);
        Assert.Equal((0, true, 3), (combiner.Missing, combiner.IsComplete, combiner.Count));
        Assert.Equal("(3 shares)", combiner.ToString());
    }

    [Fact]
    public void Too_few_shares_are_not_combined_and_the_number_missing_is_told()
    {
        using ShareSet set = TestShares.Split(5, 9);
        using ShareCombiner combiner = new();
        Assert.Equal(ErrorCode.SharesMissing, Refused(combiner).Code);
        combiner.Add(set.Shares[0]).ThrowIfRefused();
        combiner.Add(set.Shares[1]).ThrowIfRefused();
        Assert.Contains("3 more shares are needed", Refused(combiner).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_share_given_twice_is_named()
    {
        using ShareSet set = TestShares.Split(3, 5);
        using ShareCombiner combiner = new();
        combiner.Add(set.Shares[1]).ThrowIfRefused();
        ShareAnswer answer = combiner.Add(set.Shares[1]);
        Assert.Equal(ShareAnswerKind.Duplicate, answer.Kind);
        Assert.Equal(2, answer.Missing);
        Assert.Contains("Share 2 ", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_share_of_another_set_is_named()
    {
        using ShareSet set = TestShares.Split(2, 3);
        using ShareSet other = TestShares.Split(2, 3, setId: 4321);
        using ShareCombiner combiner = new();
        combiner.Add(set.Shares[0]).ThrowIfRefused();
        ShareAnswer answer = combiner.Add(other.Shares[1]);
        Assert.Equal(ShareAnswerKind.OtherSet, answer.Kind);
        Assert.Contains(set.SetName, answer.Message, StringComparison.Ordinal);
        Assert.Contains(other.SetName, answer.Message, StringComparison.Ordinal);
        Assert.Equal(1, combiner.Count);
    }

    [Fact]
    public void Where_a_set_is_expected_another_is_refused_from_the_first_share_on()
    {
        using ShareSet old = TestShares.Split(2, 3, setId: 4321);
        using ShareSet set = TestShares.Split(2, 3);
        using ShareCombiner combiner = new(expectedSetId: set.SetId);
        Assert.Equal(set.SetId, combiner.SetId);
        ShareAnswer answer = combiner.Add(old.Shares[0]);
        Assert.Equal(ShareAnswerKind.OtherSet, answer.Kind);
        Assert.Contains("from before a re-split", answer.Message, StringComparison.Ordinal);
        Assert.Contains($"'{set.Shares[0].GetWord(0)}'", answer.Message, StringComparison.Ordinal);
        Assert.True(combiner.Add(set.Shares[0]).IsAccepted);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_old_share_after_a_re_split_is_named(bool expectedIsKnown)
    {
        using ShareSet old = ShareSet.Split(TestShares.Secret, 2, 3);
        using ShareSet set = ShareSet.Split(TestShares.Secret, 2, 3, options: new() { UsedSetIds = [old.SetId] });
        Assert.NotEqual(old.SetId, set.SetId);
        using ShareCombiner combiner = new(expectedIsKnown ? set.SetId : null, retiredSetIds: [old.SetId]);
        Assert.Equal(ShareAnswerKind.RetiredSet, combiner.Add(old.Shares[0]).Kind);
        combiner.Add(set.Shares[1]).ThrowIfRefused();
        ShareAnswer answer = combiner.Add(old.Shares[0]);
        Assert.Equal(ShareAnswerKind.RetiredSet, answer.Kind);
        Assert.Contains("old one", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_set_with_the_same_identifier_but_other_parameters_is_named()
    {
        using ShareSet set = TestShares.Split(2, 3);
        using ShareSet threshold = TestShares.Split(3, 3);
        using ShareSet length = TestShares.Split(2, 3, secret: new byte[16]);
        using Share exponent = Share.Create(TestShares.Header(2) with { Index = 1, IterationExponent = 1 }, TestShares.Secret);
        using Share flag = Share.Create(TestShares.Header(2) with { Index = 1, Extendable = false }, TestShares.Secret);
        using Share groups = Share.Create(TestShares.Header(2) with { Index = 1, GroupCount = 2 }, TestShares.Secret);
        using ShareCombiner combiner = new();
        combiner.Add(set.Shares[0]).ThrowIfRefused();
        foreach (Share share in new[] { threshold.Shares[1], length.Shares[1], exponent, flag, groups })
        {
            Assert.Equal(ShareAnswerKind.OtherParameters, combiner.Add(share).Kind);
        }
    }

    [Fact]
    public void A_share_more_than_needed_is_named()
    {
        using ShareSet set = TestShares.Split(2, 3);
        using ShareCombiner combiner = new();
        combiner.Add(set.Shares[0]).ThrowIfRefused();
        combiner.Add(set.Shares[1]).ThrowIfRefused();
        ShareAnswer answer = combiner.Add(set.Shares[2]);
        Assert.Equal(ShareAnswerKind.AlreadyComplete, answer.Kind);
        Assert.Equal(2, combiner.Count);
        // One that is here already is still called that.
        Assert.Equal(ShareAnswerKind.Duplicate, combiner.Add(set.Shares[1]).Kind);
    }

    [Fact]
    public void A_refusal_can_be_thrown()
    {
        using ShareSet set = TestShares.Split(2, 3);
        using ShareCombiner combiner = new(expectedSetId: 1);
        ShareAnswer answer = combiner.Add(set.Shares[0]);
        HsmBackupException error = Assert.Throws<HsmBackupException>(answer.ThrowIfRefused);
        Assert.Equal(ErrorCode.ShareRefused, error.Code);
        Assert.Equal(answer.Message, error.Message);
        Assert.Equal(answer.Message, answer.ToString());
    }

    [Fact]
    public void A_forged_share_is_noticed_and_another_can_take_its_place()
    {
        using ShareSet set = TestShares.Split(3, 5);
        // The right header and a right checksum, but a value that somebody made up.
        using Share forged = Share.Create(set.Shares[1].Header, TestShares.Secret);
        using ShareCombiner combiner = new();
        combiner.Add(set.Shares[0]).ThrowIfRefused();
        combiner.Add(forged).ThrowIfRefused();
        Assert.Equal(ShareAnswerKind.Contradiction, combiner.Add(set.Shares[1]).Kind);
        combiner.Add(set.Shares[2]).ThrowIfRefused();
        Assert.Equal(ErrorCode.SharesInconsistent, Refused(combiner).Code);

        Assert.True(combiner.Remove(forged.Index));
        Assert.False(combiner.Remove(forged.Index));
        Assert.False(combiner.Remove(0, groupIndex: 1));
        Assert.Equal(1, combiner.Missing);
        combiner.Add(set.Shares[3]).ThrowIfRefused();
        using SecretBuffer secret = combiner.CombineEncrypted();
        Assert.Equal(TestShares.Secret, secret.Span.ToArray());
    }

    [Fact]
    public void Shares_of_two_sets_with_the_same_identifier_are_noticed()
    {
        using ShareSet one = TestShares.Split(2, 3);
        using ShareSet other = TestShares.Split(2, 3);
        using ShareCombiner combiner = new();
        combiner.Add(one.Shares[0]).ThrowIfRefused();
        combiner.Add(other.Shares[1]).ThrowIfRefused();
        Assert.Equal(ErrorCode.SharesInconsistent, Refused(combiner).Code);
    }

    [Fact]
    public void The_last_share_taken_out_leaves_the_choice_of_the_set_open()
    {
        using ShareSet set = TestShares.Split(2, 3);
        using ShareSet other = TestShares.Split(2, 3, setId: 4321);
        using ShareCombiner combiner = new();
        combiner.Add(set.Shares[0]).ThrowIfRefused();
        Assert.True(combiner.Remove(0));
        Assert.Null(combiner.SetId);
        Assert.True(combiner.Add(other.Shares[0]).IsAccepted);
    }

    [Fact]
    public void A_set_of_groups_is_combined_from_any_groups_that_are_whole()
    {
        for (int left = 0; left < 3; left++)
        {
            using ShareCombiner combiner = new();
            foreach (int group in Enumerable.Range(0, 3).Where(group => group != left))
            {
                using ShareSet members = Members(group);
                foreach (Share share in members.Shares.Take(group + 1))
                {
                    combiner.Add(share).ThrowIfRefused();
                }
            }
            using SecretBuffer secret = combiner.CombineEncrypted();
            Assert.Equal(TestShares.Secret, secret.Span.ToArray());
        }
    }

    [Fact]
    public void What_is_missing_of_groups_is_counted_as_far_as_it_is_known()
    {
        using ShareSet first = Members(0);
        using ShareSet second = Members(1);
        using ShareSet third = Members(2);
        using ShareCombiner combiner = new();
        // Two more of the third group, and one at least of some other.
        ShareAnswer answer = combiner.Add(third.Shares[0]);
        Assert.Equal(3, answer.Missing);
        Assert.Contains("At least 3 more shares are needed", answer.Message, StringComparison.Ordinal);
        Assert.Contains("Share 1 of group 3 ", answer.Message, StringComparison.Ordinal);
        Assert.Equal(2, combiner.Add(first.Shares[0]).Missing);
        // The first group needs one share only.
        answer = combiner.Add(Other(first.Shares[0]));
        Assert.Equal(ShareAnswerKind.AlreadyComplete, answer.Kind);
        Assert.Contains("of its group", answer.Message, StringComparison.Ordinal);
        // The second group is nearer to its end than the third.
        Assert.Equal(1, combiner.Add(second.Shares[0]).Missing);
        Assert.Equal(0, combiner.Add(second.Shares[1]).Missing);
        Assert.Equal(ShareAnswerKind.AlreadyComplete, combiner.Add(third.Shares[1]).Kind);
        using SecretBuffer secret = combiner.CombineEncrypted();
        Assert.Equal(TestShares.Secret, secret.Span.ToArray());
    }

    [Fact]
    public void A_group_that_is_not_needed_any_more_is_named()
    {
        using ShareSet first = Members(0);
        using ShareSet second = Members(1);
        using ShareSet third = Members(2);
        using ShareCombiner combiner = new();
        combiner.Add(first.Shares[0]).ThrowIfRefused();
        combiner.Add(second.Shares[0]).ThrowIfRefused();
        combiner.Add(second.Shares[1]).ThrowIfRefused();
        Assert.Equal(ShareAnswerKind.AlreadyComplete, combiner.Add(third.Shares[0]).Kind);
    }

    [Fact]
    public void A_forged_group_is_noticed_by_the_digest_of_the_groups()
    {
        using ShareSet first = Members(0);
        using Share forged = Share.Create(first.Shares[0].Header, TestShares.Secret);
        using ShareSet second = Members(1);
        using ShareCombiner combiner = new();
        combiner.Add(forged).ThrowIfRefused();
        combiner.Add(second.Shares[0]).ThrowIfRefused();
        combiner.Add(second.Shares[1]).ThrowIfRefused();
        Assert.Contains("the groups", Refused(combiner).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_share_can_be_disposed_once_it_was_taken()
    {
        using ShareSet set = TestShares.Split(2, 2);
        using ShareCombiner combiner = new();
        foreach (Share share in set.Shares)
        {
            combiner.Add(share).ThrowIfRefused();
            share.Dispose();
        }
        using SecretBuffer secret = combiner.CombineEncrypted();
        Assert.Equal(TestShares.Secret, secret.Span.ToArray());
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(32768)]
    public void A_set_that_cannot_be_is_not_expected(int setId) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new ShareCombiner(setId));

    [Fact]
    public void After_dispose_nothing_is_left()
    {
        using ShareSet set = TestShares.Split(1, 1);
        ShareCombiner combiner = new();
        combiner.Add(set.Shares[0]).ThrowIfRefused();
        combiner.Dispose();
        Assert.Equal(ErrorCode.SharesMissing, Refused(combiner).Code);
    }

    private static HsmBackupException Refused(ShareCombiner combiner) =>
        Assert.Throws<HsmBackupException>(() => combiner.CombineEncrypted());

    private static ShareSet Members(int group)
    {
        ShareHeader header = TestShares.Header(group + 1) with { GroupIndex = group, GroupThreshold = 2, GroupCount = 3 };
        return ShareSet.SplitEncrypted(GroupSecrets[group], header, group == 0 ? 1 : 4);
    }

    // The same group with another index.
    private static Share Other(Share share) => Share.Create(share.Header with { Index = 15 }, TestShares.Secret);

    private static byte[][] SplitInto(int threshold, int count, byte[] secret)
    {
        byte[] values = new byte[count * secret.Length];
        ShamirScheme.Split(threshold, count, secret, values);
        return [.. values.Chunk(secret.Length)];
    }
}
