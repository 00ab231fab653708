using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;
using Xunit.Abstractions;

namespace HsmBackup.Engine.Tests.Drills;

/// <summary>
/// Drills in processes of their own, on throw-away tokens and on a drill cluster in turns, some of them killed at random moments: after the
/// last one there is nothing of any. HSMBACKUP_SOAK=1 makes 50 drills of which 10 are killed, HSMBACKUP_SEED repeats them.
/// </summary>
public sealed class DrillSoakTests : IDisposable
{
    private const string TokenPin = "drill-648219";
    private static readonly string[] Late = [DrillStep.Restore, DrillStep.Prove, DrillStep.Use, DrillStep.CleanUp];

    private readonly ITestOutputHelper _output;
    private readonly Random _random = new(KillMoments.Seed);
    private readonly DrilledCluster _cluster = new();
    private readonly SoftHsmToken[] _tokens = [new("drill-1", TokenPin), new("drill-2", TokenPin), new("drill-3", TokenPin)];
    private readonly string _folder;
    private readonly string _library;
    private readonly string[] _shares;
    private readonly CrashHost _host;

    public DrillSoakTests(ITestOutputHelper output)
    {
        _output = output;
        _folder = Path.Combine(_cluster.Tokens.Folder, "soak");
        // By its name the folders of these drills' tokens are known among all that there are.
        _library = Path.Combine(_folder, $"soak-{Guid.NewGuid():N}.so");
        Directory.CreateDirectory(Path.Combine(_folder, "tmp"));
        File.Copy(ScratchToken.FindLibrary() ?? "", _library);
        _cluster.Fill();
        using (OneTimeKey key = _cluster.BackUp().Key!.Clone())
        {
            KeyFile.Write(KeyPath, null, key, _cluster.Keys.Keys.Single());
        }
        _cluster.Definition.Save(DefinitionPath);
        ClusterDefinition.Create("payments-drill",
            [.. _tokens.Select((t, i) => new ClusterNode { Name = $"drill-{i + 1}", Address = t.Address })])
            .Save(DrillDefinitionPath);
        _shares = [.. new[] { 1, 3, 5 }.Select(number => TextOf(_cluster.Tokens.Shares[number - 1]))];
        _host = new CrashHost(_tokens[0]);
        _host.Environment["TMPDIR"] = Path.Combine(_folder, "tmp");
        // A killed runtime leaves the socket of its debugger behind.
        _host.Environment["DOTNET_EnableDiagnostics"] = "0";
    }

    private string KeyPath => Path.Combine(_folder, "backup.key");

    private string DefinitionPath => Path.Combine(_folder, "payments" + ClusterDefinition.FileExtension);

    private string DrillDefinitionPath => Path.Combine(_folder, "payments-drill" + ClusterDefinition.FileExtension);

    public void Dispose()
    {
        Array.ForEach(_tokens, t => t.Dispose());
        _cluster.Dispose();
    }

    [KillFact]
    public void Of_drills_that_are_killed_nothing_is_left_after_the_next_ones()
    {
        (int drills, int kills) = KillMoments.IsSoak ? (50, 10) : (6, 2);
        _output.WriteLine($"HSMBACKUP_SEED={KillMoments.Seed}, {drills} drills, {kills} of them killed");
        // How long a drill takes, and what there is when none is under way; the last two, one on each ground, are to find nothing else.
        TimeSpan[] lengths = [Whole(Drill(DrillScenario.ClusterLoss, software: true)),
            Whole(Drill(DrillScenario.ClusterLoss, software: false))];
        string[] before = Traces();
        int killed = 0, run = 2;
        List<string> phases = [];
        while (run < drills - 2 || killed < kills)
        {
            bool software = run % 2 == 0;
            // As many kills as there are to be, whatever becomes of one: it may come when the drill is over.
            bool kill = killed < kills && (drills - 2 - run <= kills - killed || _random.Next(drills - 2 - run) < kills - killed);
            DrillScenario scenario = Enum.GetValues<DrillScenario>()[_random.Next(Enum.GetValues<DrillScenario>().Length)];
            CrashRun ended = Drill(scenario, software, kill ? MomentOf(killed, lengths[run % 2]) : null);
            Assert.True(ended.Killed || ended.IsDone, $"{scenario}, {(software ? "software" : "drill cluster")}: {ended}");
            killed += ended.Killed ? 1 : 0;
            run += ended.Killed == kill ? 1 : 0;
            if (ended.Killed)
            {
                phases.Add($"{(software ? "software" : "cluster")}: {ended.LastPhase.Split(':')[0]}");
            }
        }
        foreach (bool software in (bool[])[true, false])
        {
            CrashRun last = Drill(DrillScenario.ClusterLoss, software);
            Assert.True(last.IsDone, last.ToString());
        }
        foreach (IGrouping<string, string> phase in phases.GroupBy(p => p).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            _output.WriteLine($"{phase.Count(),3} killed at {phase.Key}");
        }
        Assert.Equal(kills, killed);
        Assert.Equal(before, Traces());
    }

    private CrashRun Drill(DrillScenario scenario, bool software, KillMoment? kill = null) =>
        _host.Drill(_shares, kill, DefinitionPath, software ? "-" : DrillDefinitionPath, scenario.ToString(), KeyPath, _cluster.State,
            _library);

    /// <summary>One of three at any time, which is often before anything was made; two while there is something on the targets.</summary>
    private KillMoment MomentOf(int kill, TimeSpan whole) => kill % 3 == 2
        ? new KillMoment("ready", whole * _random.NextDouble())
        : new KillMoment("phase " + Late[_random.Next(Late.Length)], whole * _random.NextDouble() / 10);

    private static TimeSpan Whole(CrashRun run) => run.IsDone ? run.Elapsed : throw new InvalidOperationException(run.ToString());

    /// <summary>
    /// Everything that a drill may leave: folders of tokens, files of the state and temporary ones, processes, objects on tokens and in
    /// their storage.
    /// </summary>
    private string[] Traces() =>
    [
        .. Directory.EnumerateDirectories(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), "hsmbackup-*")
            .Where(f => File.Exists(Path.Combine(f, Path.GetFileName(_library)))),
        .. Directory.EnumerateFileSystemEntries(_folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal),
        .. Directory.EnumerateFileSystemEntries(_cluster.State, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal),
        .. Directory.EnumerateDirectories("/proc").Where(IsOfDrill),
        .. _cluster.Tokens.Tokens.Concat(_tokens).SelectMany(Content),
    ];

    private bool IsOfDrill(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline")).Contains(_library, StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not a process, or one that has ended.
            return false;
        }
    }

    private static IEnumerable<string> Content(ITestToken token)
    {
        using var connection = TokenConnection.Open(token.Address, token.Pin, readWrite: false, CancellationToken.None);
        string label = token.Address.TokenLabel!;
        return
        [
            .. connection.Session.FindTokenObjects()
                .Select(h => $"{label}: {connection.Session.GetAttributes(h, Cka.Label).Text(Cka.Label)}")
                .Order(StringComparer.Ordinal),
            $"{label}: {Directory.EnumerateFiles(((SoftHsmToken)token).Storage, "*.object", SearchOption.AllDirectories).Count()} files",
        ];
    }

    private static string TextOf(Share share)
    {
        Span<char> text = stackalloc char[Share.MaxTextLength];
        return new string(text[..share.CopyText(text)]);
    }
}
