using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Tokens;

/// <summary>Which token is chosen out of what a library shows.</summary>
public sealed class BlankTokensTests
{
    [Fact]
    public void The_serial_number_goes_before_all_else()
    {
        Assert.Equal(2UL, Choose("payments", "B", Blank(1, "A"), Blank(2, "B"), Made(3, "payments", "C")));
        Assert.Equal(2UL, Choose("payments", "B", Blank(1, "A"), Made(2, "payments", "B")));
        Assert.Equal(2UL, Choose(null, "B", Blank(1, "A"), Made(2, "payments", "B")));
    }

    [Fact]
    public void An_initialised_token_of_the_label_goes_before_a_blank_one()
    {
        Assert.Equal(2UL, Choose("payments", null, Blank(1, "A"), Made(2, "payments", "B")));
        // The number of a device that was replaced.
        Assert.Equal(2UL, Choose("payments", "X", Blank(1, "A"), Made(2, "payments", "B")));
    }

    [Fact]
    public void Else_it_is_the_only_blank_one_or_the_blank_one_that_has_the_label()
    {
        Assert.Equal(1UL, Choose("payments", null, Blank(1, ""), Made(2, "other", "B")));
        Assert.Equal(3UL, Choose("payments", null, Blank(1, "0", "first"), Made(2, "other", "0"), Blank(3, "0", "payments")));
        Assert.Equal(3UL, Choose("payments", "0", Blank(1, "0", "first"), Made(2, "other", "0"), Blank(3, "0", "payments")));
    }

    [Fact]
    public void Of_several_blank_tokens_none_is_chosen_and_all_are_named()
    {
        HsmBackupException refusal = Refusal.Of(ErrorCode.TokenAmbiguous, () => Choose("payments", null, Blank(1, "A"), Blank(17, ""), Made(2, "other", "B")));
        Assert.Contains("slot 1 (blank, serial number 'A'), slot 17 (blank, no serial number)", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("tokenSerial", refusal.RecommendedAction, StringComparison.Ordinal);
    }

    [Fact]
    public void Several_tokens_of_one_label_are_no_answer() =>
        Refusal.Of(ErrorCode.TokenAmbiguous, () => Choose("payments", null, Made(1, "payments", "A"), Made(2, "payments", "B"), Blank(3, "")));

    [Fact]
    public void A_token_in_use_under_another_label_is_nobodys()
    {
        Refusal.Of(ErrorCode.TokenMismatch, () => Choose("payments", "B", Blank(1, "A"), Made(2, "other", "B")));
        HsmBackupException refusal = Refusal.Of(ErrorCode.TokenNotFound, () => Choose("payments", null, Made(2, "other", "B")));
        Assert.Contains("slot 2 ('other', serial number 'B')", refusal.Message, StringComparison.Ordinal);
        Refusal.Of(ErrorCode.TokenNotFound, () => Choose("payments", null));
    }

    [Fact]
    public void What_is_another_nodes_is_not_seen()
    {
        Assert.Equal(3UL, Choose("payments", "X", ["A", "B"], Blank(1, "A"), Made(2, "payments", "B"), Blank(3, "C")));
        Refusal.Of(ErrorCode.TokenNotFound, () => Choose("payments", null, ["A"], Blank(1, "A")));
        // Its own number may stand in the list all the same: some makers have one for all.
        Assert.Equal(2UL, Choose("payments", "0", ["0"], Made(2, "payments", "0")));
    }

    private static ulong Choose(string? label, string? serial, params TokenInfo[] tokens) => Choose(label, serial, [], tokens);

    private static ulong Choose(string? label, string? serial, string[] spokenFor, params TokenInfo[] tokens) =>
        BlankTokens.Choose(tokens, new TokenAddress(new LibraryLocation("/lib"), label, serial), spokenFor).SlotId;

    private static TokenInfo Blank(ulong slot, string serial, string label = "") => new(slot, label, "", "", serial, 0, "1.0");

    private static TokenInfo Made(ulong slot, string label, string serial) => new(slot, label, "", "", serial, Ckf.TokenInitialized | Ckf.UserPinInitialized, "1.0");
}
