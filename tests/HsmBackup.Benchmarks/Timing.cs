using System.Diagnostics;

namespace HsmBackup.Benchmarks;

/// <summary>How long something took, in milliseconds: on the clock, and of all processors together.</summary>
internal readonly record struct Timing(double Wall, double Processor)
{
    /// <summary>Measures work.</summary>
    public static Timing Of(Action work)
    {
        TimeSpan processor = Environment.CpuUsage.TotalTime;
        long wall = Stopwatch.GetTimestamp();
        work();
        return new Timing(Stopwatch.GetElapsedTime(wall).TotalMilliseconds, (Environment.CpuUsage.TotalTime - processor).TotalMilliseconds);
    }

    /// <summary>The medians.</summary>
    public static Timing MedianOf(IEnumerable<Timing> timings)
    {
        List<Timing> all = [.. timings];
        return new Timing(Median(all.Select(t => t.Wall)), Median(all.Select(t => t.Processor)));
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}

/// <summary>One run of one program.</summary>
/// <param name="Core">The calls alone, with what is done with their results.</param>
/// <param name="Whole">From the start of the library to its end.</param>
/// <param name="Calls">How often each function was called in the core.</param>
internal sealed record RunTimes(Timing Core, Timing Whole, IReadOnlyDictionary<string, long> Calls);
