using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;
using Xunit.Abstractions;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>
/// Restores of single keys in processes that are killed (SIGKILL): before each native call that changes the token, and before each
/// step on disk. What was not asked for is never touched, and a second run ends it.
/// </summary>
public sealed class KeyRestoreKillTests : IDisposable
{
    private const string Wanted = "wanted";
    private const int StepSample = 16;

    private readonly BackupFixture _fixture = new("kill");
    private readonly ITestOutputHelper _output;
    private readonly string _tokens;
    private readonly string _drifted;
    private readonly string _keyPath;
    private readonly BackupResult _backup;
    private readonly List<string> _inBackup;
    private readonly List<string> _before;
    private readonly CrashHost _host;

    public KeyRestoreKillTests(ITestOutputHelper output)
    {
        _output = output;
        _tokens = Path.Combine(Path.GetDirectoryName(_fixture.Token.Address.Library.Path)!, "tokens");
        _drifted = Path.Combine(_fixture.Folder, "drifted");
        _keyPath = Path.Combine(_fixture.Folder, "key");
        _fixture.Fill(c =>
        {
            c.Aes("wanted-lost", 32);
            c.Generic("wanted-odd", 20, t => t.Set(Cka.Sensitive, false));
            c.Ec("wanted-pair", TokenContent.P256, t => t.Set(Cka.Sensitive, false));
            c.Data("wanted-data", isPrivate: true);
            c.Aes("wanted-changed", 32, t => t.Set(Cka.Id, [0x77]));
            c.Aes("bystander", 32);
            c.Data("bystander", isPrivate: false);
        });
        _backup = _fixture.BackUp(keyPath: _keyPath);
        _inBackup = Witness.OfBackup(_backup.Path, _backup.Key!);
        using (TokenConnection connection = _fixture.Open())
        {
            foreach (string label in (string[])["wanted-lost", "wanted-odd", "wanted-pair", "wanted-data", "wanted-changed"])
            {
                foreach (ulong handle in connection.Session.FindObjects(new AttributeMap().Set(Cka.Label, label)))
                {
                    connection.Session.TryDestroyObject(handle);
                }
            }
        }
        _fixture.Fill(c =>
        {
            c.Aes("wanted-changed", 32, t => t.Set(Cka.Id, [0x77]));
            c.Aes("of another", 32, t => t.Set(Cka.Id, [0x99]).Set(Cka.Extractable, false));
        });
        _before = Witness.OfToken(_fixture.Token);
        Folders.Copy(_tokens, _drifted);
        _host = new CrashHost(_fixture.Token);
    }

    public void Dispose()
    {
        _backup.Key!.Dispose();
        _fixture.Dispose();
    }

    [KillFact]
    public void Killed_before_any_call_that_changes_the_token_it_leaves_only_what_a_second_run_keeps()
    {
        _host.Environment["HSMBACKUP_KILL_AT"] = "count";
        Reset();
        CrashRun whole = Run();
        Assert.True(whole.IsDone, whole.ToString());
        foreach (string function in (string[])["C_CreateObject", "C_UnwrapKey", "C_DestroyObject"])
        {
            for (int number = 1; number <= whole.CallsOf(function); number++)
            {
                _host.Environment["HSMBACKUP_KILL_AT"] = $"{function}:{number}";
                KillAndFinish($"before {function} number {number}", Run);
            }
        }
    }

    [KillFact(withShim: true)]
    public void Killed_while_the_token_writes_an_object_it_leaves_only_what_a_second_run_keeps()
    {
        var shim = new KillShim(_host, _fixture.Folder, _tokens);
        Reset();
        string[] steps = shim.Steps(Run);
        int[] chosen = [.. Enumerable.Range(1, steps.Length)];
        new Random(KillMoments.Seed).Shuffle(chosen);
        _output.WriteLine($"HSMBACKUP_SEED={KillMoments.Seed}, {steps.Length} steps");
        foreach (int step in KillMoments.IsSoak ? chosen : chosen.Take(StepSample))
        {
            KillAndFinish($"before {steps[step - 1]}", () => shim.RunUntil(step, Run));
        }
    }

    private CrashRun Run() => _host.RestoreKeys(_backup.Path, _keyPath, _fixture.State, Wanted);

    private void Reset()
    {
        Directory.Delete(_tokens, recursive: true);
        Folders.Copy(_drifted, _tokens);
        if (Directory.Exists(_fixture.State))
        {
            Directory.Delete(_fixture.State, recursive: true);
        }
    }

    private void KillAndFinish(string when, Func<CrashRun> restore)
    {
        Reset();
        CrashRun run = restore();
        Assert.True(run.Killed, $"{when}: {run}");
        List<string> now = Witness.OfToken(_fixture.Token);
        _output.WriteLine($"{when}, {run.LastPhase}: {string.Join("; ", Witness.Missing(now, _before))}");
        // What is gone is what was replaced, and its replacement is there.
        List<string> gone = Witness.Missing(_before, now);
        Assert.True(gone.TrueForAll(g => g.Contains("wanted-changed", StringComparison.Ordinal)) && Witness.Missing(gone, _before).Count == 0, $"{when}: gone: {string.Join("; ", gone)}");
        Assert.True(gone.Count == 0 || _inBackup.Where(o => o.Contains("wanted-changed", StringComparison.Ordinal)).All(now.Contains), $"{when}: removed before the other was there");

        KeyRestoreResult result = _fixture.RestoreKeys(_backup,
            new KeySelection { Labels = [new NameFilter(Wanted, l => l.StartsWith(Wanted, StringComparison.Ordinal))] }, r => r with { Replace = true });

        Assert.True(result.Exact, $"{when}: {string.Join("\n", result.Objects)}");
        List<string> after = Witness.OfToken(_fixture.Token);
        List<string> expected = [.. _before.Where(b => !b.Contains(Wanted, StringComparison.Ordinal)).Concat(_inBackup.Where(b => b.Contains(Wanted, StringComparison.Ordinal))).Order(StringComparer.Ordinal)];
        Assert.True(after.SequenceEqual(expected), $"{when}: expected\n{string.Join('\n', expected)}\nfound\n{string.Join('\n', after)}");
    }
}
