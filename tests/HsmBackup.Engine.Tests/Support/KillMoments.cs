namespace HsmBackup.Engine.Tests.Support;

/// <summary>A moment to kill a process.</summary>
/// <param name="Line">The line of its output after which the time runs.</param>
/// <param name="Delay">How long after.</param>
internal readonly record struct KillMoment(string Line, TimeSpan Delay);

/// <summary>
/// Random moments to kill a run at. Half of them are spread evenly over the time of an undisturbed run, which the start of a
/// process takes most of; the other half first choose a phase and then a moment in it, so that short phases get their share.
/// HSMBACKUP_SEED repeats a run, HSMBACKUP_SOAK=1 makes many more rounds.
/// </summary>
internal sealed class KillMoments
{
    private readonly Random _random = new(Seed);
    private readonly List<(string Name, TimeSpan Length)> _phases;

    private KillMoments(TimeSpan whole, List<(string Name, TimeSpan Length)> phases)
    {
        Whole = whole;
        _phases = phases;
    }

    public static int Seed { get; } = int.TryParse(Environment.GetEnvironmentVariable("HSMBACKUP_SEED"), out int seed) ? seed : Random.Shared.Next();

    public static bool IsSoak => Environment.GetEnvironmentVariable("HSMBACKUP_SOAK") == "1";

    /// <summary>How long an undisturbed run takes.</summary>
    public TimeSpan Whole { get; }

    /// <summary>How many kills there are to be.</summary>
    public static int Rounds(int usual) => IsSoak ? 200 : usual;

    /// <summary>Learns from undisturbed runs how long each phase takes; the shortest counts, for a kill that comes too late is none.</summary>
    public static KillMoments Measure(Func<CrashRun> run)
    {
        List<CrashRun> runs = [.. Enumerable.Range(0, 3).Select(_ => run())];
        if (runs.Find(r => !r.IsDone) is { } failed)
        {
            throw new InvalidOperationException(failed.ToString());
        }
        IEnumerable<(string Name, TimeSpan Length)> lengths = runs.SelectMany(r => r.Phases.Zip(
            r.Phases.Skip(1).Select(p => p.At).Append(r.Elapsed), (phase, end) => (phase.Name, end - phase.At)));
        return new KillMoments(runs.Min(r => r.Elapsed),
            [.. lengths.GroupBy(l => l.Name).Select(g => (g.Key, g.Min(l => l.Length)))]);
    }

    /// <summary>True once in so many times.</summary>
    public bool Once(int inTimes) => _random.Next(inTimes) == 0;

    public KillMoment Next()
    {
        if (_random.Next(2) == 0)
        {
            return new KillMoment("ready", Whole * _random.NextDouble());
        }
        (string name, TimeSpan length) = _phases[_random.Next(_phases.Count)];
        return new KillMoment("phase " + name, length * _random.NextDouble());
    }

    public override string ToString() => $"HSMBACKUP_SEED={Seed}; an undisturbed run takes {Whole.TotalMilliseconds:F0} ms: "
        + string.Join(", ", _phases.Select(p => $"{p.Name} {p.Length.TotalMilliseconds:F1}"));
}
