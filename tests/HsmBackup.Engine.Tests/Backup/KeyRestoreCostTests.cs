using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>
/// What it costs to bring single keys back: on a network HSM each native call is a round trip. Their number follows from the keys that
/// were asked for, and not from what else the token holds.
/// </summary>
public sealed class KeyRestoreCostTests : IDisposable
{
    private const int Lost = 5;

    private readonly BackupFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void The_number_of_native_calls_does_not_grow_with_the_rest_of_the_token()
    {
        SortedDictionary<string, long> small = Costs(others: 60);
        SortedDictionary<string, long> large = Costs(others: 600);

        Assert.Equal(Lost, small[nameof(FunctionIndex.C_UnwrapKey)] - ProbeCalls(FunctionIndex.C_UnwrapKey) - Lost);
        Assert.Equal(Text(small), Text(large));
    }

    [Fact]
    public void Looking_for_many_keys_reads_the_names_of_all_once_instead_of_searching_for_each()
    {
        _fixture.Fill(c => Fill(c, 100));
        BackupResult backup = _fixture.BackUp();
        using var calls = new NativeFaults(_fixture.Token.Address.Library);

        KeyRestoreResult result = _fixture.RestoreKeys(backup, new KeySelection { Labels = [new NameFilter("*", _ => true)] });

        Assert.Equal(100 + Lost, result.Kept);
        // The probe has its own, and those for session objects; none is for one key.
        Assert.InRange(calls.CallsOf(FunctionIndex.C_FindObjectsInit), 1, 12);
    }

    /// <summary>All native calls of a restore by function, with the same objects lost on a token that holds so many others.</summary>
    private SortedDictionary<string, long> Costs(int others)
    {
        _fixture.Token.Replace();
        _fixture.Fill(c => Fill(c, others));
        BackupResult backup = _fixture.BackUp();
        using (TokenConnection connection = _fixture.Open())
        {
            for (int i = 0; i < Lost; i++)
            {
                ulong handle = connection.Session.FindObjects(new AttributeMap().Set(Cka.Token, true).Set(Cka.Label, $"lost-{i}")).Single();
                Assert.Equal(Ckr.Ok, connection.Session.TryDestroyObject(handle));
            }
        }
        using var calls = new NativeFaults(_fixture.Token.Address.Library);
        KeyRestoreResult result = _fixture.RestoreKeys(backup, new KeySelection
        {
            Labels = [new NameFilter("lost-*", l => l.StartsWith("lost-", StringComparison.Ordinal))],
        });
        Assert.True(result.Exact);
        Assert.Equal(Lost, result.Added);
        return new SortedDictionary<string, long>(
            Enum.GetValues<FunctionIndex>().Where(f => calls.Functions.CallsOf(f) > 0).ToDictionary(f => f.ToString(), calls.Functions.CallsOf), StringComparer.Ordinal);
    }

    private long ProbeCalls(FunctionIndex function)
    {
        using var calls = new NativeFaults(_fixture.Token.Address.Library);
        using TokenConnection connection = _fixture.Open();
        _ = connection.Capabilities;
        return calls.Functions.CallsOf(function);
    }

    private static void Fill(TokenContent content, int others)
    {
        for (int i = 0; i < Lost; i++)
        {
            content.Aes($"lost-{i}", 32);
        }
        for (int i = 0; i < others; i++)
        {
            content.Aes($"other-{i}", 32);
        }
    }

    private static string Text(SortedDictionary<string, long> calls) => string.Join('\n', calls.Select(c => $"{c.Key} {c.Value}"));
}
