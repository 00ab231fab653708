using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>
/// Restores of single keys to tokens that refuse, lie, or do something else than they were told. The token has to be as it was, or the
/// error has to say that it is not, and what was not asked for is never touched.
/// </summary>
public sealed class FaultyTokenKeyRestoreTests : IDisposable
{
    private static readonly KeySelection Keys = new() { Labels = [new NameFilter("key-*", l => l.StartsWith("key-", StringComparison.Ordinal))] };

    private readonly BackupFixture _fixture = new();
    private readonly BackupResult _backup;
    private readonly List<string> _before;
    private readonly string[] _files;

    public FaultyTokenKeyRestoreTests()
    {
        _fixture.Fill(c =>
        {
            c.Aes("key-a", 32, t => t.Set(Cka.Id, [1]));
            c.Aes("key-b", 32, t => t.Set(Cka.Id, [2]));
            c.Aes("key-c", 32, t => t.Set(Cka.Id, [3]));
        });
        _backup = _fixture.BackUp();
        _fixture.Token.Replace();
        _fixture.Fill(c =>
        {
            c.Aes("bystander", 32, t => t.Set(Cka.Id, [9]));
            c.Data("bystander", isPrivate: false, [1]);
        });
        _before = Witness.OfToken(_fixture.Token);
        _files = Objects();
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

        HsmBackupException refusal = Refusal.Of(ErrorCode.RestoreFailed, () => _fixture.RestoreKeys(_backup, Keys));

        Assert.Contains("C_UnwrapKey", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("as it was", refusal.Message, StringComparison.Ordinal);
        AssertAsItWas();
    }

    [Fact]
    public void What_a_refused_key_leaves_half_made_is_removed()
    {
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        faults.Spoil = call => call.MakesTokenObject && call.Label == "key-c";

        Refusal.Of(ErrorCode.RestoreFailed, () => _fixture.RestoreKeys(_backup, Keys));

        AssertAsItWas();
        Assert.Equal(_files, Objects());
    }

    [Fact]
    public void A_token_that_makes_another_key_of_it_is_found_out_and_nothing_stays()
    {
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        byte[]? first = null;
        faults.Exchange = call =>
        {
            first ??= call.Label == "key-a" ? call.Wrapped.ToArray() : null;
            return call.MakesTokenObject && call.Label == "key-b" ? first : null;
        };

        HsmBackupException refusal = Refusal.Of(ErrorCode.RestoreFailed, () => _fixture.RestoreKeys(_backup, Keys));

        Assert.Contains("another one", refusal.Message, StringComparison.Ordinal);
        AssertAsItWas();
    }

    [Fact]
    public void When_what_was_added_cannot_be_taken_back_the_error_says_so_and_a_second_run_keeps_it()
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

            HsmBackupException refusal = Refusal.Of(ErrorCode.RestoreInterrupted, () => _fixture.RestoreKeys(_backup, Keys));

            Assert.DoesNotContain("as it was", refusal.Message, StringComparison.Ordinal);
        }
        KeyRestoreResult result = _fixture.RestoreKeys(_backup, Keys);
        Assert.True(result.Exact);
        Assert.True(result.Resumed);
        Assert.Equal((1, 2), (result.Added, result.Kept));
        Assert.Empty(Witness.Missing(_before, Witness.OfToken(_fixture.Token)));
        AssertNoJournal();
    }

    [Fact]
    public void What_is_to_be_replaced_and_cannot_be_removed_stays_beside_and_a_second_run_removes_it()
    {
        _fixture.Fill(c => c.Aes("key-b", 32, t => t.Set(Cka.Id, [2])));
        List<string> before = Witness.OfToken(_fixture.Token);
        string safety;
        using (var faults = new NativeFaults(_fixture.Token.Address.Library))
        {
            using (KeyRestoreOperation operation = _fixture.PrepareKeys(_backup, Keys, r => r with { Replace = true }))
            {
                ulong rival = operation.Plan.Steps.Single(step => step.Item.Action == PlanAction.Replace).Target!.Handle;
                faults.Before = call => call.Function == FunctionIndex.C_DestroyObject && call.Handle == rival ? Ckr.ActionProhibited : null;

                Refusal.Of(ErrorCode.RestoreInterrupted, () => operation.Execute(null, CancellationToken.None));
            }
            Assert.Empty(Witness.Missing(before, Witness.OfToken(_fixture.Token)));
            safety = Assert.Single(Directory.GetFiles(Path.Combine(_fixture.State, "safety"), "*.hsmbackup"));
            Assert.Equal(before, Witness.OfBackup(safety, _backup.Key!));
        }
        KeyRestoreResult result = _fixture.RestoreKeys(_backup, Keys, r => r with { Replace = true });

        Assert.True(result.Exact);
        Assert.Equal((0, 3, 1), (result.Added, result.Kept, result.Removed));
        Assert.Equal(safety, result.SafetyBackupPath);
        Assert.Equal([.. Witness.OfBackup(_backup.Path, _backup.Key!).Concat(_before).Order(StringComparer.Ordinal)], Witness.OfToken(_fixture.Token));
    }

    [Fact]
    public void A_namesake_that_cannot_be_read_stops_it_before_anything_is_written()
    {
        _fixture.Fill(c => c.Aes("key-b", 32, t => t.Set(Cka.Id, [2])));
        List<string> before = Witness.OfToken(_fixture.Token);
        using (var faults = new NativeFaults(_fixture.Token.Address.Library))
        {
            bool found = false;
            faults.Before = call =>
            {
                // The probe reads attributes too, of its own objects.
                found |= call.Function == FunctionIndex.C_FindObjectsInit && call.MakesTokenObject;
                return found && call.Function == FunctionIndex.C_GetAttributeValue ? Ckr.FunctionFailed : null;
            };
            Refusal.Of(ErrorCode.RestoreFailed, () => _fixture.RestoreKeys(_backup, Keys, r => r with { Replace = true }));
        }
        Assert.Equal(before, Witness.OfToken(_fixture.Token));
    }

    [Theory]
    [InlineData("Trying every object")]
    [InlineData("Adding and proving")]
    public void Cancelled_on_the_way_it_leaves_the_token_as_it_was(string phase)
    {
        using var stop = new CancellationTokenSource();
        using (KeyRestoreOperation operation = _fixture.PrepareKeys(_backup, Keys))
        {
            int seen = 0;
            var progress = new Watch(p =>
            {
                if (p.Status == phase && ++seen == 2)
                {
                    stop.Cancel();
                }
            });
            Assert.ThrowsAny<OperationCanceledException>(() => operation.Execute(progress, stop.Token));
        }
        AssertAsItWas();
    }

    private static bool IsTokenUnwrap(NativeCall call) => call.Function == FunctionIndex.C_UnwrapKey && call.MakesTokenObject;

    private string[] Objects() =>
        [.. Directory.GetFiles(Path.Combine(Path.GetDirectoryName(_fixture.Token.Address.Library.Path)!, "tokens"), "*.object", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private void AssertAsItWas()
    {
        Assert.Equal(_before, Witness.OfToken(_fixture.Token));
        AssertNoJournal();
    }

    private void AssertNoJournal() => Assert.Empty(Directory.Exists(_fixture.State) ? Directory.GetFiles(_fixture.State, "*.json") : []);
}
