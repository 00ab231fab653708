using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Tokens;

/// <summary>Blank tokens of SoftHSM, whose library always shows one more.</summary>
public sealed class TokenInitializationTests : IDisposable
{
    private readonly SoftHsmToken _other = new("other");
    private readonly Pin _soPin = Pin.FromChars("so-12345678");
    private readonly Pin _userPin = Pin.FromChars("user-1234");

    public void Dispose()
    {
        _other.Dispose();
        _soPin.Dispose();
        _userPin.Dispose();
    }

    [Fact]
    public void A_blank_token_gets_its_label_and_both_PINs()
    {
        InitializedToken made = Initialize("fresh");

        Assert.Equal((InitializationStep.Whole, "fresh", true), (made.Step, made.Token.Label, made.Token.HasUserPin));
        Assert.Equal(Address("fresh"), made.Address);
        AssertOpens(made.Address);
        AssertOfficer(made.Address, _soPin);
    }

    [Fact]
    public void Looking_changes_nothing_and_says_what_would_be_done()
    {
        string[] before = Directory.GetFileSystemEntries(_other.Storage, "*", SearchOption.AllDirectories);
        Assert.Equal(InitializationStep.Whole, TokenInitialization.Look(Address("fresh")).Step);
        Assert.Equal(InitializationStep.None, TokenInitialization.Look(Address("other")).Step);
        Assert.Equal(before, Directory.GetFileSystemEntries(_other.Storage, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void Tokens_of_one_library_are_initialised_one_after_the_other_even_by_many_at_once()
    {
        InitializedToken[] made = new InitializedToken[4];
        Parallel.For(0, made.Length, new ParallelOptions { MaxDegreeOfParallelism = made.Length }, i => made[i] = Initialize($"fresh-{i}"));

        Assert.Equal(made.Length, made.DistinctBy(m => m.Token.SerialNumber).Count());
        Assert.All(made, m => AssertOpens(m.Address));
        Assert.Equal(made.Length + 1, Directory.GetDirectories(_other.Storage).Length);
    }

    [Fact]
    public void A_token_that_is_initialised_is_left_alone_and_hears_no_PIN()
    {
        using var library = Pkcs11Library.Open(_other.Address.Library);
        long before = Calls();

        Assert.Equal(InitializationStep.None, Initialize("other").Step);

        Assert.Equal(before, Calls());
        using var connection = TokenConnection.Open(_other.Address, _other.Pin, readWrite: false, CancellationToken.None);

        long Calls() => new[] { FunctionIndex.C_InitToken, FunctionIndex.C_Login, FunctionIndex.C_InitPIN }.Sum(library.Functions.CallsOf);
    }

    [Fact]
    public void A_token_without_a_user_PIN_is_finished_with_the_PIN_of_its_security_officer()
    {
        AddWithoutUserPin("half", _soPin);

        Assert.Equal(InitializationStep.UserPin, TokenInitialization.Look(Address("half")).Step);
        InitializedToken made = Initialize("half");

        Assert.Equal(InitializationStep.UserPin, made.Step);
        AssertOpens(made.Address);
    }

    [Fact]
    public void A_wrong_PIN_of_the_security_officer_is_sent_once()
    {
        AddWithoutUserPin("half", _soPin);
        using Pin wrong = Pin.FromChars("wrong-5678");
        using var library = Pkcs11Library.Open(_other.Address.Library);
        long before = library.Functions.CallsOf(FunctionIndex.C_Login);

        Refusal.Of(ErrorCode.PinIncorrect, () => Initialize("half", wrong), wrong);

        Assert.Equal(before + 1, library.Functions.CallsOf(FunctionIndex.C_Login));
        Assert.Equal(InitializationStep.UserPin, TokenInitialization.Look(Address("half")).Step);
        // Nobody stays logged in, and the right PIN still finishes it.
        AssertOpens(Initialize("half").Address);
    }

    [Theory]
    [InlineData(Ckf.SoPinLocked)]
    [InlineData(Ckf.SoPinFinalTry)]
    public void The_PIN_of_a_security_officer_whom_one_more_wrong_one_locks_out_is_not_sent(ulong flag)
    {
        AddWithoutUserPin("half", _soPin);
        using var calls = new NativeFaults(_other.Address.Library) { After = call => TokenFlags.Set(call, flag) };
        Refusal.Of(ErrorCode.PinLocked, () => Initialize("half"));
        Assert.Equal(0, calls.Functions.CallsOf(FunctionIndex.C_Login));
    }

    [Fact]
    public void A_user_PIN_that_the_token_does_not_take_is_refused_before_it_has_a_label()
    {
        using Pin tooShort = Pin.FromChars("123");
        Refusal.Of(ErrorCode.InvalidArgument, () => TokenInitialization.Initialize(Address("fresh"), _soPin, tooShort, null, CancellationToken.None));
        Assert.Single(Directory.GetDirectories(_other.Storage));
    }

    [Fact]
    public void A_soft_token_that_is_made_anew_has_another_serial_number_which_the_address_then_names()
    {
        string old = Initialize("fresh").Token.SerialNumber;
        _other.MakeBlank();

        InitializedToken made = TokenInitialization.Initialize(Address("fresh") with { TokenSerial = old }, _soPin, _userPin, null, CancellationToken.None);

        Assert.NotEqual(old, made.Token.SerialNumber);
        Assert.Equal(made.Token.SerialNumber, made.Address.TokenSerial);
        AssertOpens(made.Address);
        // And once more, as after a kill before anybody could write the new number down.
        Assert.Equal((InitializationStep.None, made.Address), Step(TokenInitialization.Look(Address("fresh") with { TokenSerial = old })));
    }

    [Fact]
    public void A_token_that_is_another_nodes_is_not_taken_in_spite_of_its_label()
    {
        string others = TokenInitialization.Look(_other.Address).Token.SerialNumber;

        InitializedToken made = TokenInitialization.Initialize(
            Address("other") with { TokenSerial = "0123456789abcdef" }, _soPin, _userPin, [others], CancellationToken.None);

        Assert.Equal(InitializationStep.Whole, made.Step);
        Assert.NotEqual(others, made.Token.SerialNumber);
        Assert.Equal(2, Directory.GetDirectories(_other.Storage).Length);
    }

    [Fact]
    public void A_blank_token_that_has_no_label_to_get_is_left_blank()
    {
        var address = new TokenAddress(_other.Address.Library, null, "0123456789abcdef");
        Refusal.Of(ErrorCode.InvalidArgument, () => TokenInitialization.Initialize(address, _soPin, _userPin, null, CancellationToken.None));
        Assert.Single(Directory.GetDirectories(_other.Storage));
    }

    [Fact]
    public void A_token_that_is_not_blank_any_more_when_its_turn_comes_is_not_wiped()
    {
        using var calls = new NativeFaults(_other.Address.Library);
        // The two tokens are looked at once, and then the blank one again.
        calls.After = call => TokenFlags.Set(call, call.Number > 2 ? Ckf.TokenInitialized : 0);

        Refusal.Of(ErrorCode.Busy, () => Initialize("fresh"));

        Assert.Single(Directory.GetDirectories(_other.Storage));
    }

    private TokenAddress Address(string label) => _other.Address with { TokenLabel = label };

    private InitializedToken Initialize(string label, Pin? soPin = null) =>
        TokenInitialization.Initialize(Address(label), soPin ?? _soPin, _userPin, null, CancellationToken.None);

    private static (InitializationStep, TokenAddress) Step(InitializedToken token) => (token.Step, token.Address);

    private void AddWithoutUserPin(string label, Pin soPin)
    {
        using var library = Pkcs11Library.Open(_other.Address.Library);
        Assert.Equal(Ckr.Ok, library.TryInitToken(library.GetTokens().Single(t => !t.IsInitialized).SlotId, label, soPin.Bytes));
    }

    private void AssertOpens(TokenAddress address)
    {
        using var connection = TokenConnection.Open(address, _userPin, readWrite: true, CancellationToken.None);
        Assert.Empty(connection.Session.FindTokenObjects());
    }

    private static void AssertOfficer(TokenAddress address, Pin soPin)
    {
        using var library = Pkcs11Library.Open(address.Library);
        using Pkcs11Session session = library.OpenSession(library.FindToken(address.TokenLabel, address.TokenSerial).SlotId, readWrite: true);
        Assert.Equal(Ckr.Ok, session.TryLogin(Cku.So, soPin.Bytes));
        session.Logout();
    }
}

/// <summary>Blank databases of NSS softoken, which have a label before they are initialised and no PIN of a security officer.</summary>
[Collection(NssToken.Collection)]
public sealed class NssInitializationTests
{
    [NssFact]
    public void A_blank_database_gets_its_user_PIN()
    {
        using var token = new NssToken("nss");
        using Pin soPin = Pin.FromChars("so-12345678");
        token.MakeBlank();

        InitializedToken made = TokenInitialization.Initialize(token.Address, soPin, token.Pin, null, CancellationToken.None);

        Assert.Equal((InitializationStep.Whole, "nss"), (made.Step, made.Token.Label));
        using (TokenConnection.Open(made.Address, token.Pin, readWrite: true, CancellationToken.None))
        {
            Assert.Equal(InitializationStep.None, TokenInitialization.Look(token.Address).Step);
        }
    }

    [NssFact]
    public void A_label_that_it_cannot_have_is_refused()
    {
        using var token = new NssToken("nss");
        using Pin soPin = Pin.FromChars("so-12345678");
        token.MakeBlank();
        Refusal.Of(ErrorCode.TokenMismatch,
            () => TokenInitialization.Initialize(token.Address with { TokenLabel = "mine" }, soPin, token.Pin, null, CancellationToken.None));
        Assert.Equal(InitializationStep.Whole, TokenInitialization.Look(token.Address).Step);
    }
}
