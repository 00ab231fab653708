using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Tokens;

public sealed class OpencryptokiTests(OpencryptokiMachine machine) : IClassFixture<OpencryptokiMachine>
{
    [OpencryptokiFact]
    public void A_token_of_every_kind_of_object_is_lost_and_comes_back_as_its_table_says() =>
        TokenConformance.AssertTable("opencryptoki.txt", machine.Blank());

    [OpencryptokiFact]
    public unsafe void A_wrapping_that_was_tampered_with_gives_a_key_and_the_proof_refuses_it()
    {
        using var fixture = new BackupFixture(machine.Blank());
        fixture.Fill(content => content.Aes("key", 32));
        BackupResult backup = fixture.BackUp();
        fixture.Token.Replace();
        using (var faults = new NativeFaults(fixture.Token.Address.Library))
        {
            int garbage = 0;
            faults.Before = call =>
            {
                if (call.Function == FunctionIndex.C_UnwrapKey && call.MakesTokenObject)
                {
                    call.Buffer[0] ^= 1;
                }
                return null;
            };
            faults.After = call =>
            {
                if (call.Function == FunctionIndex.C_UnwrapKey && call.MakesTokenObject)
                {
                    call.Buffer[0] ^= 1;
                    garbage += call.ReturnValue == Ckr.Ok ? 1 : 0;
                }
            };

            HsmBackupException e = Assert.Throws<HsmBackupException>(() => fixture.Restore(backup));

            Assert.Equal(1, garbage);
            Assert.Equal(ErrorCode.RestoreFailed, e.Code);
            Assert.Contains("the key is another one", e.Message, StringComparison.Ordinal);
        }
        Assert.Empty(Witness.OfToken(fixture.Token));
    }

    [OpencryptokiFact]
    public void A_wrong_PIN_costs_one_of_three_tries()
    {
        using var token = machine.Blank();
        using var wrong = Pin.FromChars("wrong-12");
        using var faults = new NativeFaults(token.Address.Library);

        HsmBackupException e = Assert.Throws<HsmBackupException>(() => TokenConnection.Open(token.Address, wrong, readWrite: false, CancellationToken.None));

        Assert.Equal(ErrorCode.PinIncorrect, e.Code);
        Assert.Equal(1, faults.CallsOf(FunctionIndex.C_Login));
        using var library = Pkcs11Library.Open(token.Address.Library);
        TokenInfo info = library.FindToken(token.Address.TokenLabel, null);
        Assert.NotEqual(0ul, info.Flags & Ckf.UserPinCountLow);
        Assert.False(info.IsPinFinalTry);
        Assert.False(info.IsPinLocked);
        TokenConnection.Open(token.Address, token.Pin, readWrite: false, CancellationToken.None).Dispose();
    }
}
