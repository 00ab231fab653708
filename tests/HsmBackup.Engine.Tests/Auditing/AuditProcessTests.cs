using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Tests.Format;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Auditing;

/// <summary>Several processes write one log, and some are killed.</summary>
public sealed class AuditProcessTests : IDisposable
{
    private const int KilledBySignal = 137;
    private readonly AuditSample _sample = new();

    public void Dispose() => _sample.Dispose();

    [Fact]
    public void Eight_processes_that_write_a_thousand_entries_each_leave_an_intact_chain()
    {
        List<AuditWriter> writers = [.. Enumerable.Range(0, 8).Select(_ => new AuditWriter(_sample.State, 1000))];
        var written = new List<long>();
        foreach ((int exitCode, string output, string errors) in writers.AsParallel().WithDegreeOfParallelism(8).Select(w => w.End()).ToList())
        {
            Assert.True(exitCode == 0, errors);
            written.AddRange(output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse));
        }
        writers.ForEach(w => w.Dispose());
        Assert.Equal(Enumerable.Range(1, 8000).Select(i => (long)i), written.Order());
        AuditTestResult result = _sample.Log.Test(new AuditFacts());
        Assert.True(result.Passed, result.Summary);
        Assert.Equal((8000, 8000), (result.Entries, result.Confirmed));
        Assert.Empty(result.Findings);
        Assert.All(_sample.Entries().CountBy(e => e.Process), p => Assert.Equal(1000, p.Value));
    }

    [UnixFact]
    public void Writers_that_are_killed_at_any_moment_lose_no_entry_that_they_told_of()
    {
        var random = new Random(7);
        for (int round = 0; round < 6; round++)
        {
            using var writer = new AuditWriter(_sample.State, int.MaxValue);
            string? told = null;
            for (int i = random.Next(1, 60); i > 0; i--)
            {
                told = writer.Next();
            }
            writer.Kill();
            AuditEntry next = _sample.Add("after the kill");
            Assert.True(next.Sequence > long.Parse(told!, System.Globalization.CultureInfo.InvariantCulture));
            AuditTestResult result = _sample.Log.Test(new AuditFacts());
            Assert.True(result.Passed, result.Summary);
        }
    }

    [KillFact(withShim: true)]
    public void A_kill_at_any_step_and_within_a_write_is_repaired_and_reported()
    {
        using TestFolder work = new();
        string shim = work.File("killshim.so");
        string log = work.File("steps");
        Tool.Run("gcc", ["-O1", "-shared", "-fPIC", "-o", shim, Path.Combine(AppContext.BaseDirectory, "killshim.c"), "-ldl"]);
        AuditEntry before = _sample.Add();
        using (AuditWriter whole = Watched(("HSMBACKUP_SHIM_LOG", log)))
        {
            Assert.Equal(0, whole.End().ExitCode);
        }
        string[] steps = File.ReadAllLines(log);
        int line = Array.FindIndex(steps, s => s.Contains("pwrite", StringComparison.Ordinal) && s.EndsWith(".jsonl", StringComparison.Ordinal)) + 1;
        Assert.True(line > 0, string.Join('\n', steps));
        int repaired = 0;
        for (int step = 1; step <= steps.Length; step++)
        {
            foreach (int bytes in step == line ? (int[])[0, 1, 50, 200] : [0])
            {
                using AuditWriter writer = Watched(("HSMBACKUP_SHIM_KILL", $"{step}"), ("HSMBACKUP_SHIM_TEAR", $"{bytes}"));
                Assert.Equal(KilledBySignal, writer.End().ExitCode);
                AuditEntry? told = null;
                new AuditLog(_sample.State) { Repaired = e => told = e }.Append(new AuditRecord("New-HsmBackup", AuditResult.Started));
                Assert.Equal(bytes == 0 ? null : $"{bytes}", told?.Details[AuditRepair.CutBytes]);
                repaired += told is null ? 0 : 1;
                AuditTestResult result = _sample.Log.Test(new AuditFacts { Heads = [new AuditFact("the test", before.Head)] });
                Assert.True(result.Passed, result.Summary);
                Assert.Equal(repaired, result.Findings.Count(f => f.Kind == AuditFindingKind.Repaired));
            }
        }
        Assert.Equal(3, repaired);

        AuditWriter Watched(params (string Name, string Value)[] more) =>
            new(_sample.State, 1, [("LD_PRELOAD", shim), ("HSMBACKUP_SHIM_FOLDERS", _sample.Log.Folder), .. more]);
    }
}
