namespace HsmBackup.Benchmarks;

/// <summary>Runs of the two programs in turns, and what they come to.</summary>
internal sealed class Comparison
{
    private readonly List<RunTimes> _reference = [];
    private readonly List<RunTimes> _engine = [];

    private Comparison()
    {
    }

    /// <summary>Calls that one program made and the other did not; empty where the comparison is fair.</summary>
    public string Differences => string.Join("; ", _reference[0].Calls.Where(c => _engine[0].Calls[c.Key] != c.Value)
        .Select(c => $"{c.Key}: {c.Value} by the C program, {_engine[0].Calls[c.Key]} by the engine"));

    /// <summary>Lets the programs take turns.</summary>
    public static Comparison Run(BenchmarkOptions options, Func<RunTimes> reference, Func<RunTimes> engine)
    {
        var comparison = new Comparison();
        for (int i = -options.WarmUp; i < options.Runs; i++)
        {
            RunTimes one = reference();
            RunTimes other = engine();
            if (i >= 0)
            {
                comparison._reference.Add(one);
                comparison._engine.Add(other);
            }
        }
        return comparison;
    }

    /// <summary>Medians of the C program and of the engine.</summary>
    public (Timing Reference, Timing Engine) Medians(Func<RunTimes, Timing> what) =>
        (Timing.MedianOf(_reference.Select(what)), Timing.MedianOf(_engine.Select(what)));
}
