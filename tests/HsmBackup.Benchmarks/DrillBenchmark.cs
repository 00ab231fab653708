using System.Globalization;
using HsmBackup.Engine;
using HsmBackup.Engine.Drills;

namespace HsmBackup.Benchmarks;

/// <summary>
/// The recovery of a lost cluster of one node with 1,000 keys, rehearsed on a software token in memory: how long it takes from looking for the
/// backup to the last key that was used, and which share of that is not spent within the calls of the token's library.
/// </summary>
internal static class DrillBenchmark
{
    private const double Goal = 0.10;

    /// <summary>Measures, and says what came out.</summary>
    /// <exception cref="InvalidOperationException">A drill did not pass, or a key was not proven and used.</exception>
    public static void Run(BenchmarkOptions options, string folder)
    {
        var library = new TimedLibrary(options.Library, folder);
        using var cluster = new DrilledFolder(options.Library, library.Path, Path.Combine(folder, "drill"));
        StepTimes first = Drill(cluster, library);
        for (int i = 1; i < options.WarmUp; i++)
        {
            Drill(cluster, library);
        }
        List<StepTimes> runs = [.. Enumerable.Range(0, options.Runs).Select(_ => Drill(cluster, library)).OrderBy(r => r.Whole.Wall)];
        StepTimes median = runs[runs.Count / 2];
        Console.WriteLine();
        Console.WriteLine(FormattableString.Invariant($"Drill ClusterLoss, {DrilledFolder.Keys} keys on one node, SoftHSM in memory: ")
            + FormattableString.Invariant($"the first of its process, and the median of {options.Runs} after {options.WarmUp}"));
        Console.WriteLine();
        Line("", "first", "outside", "median", "outside", "share");
        Console.WriteLine(new string('-', 84));
        foreach (string step in median.Steps.Keys)
        {
            Line(step, first.Steps[step], median.Steps[step]);
        }
        Line("Recovery", first.Whole, median.Whole);
        Console.WriteLine();
        ResultTable.Judge("Share outside PKCS#11 calls, the first drill of its process", first.Whole.Share, Goal, "F3");
        ResultTable.Judge("Share outside PKCS#11 calls, the median", median.Whole.Share, Goal, "F3");
    }

    private static StepTimes Drill(DrilledFolder cluster, TimedLibrary library)
    {
        var watch = new StepWatch(library);
        DrillReport report = cluster.Drill(watch);
        watch.End();
        DrillMeasures measures = report.Measures;
        if (report.Result != DrillResult.Passed || measures.KeysUsed != measures.KeysExpected || measures.KeysExpected < DrilledFolder.Keys)
        {
            throw new InvalidOperationException($"The drill: {report.Result}, {measures.KeysUsed} of {measures.KeysExpected} keys used. {report.Problem}");
        }
        var steps = report.Steps.Where(s => s.IsRecovery).ToDictionary(s => s.Name,
            s => new Spent(s.Elapsed.TotalMilliseconds, watch.Native.GetValueOrDefault(s.Name)), StringComparer.Ordinal);
        return new StepTimes(steps, new Spent(measures.RecoveryTime!.Value.TotalMilliseconds, steps.Values.Sum(s => s.Native)));
    }

    private static void Line(string step, Spent first, Spent median) =>
        Line(step, Milliseconds(first.Wall), Milliseconds(first.Outside), Milliseconds(median.Wall), Milliseconds(median.Outside),
            median.Share.ToString("P0", CultureInfo.InvariantCulture));

    private static void Line(string step, string first, string firstOutside, string median, string medianOutside, string share) =>
        Console.WriteLine($"{step,-16} {first,14} {firstOutside,14} {median,14} {medianOutside,14} {share,8}");

    private static string Milliseconds(double time) => time.ToString("F1", CultureInfo.InvariantCulture) + " ms";

    /// <summary>Time on the clock, and within PKCS#11 calls.</summary>
    private readonly record struct Spent(double Wall, double Native)
    {
        public double Outside => Wall - Native;

        public double Share => Outside / Wall;
    }

    private sealed record StepTimes(IReadOnlyDictionary<string, Spent> Steps, Spent Whole);

    /// <summary>Reads the time within PKCS#11 calls where a step of the drill begins.</summary>
    private sealed class StepWatch(TimedLibrary library) : IProgress<OperationProgress>
    {
        private string _step = "";
        private double _since = library.Milliseconds();

        public Dictionary<string, double> Native { get; } = new(StringComparer.Ordinal);

        public void Report(OperationProgress value)
        {
            string step = value.Status.Split(':')[0];
            if (step != _step)
            {
                End();
                _step = step;
            }
        }

        public void End()
        {
            double now = library.Milliseconds();
            Native[_step] = now - _since;
            _since = now;
        }
    }
}
