using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>
/// Restores to tokens that refuse, lie, or do something else than they were told. The token has to be as it was, or the error
/// has to say that it is not.
/// </summary>
public sealed class FaultyTokenRestoreTests : IDisposable
{
    private readonly BackupFixture _fixture = new();
    private readonly BackupResult _backup;
    private readonly List<string> _before;

    public FaultyTokenRestoreTests()
    {
        _fixture.Fill(c =>
        {
            c.Aes("a", 32);
            c.Aes("b", 32);
            c.Aes("c", 32);
            c.Data("data", isPrivate: true);
        });
        _backup = _fixture.BackUp();
        // Of another token: everything of the backup is to be added, and what is there is to go.
        _fixture.Token.Replace();
        _fixture.Fill(c =>
        {
            c.Aes("old", 32);
            c.Data("a", isPrivate: false, [1]);
        });
        _before = Witness.OfToken(_fixture.Token);
    }

    public void Dispose()
    {
        _backup.Key!.Dispose();
        _fixture.Dispose();
    }

    [Theory]
    [InlineData(1, Ckr.DeviceMemory)]
    [InlineData(2, Ckr.DeviceMemory)]
    [InlineData(3, 0x80000042)]
    public void When_the_token_refuses_a_key_it_is_as_it_was(int number, ulong answer)
    {
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        int made = 0;
        faults.Before = call => IsTokenUnwrap(call) && ++made == number ? answer : null;

        HsmBackupException refusal = Refusal.Of(ErrorCode.RestoreFailed, () => _fixture.Restore(_backup));

        Assert.Contains("C_UnwrapKey", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("as it was", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(_before, Witness.OfToken(_fixture.Token));
        AssertNoJournal();
    }

    [Fact]
    public void What_a_refused_key_leaves_half_made_is_removed()
    {
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        faults.Spoil = call => call.MakesTokenObject && call.Label == "c";
        string[] objects = Objects();

        Refusal.Of(ErrorCode.RestoreFailed, () => _fixture.Restore(_backup));

        Assert.Equal(_before, Witness.OfToken(_fixture.Token));
        // Not even a file that the token does not show.
        Assert.Equal(objects, Objects());
        AssertNoJournal();
    }

    [Fact]
    public void An_object_that_another_program_makes_meanwhile_is_not_taken_for_what_a_refused_key_left()
    {
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        bool made = false;
        faults.Spoil = call =>
        {
            bool spoil = call.MakesTokenObject && call.Label == "c";
            if (spoil && !made)
            {
                made = true;
                MakeForeign("theirs");
            }
            return spoil;
        };

        Refusal.Of(ErrorCode.RestoreFailed, () => _fixture.Restore(_backup));

        Assert.Equal(["theirs"], Witness.Missing(Witness.OfToken(_fixture.Token), _before).Select(LabelOf));
        Assert.Empty(Witness.Missing(_before, Witness.OfToken(_fixture.Token)));
    }

    [Fact]
    public void When_what_was_added_cannot_be_taken_back_the_error_says_so_and_the_restore_can_be_finished()
    {
        using (var faults = new NativeFaults(_fixture.Token.Address.Library))
        {
            int made = 0;
            bool broken = false;
            faults.Before = call =>
            {
                broken |= IsTokenUnwrap(call) && ++made == 3;
                return broken && call.Function is FunctionIndex.C_UnwrapKey or FunctionIndex.C_DestroyObject && broken ? Ckr.DeviceError : null;
            };

            HsmBackupException refusal = Refusal.Of(ErrorCode.RestoreInterrupted, () => _fixture.Restore(_backup));

            Assert.DoesNotContain("as it was", refusal.Message, StringComparison.Ordinal);
        }
        Assert.Empty(Witness.Missing(_before, Witness.OfToken(_fixture.Token)));
        RestoreResult result = _fixture.Restore(_backup);
        Assert.True(result.Exact);
        Assert.True(result.Resumed);
        Assert.Equal(Witness.OfBackup(_backup.Path, _backup.Key!), Witness.OfToken(_fixture.Token));
    }

    [Fact]
    public void A_token_that_restores_another_key_than_it_was_given_is_found_out_and_nothing_is_removed()
    {
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        byte[]? first = null;
        faults.Exchange = call =>
        {
            first ??= call.Label == "a" ? call.Wrapped.ToArray() : null;
            return call.MakesTokenObject && call.Label == "b" ? first : null;
        };

        HsmBackupException refusal = Refusal.Of(ErrorCode.RestoreFailed, () => _fixture.Restore(_backup));

        Assert.Contains("'b'", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("another one", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(_before, Witness.OfToken(_fixture.Token));
        AssertNoJournal();
    }

    [Fact]
    public void Attributes_that_the_token_ignores_are_reported_and_the_restore_is_not_exact()
    {
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        var added = new HashSet<ulong>();
        faults.After = call =>
        {
            if (IsTokenUnwrap(call) && call.ReturnValue == Ckr.Ok)
            {
                added.Add(call.Handle);
            }
            else if (call.Function == FunctionIndex.C_GetAttributeValue && added.Contains(call.Handle))
            {
                // opencryptoki: what it was told to keep inside, it says it shows.
                call.Answer(Cka.Sensitive, false);
            }
        };

        RestoreResult result = _fixture.Restore(_backup);

        Assert.False(result.Exact);
        List<RestoredObject> keys = [.. result.Objects.Where(o => o.Object.Class == "CKO_SECRET_KEY" && o.Action == PlanAction.Add)];
        Assert.Equal(3, keys.Count);
        Assert.All(keys, k => Assert.Contains("CKA_SENSITIVE", Assert.Single(k.Differences), StringComparison.Ordinal));
    }

    [Fact]
    public void What_the_token_will_not_remove_leaves_the_backup_complete_on_it_and_a_restore_to_be_finished()
    {
        using (var faults = new NativeFaults(_fixture.Token.Address.Library))
        {
            bool added = false;
            faults.Before = call =>
            {
                added |= IsTokenUnwrap(call);
                return call.Function == FunctionIndex.C_DestroyObject && added ? Ckr.ActionProhibited : null;
            };

            HsmBackupException refusal = Refusal.Of(ErrorCode.RestoreInterrupted, () => _fixture.Restore(_backup));

            Assert.Contains("CKR_ACTION_PROHIBITED", refusal.Message, StringComparison.Ordinal);
        }
        Assert.Empty(Witness.Missing(Witness.OfBackup(_backup.Path, _backup.Key!), Witness.OfToken(_fixture.Token)));
        RestoreResult result = _fixture.Restore(_backup);
        Assert.True(result is { Exact: true, Resumed: true });
        Assert.Equal(_backup.Objects, result.Kept);
    }

    [Fact]
    public void What_is_not_in_the_safety_backup_is_not_removed()
    {
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        ulong old = 0;
        int wrapped = 0;
        faults.After = call => old = call.Function == FunctionIndex.C_GetAttributeValue && call.Label == "old" ? call.Handle : old;
        // The plan is made with it, the safety backup without: it was there, and now its wrapping fails.
        faults.Before = call => call.Function == FunctionIndex.C_WrapKey && call.Handle == old && ++wrapped == 2 ? Ckr.DeviceMemory : null;

        HsmBackupException refusal = Refusal.Of(ErrorCode.WouldDestroyUnrecoverable, () => _fixture.Restore(_backup));

        Assert.Equal(2, wrapped);
        Assert.Contains("'old'", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(_before, Witness.OfToken(_fixture.Token));
        AssertNoJournal();
        Assert.Empty(BackupCatalogue.List(Path.Combine(_fixture.State, "safety"), out _));
    }

    [Fact]
    public void A_token_that_somebody_wrote_to_since_the_plan_was_made_is_refused()
    {
        using (RestoreOperation restore = _fixture.Prepare(_backup))
        {
            MakeForeign("theirs");
            Refusal.Of(ErrorCode.Busy, () => restore.Execute(null, CancellationToken.None));
        }

        Assert.Equal(["theirs"], Witness.Missing(Witness.OfToken(_fixture.Token), _before).Select(LabelOf));
        Assert.Empty(Witness.Missing(_before, Witness.OfToken(_fixture.Token)));
        AssertNoJournal();
    }

    [Fact]
    public void A_restore_that_is_disposed_twice_destroys_nothing_of_the_next_one()
    {
        RestoreOperation restore = _fixture.Prepare(_backup);
        restore.Dispose();
        using (TokenConnection next = _fixture.Open())
        {
            using var calls = new NativeFaults(_fixture.Token.Address.Library);
            restore.Dispose();
            Assert.Equal(0, calls.CallsOf(FunctionIndex.C_DestroyObject));
        }
        Assert.Equal(_before, Witness.OfToken(_fixture.Token));
    }

    [Fact]
    public void What_somebody_adds_while_the_restore_runs_stays_and_the_restore_says_that_it_is_not_exact()
    {
        bool made = false;
        var progress = new Watch(p =>
        {
            if (p.Status == "Adding and proving" && !made)
            {
                made = true;
                MakeForeign("theirs");
            }
        });
        using (RestoreOperation restore = _fixture.Prepare(_backup))
        {
            HsmBackupException refusal = Refusal.Of(ErrorCode.RestoreInterrupted, () => restore.Execute(progress, CancellationToken.None));
            Assert.Contains("'theirs'", refusal.Message, StringComparison.Ordinal);
        }
        Assert.Contains("theirs", Witness.OfToken(_fixture.Token).Select(LabelOf));
        // It may not leave the token, so the restore that finishes will not remove it without being told.
        Refusal.Of(ErrorCode.WouldDestroyUnrecoverable, () => _fixture.Restore(_backup));
    }

    [Fact]
    public void A_write_protected_token_is_refused()
    {
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        faults.After = call => TokenFlags.Set(call, Ckf.WriteProtected);

        HsmBackupException refusal = Refusal.Of(ErrorCode.RestoreFailed, () => _fixture.Restore(_backup));

        Assert.Contains("write-protected", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, faults.CallsOf(FunctionIndex.C_CreateObject));
        Assert.Equal(0, faults.CallsOf(FunctionIndex.C_DestroyObject));
        Assert.False(Directory.Exists(_fixture.State));
    }

    private static bool IsTokenUnwrap(NativeCall call) => call.Function == FunctionIndex.C_UnwrapKey && call.MakesTokenObject;

    private static string LabelOf(string line) => line.Split(' ')[1];

    /// <summary>Another session of this process, as another program would have.</summary>
    private void MakeForeign(string label)
    {
        using var library = Pkcs11Library.Open(_fixture.Token.Address.Library);
        TokenInfo token = library.FindToken(_fixture.Token.Address.TokenLabel, null);
        using Pkcs11Session session = library.OpenSession(token.SlotId, readWrite: true);
        new TokenContent(session).Aes(label, 32, map => map.Set(Cka.Extractable, false));
    }

    /// <summary>The files of the token's objects.</summary>
    private string[] Objects() =>
        [.. Directory.GetFiles(Path.GetDirectoryName(_fixture.Token.Address.Library.Path)!, "*.object", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private void AssertNoJournal() => Assert.Empty(Directory.GetFiles(_fixture.State, "*.json*"));
}
