using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>
/// Libraries, tokens and PINs that are wrong. Whatever the operation: a code of its own, the next step, the PIN sent once at
/// the most, and nothing left behind.
/// </summary>
public sealed class WrongTokenTests : IDisposable
{
    private readonly BackupFixture _fixture = new();
    private readonly BackupResult _backup;

    public WrongTokenTests()
    {
        _fixture.Fill(c => c.Aes("key", 32));
        _backup = _fixture.BackUp();
    }

    public static TheoryData<string> Operations => ["backup", "restore", "live test", "comparison"];

    public void Dispose()
    {
        _backup.Key!.Dispose();
        _fixture.Dispose();
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void A_wrong_pin_is_sent_exactly_once(string operation)
    {
        using Pin wrong = Pin.FromChars("not-the-pin-7391");
        using var calls = new NativeFaults(_fixture.Token.Address.Library);

        HsmBackupException refusal = AssertRefused(ErrorCode.PinIncorrect, operation, _fixture.Token.Address, wrong);

        Assert.Equal(1, calls.CallsOf(FunctionIndex.C_Login));
        Assert.Contains("sent once", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void A_locked_pin_is_not_tried(string operation)
    {
        using var calls = new NativeFaults(_fixture.Token.Address.Library);
        calls.After = call => TokenFlags.Set(call, Ckf.UserPinLocked);

        AssertRefused(ErrorCode.PinLocked, operation, _fixture.Token.Address);

        Assert.Equal(0, calls.CallsOf(FunctionIndex.C_Login));
    }

    [Theory]
    [InlineData(Ckr.PinLocked, ErrorCode.PinLocked)]
    [InlineData(Ckr.PinLenRange, ErrorCode.PinIncorrect)]
    [InlineData(Ckr.PinExpired, ErrorCode.TokenError)]
    [InlineData(Ckr.DeviceError, ErrorCode.TokenError)]
    [InlineData(0x80000042, ErrorCode.TokenError)]
    public void Whatever_login_answers_the_pin_is_sent_once(ulong answer, ErrorCode expected)
    {
        using var calls = new NativeFaults(_fixture.Token.Address.Library);
        calls.Before = call => call.Function == FunctionIndex.C_Login ? answer : null;

        AssertRefused(expected, "backup", _fixture.Token.Address);

        Assert.Equal(1, calls.CallsOf(FunctionIndex.C_Login));
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void A_missing_pin_is_asked_for_before_anything_is_opened(string operation)
    {
        using var calls = new NativeFaults(_fixture.Token.Address.Library);

        AssertRefused(ErrorCode.PinRequired, operation, _fixture.Token.Address, pin: null, hasPin: false);

        Assert.Equal(0, calls.CallsOf(FunctionIndex.C_OpenSession));
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void A_missing_library_is_named(string operation)
    {
        string missing = Path.Combine(_fixture.Folder, "no-such-library.so");
        HsmBackupException refusal = AssertRefused(ErrorCode.LibraryNotFound, operation, new TokenAddress(new LibraryLocation(missing), "payments"));
        Assert.Contains(missing, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_is_no_library() =>
        AssertRefused(ErrorCode.LibraryNotFound, "backup", new TokenAddress(new LibraryLocation(_fixture.Folder), "payments"));

    [Theory]
    [MemberData(nameof(Operations))]
    public void A_file_that_is_no_library_is_refused(string operation)
    {
        string text = Path.Combine(_fixture.Folder, "readme.so");
        File.WriteAllText(text, "This is not a library.\n");
        AssertRefused(ErrorCode.LibraryLoadFailed, operation, new TokenAddress(new LibraryLocation(text), "payments"));
    }

    [Fact]
    public void A_library_that_is_not_a_PKCS11_library_is_refused()
    {
        string other = Directory.GetFiles(AppContext.BaseDirectory, "HsmBackup.Engine.dll")[0];
        string native = Directory.GetFiles(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "libSystem.Native.*").FirstOrDefault() ?? other;
        HsmBackupException refusal = AssertRefused(ErrorCode.LibraryLoadFailed, "backup", new TokenAddress(new LibraryLocation(native), "payments"));
        Assert.Contains("C_GetFunctionList", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_library_that_does_not_start_is_refused_with_what_it_answered()
    {
        string copy = Path.Combine(_fixture.Folder, "lost.so");
        File.Copy(_fixture.Token.Address.Library.Path, copy);
        var library = new LibraryLocation(copy) { Environment = new Dictionary<string, string> { ["SOFTHSM2_CONF"] = "/no/such/file" } };
        HsmBackupException refusal = AssertRefused(ErrorCode.LibraryLoadFailed, "backup", new TokenAddress(library, "payments"));
        Assert.Contains("CKR_GENERAL_ERROR", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void A_missing_label_is_refused_with_the_labels_that_there_are(string operation)
    {
        HsmBackupException refusal = AssertRefused(ErrorCode.TokenNotFound, operation, _fixture.Token.Address with { TokenLabel = "pay" });
        Assert.Contains("'payments'", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void A_label_that_two_tokens_have_is_refused(string operation)
    {
        AddToken("payments");
        HsmBackupException refusal = AssertRefused(ErrorCode.TokenAmbiguous, operation, _fixture.Token.Address);
        Assert.Contains("-TokenSerial", refusal.RecommendedAction, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void A_token_without_a_user_pin_is_refused(string operation)
    {
        AddToken("fresh", userPin: false);
        AssertRefused(ErrorCode.TokenNotInitialized, operation, _fixture.Token.Address with { TokenLabel = "fresh" });
    }

    [Fact]
    public void A_blank_token_is_refused()
    {
        using var calls = new NativeFaults(_fixture.Token.Address.Library);
        calls.After = call => TokenFlags.Set(call, 0, Ckf.TokenInitialized);
        using (var library = Pkcs11Library.Open(_fixture.Token.Address.Library))
        {
            string serial = library.GetTokens().First(t => t.Label == "payments").SerialNumber;
            AssertRefused(ErrorCode.TokenNotInitialized, "backup", _fixture.Token.Address with { TokenSerial = serial });
        }
    }

    /// <summary>Another token under the same library.</summary>
    private void AddToken(string label, bool userPin = true)
    {
        using var library = Pkcs11Library.Open(_fixture.Token.Address.Library);
        ulong slot = library.GetTokens().First(t => !t.IsInitialized).SlotId;
        if (userPin)
        {
            library.InitializeToken(slot, label, "12345678"u8, _fixture.Token.Pin.Bytes);
            return;
        }
        // C_InitPIN is refused, so the token is left without a user PIN.
        Assert.Throws<Pkcs11Exception>(() => library.InitializeToken(slot, label, "12345678"u8, []));
    }

    private HsmBackupException AssertRefused(ErrorCode code, string operation, TokenAddress token, Pin? pin = null, bool hasPin = true)
    {
        string destination = Path.Combine(_fixture.Folder, "new", "backups");
        string keyPath = Path.Combine(_fixture.Folder, "key");
        string[] before = Refusal.Everything(_fixture.Folder);
        Pin? used = hasPin ? pin ?? _fixture.Token.Pin : null;
        CancellationToken none = CancellationToken.None;

        HsmBackupException refusal = Refusal.Of(code, () => _ = operation switch
        {
            "backup" => BackupOperation.Run(new BackupRequest { Token = token, Pin = used, Destination = destination, KeyPath = keyPath }, null, none),
            "restore" => RestoreOperation.Prepare(
                new RestoreRequest { Path = _backup.Path, Key = _backup.Key!, Token = token, Pin = used, StateFolder = _fixture.State }, null, none),
            "live test" => TestOperation.Run(
                new TestRequest { Path = _backup.Path, Level = TestLevel.Live, Key = _backup.Key, Token = token, Pin = used }, null, none),
            _ => (object)CompareOperation.Run(
                new CompareRequest { ReferencePath = _backup.Path, ReferenceKey = _backup.Key!, Token = token, Pin = used }, null, none),
        }, used);

        Assert.Equal(before, Refusal.Everything(_fixture.Folder));
        return refusal;
    }
}
