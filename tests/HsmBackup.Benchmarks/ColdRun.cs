using System.Diagnostics;
using System.Globalization;

namespace HsmBackup.Benchmarks;

/// <summary>A run in a process of its own, in which nothing of the engine has run before: what the user of one command waits for.</summary>
internal static class ColdRun
{
    /// <summary>The first argument of such a process.</summary>
    public const string Argument = "cold-run";

    private const int Processes = 3;

    /// <summary>The median of a few processes.</summary>
    /// <param name="phase">backup or restore.</param>
    /// <param name="folder">The folder of the benchmark.</param>
    /// <param name="library">SoftHSM's library.</param>
    public static Timing Measure(string phase, string folder, string library) =>
        Timing.MedianOf(Enumerable.Range(0, Processes).Select(_ => MeasureOne(phase, folder, library)).ToArray());

    /// <summary>What the process does, which was started with these arguments.</summary>
    public static void Run(string phase, string folder, string library)
    {
        var engine = new EngineRuns(folder, library);
        Timing whole = phase == "backup" ? engine.BackUpAndForget() : engine.Restore().Whole;
        Console.WriteLine(FormattableString.Invariant($"{whole.Wall} {whole.Processor}"));
    }

    private static Timing MeasureOne(string phase, string folder, string library)
    {
        string program = Environment.ProcessPath!;
        string[] self = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];
        var start = new ProcessStartInfo(program, [.. self, Argument, phase, folder, library]) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string[] times = process.StandardOutput.ReadToEnd().Split(' ');
        process.WaitForExit();
        return process.ExitCode == 0
            ? new Timing(double.Parse(times[0], CultureInfo.InvariantCulture), double.Parse(times[1], CultureInfo.InvariantCulture))
            : throw new InvalidOperationException($"A cold run ended with exit code {process.ExitCode}.");
    }
}
