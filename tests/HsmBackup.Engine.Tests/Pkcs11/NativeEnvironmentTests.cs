using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Pkcs11;

public sealed class NativeEnvironmentTests
{
    [Fact]
    public void The_environment_of_one_call_does_not_lead_the_next_to_its_token()
    {
        // The same library file twice: with a configuration of its own, and then without.
        using ScratchToken token = ScratchToken.Create("mine");
        using (Pkcs11Library own = Pkcs11Library.Open(token.Address.Library))
        {
            Assert.Contains(own.GetTokens(), t => t.Label == "mine");
        }

        try
        {
            using Pkcs11Library plain = Pkcs11Library.Open(new LibraryLocation(token.Address.Library.Path));
            Assert.DoesNotContain(plain.GetTokens(), t => t.Label == "mine");
        }
        catch (HsmBackupException e)
        {
            // Without any configuration of its own SoftHSM may not start at all, which is as good.
            Assert.Equal(ErrorCode.LibraryLoadFailed, e.Code);
        }
    }

    [Fact]
    public void A_library_in_use_is_not_shared_with_somebody_who_wants_another_environment()
    {
        using ScratchToken token = ScratchToken.Create("mine");
        using Pkcs11Library own = Pkcs11Library.Open(token.Address.Library);

        var refused = Assert.Throws<HsmBackupException>(() => Pkcs11Library.Open(new LibraryLocation(token.Address.Library.Path)));

        Assert.Equal(ErrorCode.Busy, refused.Code);
    }

    [Fact]
    public void Libraries_that_start_one_after_the_other_each_have_time_for_it()
    {
        bool[] lost = new bool[2];
        Thread[] others;
        using (Hold("first"))
        {
            others = [.. Enumerable.Range(0, lost.Length).Select(i => new Thread(() =>
            {
                using NativeEnvironment.EnvironmentHold hold = Hold($"other {i}");
                TakeTime();
                lost[i] = hold.IsLost;
            }))];
            Array.ForEach(others, t => t.Start());
            TakeTime();
        }
        Array.ForEach(others, t => t.Join());

        Assert.Equal([false, false], lost);
    }

    private static NativeEnvironment.EnvironmentHold Hold(string value) =>
        NativeEnvironment.Hold(new Dictionary<string, string> { ["HSMBACKUP_TEST"] = value }, patiently: false);

    // Less than a library is waited for, and two of them more.
    private static void TakeTime() => Thread.Sleep(TimeSpan.FromSeconds(0.6));
}
