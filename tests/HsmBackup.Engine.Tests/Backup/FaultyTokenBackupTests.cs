using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>Backups of tokens that fail in ways that no real token can be made to fail in when a test wants it.</summary>
public sealed class FaultyTokenBackupTests : IDisposable
{
    private const ulong VendorCode = 0x80000042;

    private readonly BackupFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void A_token_that_takes_no_secret_key_by_value_gets_its_KEK_by_RSA_OAEP_and_everything_works()
    {
        _fixture.Fill();
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        int refused = 0;
        faults.Before = call =>
        {
            bool isSecret = call.Function == FunctionIndex.C_CreateObject && call.ObjectClass == Cko.SecretKey;
            refused += isSecret ? 1 : 0;
            return isSecret ? Ckr.TemplateInconsistent : null;
        };

        BackupResult backup = _fixture.BackUp();

        Assert.Equal(KekImport.RsaOaep, backup.Capabilities.KekImport);
        Assert.True(backup.Complete);
        Assert.True(refused > 0);
        _fixture.Token.Replace();
        RestoreResult result = _fixture.Restore(backup);
        Assert.True(result.Exact);
        Assert.Equal(backup.Objects, result.Proven);
        TestResult live = TestOperation.Run(new TestRequest
        {
            Path = backup.Path,
            Level = TestLevel.Live,
            Key = backup.Key,
            Token = _fixture.Token.Address,
            Pin = _fixture.Token.Pin,
        }, null, CancellationToken.None);
        Assert.True(live.Passed, live.Summary);
    }

    [Fact]
    public void A_token_into_which_no_KEK_can_be_brought_is_refused_with_both_reasons()
    {
        _fixture.Fill(c => c.Aes("key", 32));
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        faults.Before = call => call.Function switch
        {
            FunctionIndex.C_CreateObject => VendorCode,
            FunctionIndex.C_UnwrapKey => Ckr.KeyFunctionNotPermitted,
            _ => null,
        };

        HsmBackupException refusal = Refusal.Of(ErrorCode.TokenCannotWrap, () => _fixture.BackUp(keyPath: Path.Combine(_fixture.Folder, "key")));

        Assert.Contains("0x80000042", refusal.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("CKR_KEY_FUNCTION_NOT_PERMITTED", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(Refusal.Everything(_fixture.Folder));
    }

    [Fact]
    public void A_key_that_the_token_will_not_wrap_is_NotWrappable_with_the_vendors_code_and_no_backup_is_written()
    {
        FillWithFive();
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        FailWrappingOf("k3", faults);

        HsmBackupException refusal = Refusal.Of(ErrorCode.BackupIncomplete, () => _fixture.BackUp(keyPath: Path.Combine(_fixture.Folder, "key")));

        var verdicts = Assert.IsType<VerdictList>(refusal.Result);
        Assert.Equal(4, verdicts.Captured);
        ObjectSummary missed = Assert.Single(verdicts, v => v.Verdict == Verdict.NotWrappable);
        Assert.Equal("k3", missed.Label);
        Assert.Contains("0x80000042", missed.Reason, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("k3", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(Refusal.Everything(_fixture.Folder));
    }

    [Fact]
    public void A_backup_that_may_miss_a_key_says_Partial_everywhere()
    {
        FillWithFive();
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        FailWrappingOf("k3", faults);

        BackupResult backup = _fixture.BackUp(allowPartial: true);

        Assert.False(backup.Complete);
        Assert.Equal((5, 4), (backup.Objects, backup.Captured));
        BackupInfo listed = Assert.Single(BackupCatalogue.List(_fixture.Backups, out _));
        Assert.False(listed.Complete);
        TestResult test = TestOperation.Run(new TestRequest { Path = backup.Path, Level = TestLevel.Content, Key = backup.Key }, null, CancellationToken.None);
        Assert.False(test.Complete);
        Assert.Contains("Partial", test.Summary, StringComparison.Ordinal);
        Refusal.Of(ErrorCode.BackupIncomplete, () => _fixture.Prepare(backup));
    }

    [Theory]
    [InlineData(Ckr.DeviceRemoved)]
    [InlineData(Ckr.SessionHandleInvalid)]
    [InlineData(Ckr.UserNotLoggedIn)]
    public void A_token_that_goes_away_between_two_keys_ends_the_backup(ulong answer)
    {
        FillWithFive();
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        FailWrappingOf("k3", faults, answer);

        Refusal.Of(ErrorCode.TokenError, () => _fixture.BackUp(allowPartial: true, keyPath: Path.Combine(_fixture.Folder, "key")));

        Assert.Empty(Refusal.Everything(_fixture.Folder));
    }

    [Fact]
    public void An_odd_length_that_the_token_cannot_keep_makes_the_key_Inexact_and_its_restore_never_exact()
    {
        _fixture.Fill(c => c.Generic("odd", 33));
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        // No RSA key pair, so no way round.
        faults.Before = call => call.Function == FunctionIndex.C_GenerateKeyPair ? Ckr.MechanismInvalid : null;
        HsmBackupException refusal = Refusal.Of(ErrorCode.BackupIncomplete, () => _fixture.BackUp());
        Assert.Contains("Inexact", refusal.Message, StringComparison.Ordinal);
        BackupResult backup = _fixture.BackUp(allowPartial: true);
        Assert.Equal(1, backup.Verdicts.Inexact);

        _fixture.Token.Replace();
        RestoreResult result = _fixture.Restore(backup, change: r => r with { AllowPartial = true });

        // It is on the token, 40 bytes long instead of 33.
        RestoredObject restored = Assert.Single(result.Objects);
        Assert.NotEmpty(restored.Differences);
        Assert.False(result.Exact);
        RestoreResult again = _fixture.Restore(backup, change: r => r with { AllowPartial = true });
        Assert.Equal(1, again.Kept);
        Assert.False(again.Exact);
    }

    private void FillWithFive() => _fixture.Fill(c =>
    {
        for (int i = 1; i <= 5; i++)
        {
            c.Aes($"k{i}", 32);
        }
    });

    /// <summary>The key is known by its label, which the engine has just read.</summary>
    private static void FailWrappingOf(string label, NativeFaults faults, ulong answer = VendorCode)
    {
        ulong handle = 0;
        faults.After = call =>
        {
            if (call.Function == FunctionIndex.C_GetAttributeValue && call.Label == label)
            {
                handle = call.Handle;
            }
        };
        faults.Before = call => call.Function == FunctionIndex.C_WrapKey && call.Handle == handle && handle != 0 ? answer : null;
    }
}
