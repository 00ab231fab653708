using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection.Shares;

public sealed class ShareVectorTests
{
    // What each kind of refused set must be refused for, by a piece of its description.
    private static readonly (string Description, string Reason)[] Refusals =
    [
        ("invalid checksum", "Checksum"),
        ("invalid padding", "Padding"),
        ("insufficient length", "WordCount"),
        ("invalid master secret length", "WordCount"),
        ("greater group threshold", "GroupThreshold"),
        ("different identifiers", "OtherSet"),
        ("different iteration exponents", "OtherParameters"),
        ("mismatching group thresholds", "OtherParameters"),
        ("mismatching group counts", "OtherParameters"),
        ("mismatching member thresholds", "OtherParameters"),
        ("duplicate member indices", "Contradiction"),
        ("invalid digest", "SharesInconsistent"),
        ("nsufficient number of", "SharesMissing"),
        ("Basic sharing", "SharesMissing"),
    ];

    public static TheoryData<string> Selected => [.. SelectedVectors.All.Select(vector => vector.Description)];

    // As many as published; the numbers stand for them where the folder is not there and the test is skipped.
    public static TheoryData<int> Published => [.. Enumerable.Range(0, 45)];

    [Theory]
    [MemberData(nameof(Selected))]
    public void A_selected_vector_of_the_standard_gives_its_secret_or_is_refused_for_the_right_reason(string description) =>
        Check(SelectedVectors.All.Single(vector => vector.Description == description));

    [PublishedVectorsTheory]
    [MemberData(nameof(Published))]
    public void Every_published_vector_gives_its_secret_or_is_refused_for_the_right_reason(int number) =>
        Check(PublishedVectors.All[number]);

    [PublishedVectorsFact]
    public void No_published_vector_is_left_out_and_the_selection_is_of_them()
    {
        Assert.Equal(45, PublishedVectors.All.Count);
        foreach (ShareVector selected in SelectedVectors.All)
        {
            ShareVector published = PublishedVectors.All.Single(vector => vector.Description == selected.Description);
            Assert.Equal(published.Mnemonics, selected.Mnemonics);
            Assert.Equal(published.Secret, selected.Secret);
        }
    }

    [Fact]
    public void A_wrong_passphrase_gives_another_secret_and_no_error()
    {
        // SLIP-0039, "Passphrase": nothing tells the right one.
        ShareVector vector = SelectedVectors.All[0];
        using ShareCombiner combiner = new();
        using Share share = Share.Parse(vector.Mnemonics[0]);
        combiner.Add(share).ThrowIfRefused();
        using SecretBuffer secret = combiner.Combine("TREZOs");
        Assert.NotEqual(vector.Secret, Convert.ToHexStringLower(secret.Span));
    }

    [Fact]
    public void The_words_of_a_published_share_come_back_as_they_are()
    {
        IEnumerable<ShareVector> valid = SelectedVectors.All.Where(vector => vector.Secret != "");
        foreach (string mnemonic in valid.SelectMany(vector => vector.Mnemonics))
        {
            using Share share = Share.Parse(mnemonic);
            Assert.Equal(mnemonic, TestShares.Text(share));
            // Made again from header and value, the checksum included.
            using SecretBuffer value = share.GetValue();
            using Share again = Share.Create(share.Header, value.Span);
            Assert.Equal(mnemonic, TestShares.Text(again));
        }
    }

    private static void Check(ShareVector vector)
    {
        string expected = vector.Secret != ""
            ? vector.Secret
            : Refusals.First(refusal => vector.Description.Contains(refusal.Description, StringComparison.Ordinal)).Reason;
        Assert.Equal(expected, Outcome(vector.Mnemonics));
    }

    // The secret, or the name of the first thing that is wrong.
    private static string Outcome(IEnumerable<string> mnemonics)
    {
        using ShareCombiner combiner = new();
        foreach (string mnemonic in mnemonics)
        {
            if (!Share.TryParse(mnemonic, out Share? share, out ShareTextError? error))
            {
                return error.Kind.ToString();
            }
            using (share)
            {
                ShareAnswer answer = combiner.Add(share);
                if (!answer.IsAccepted)
                {
                    return answer.Kind.ToString();
                }
            }
        }
        try
        {
            using SecretBuffer secret = combiner.Combine(ShareVector.Passphrase);
            return Convert.ToHexStringLower(secret.Span);
        }
        catch (HsmBackupException e)
        {
            return e.Code.ToString();
        }
    }
}
