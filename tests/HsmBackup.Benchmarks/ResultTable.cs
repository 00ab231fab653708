using System.Globalization;

namespace HsmBackup.Benchmarks;

/// <summary>The figures, for people.</summary>
internal static class ResultTable
{
    /// <summary>The head of the table.</summary>
    /// <param name="reference">What the engine is compared with.</param>
    public static void Heading(string reference = "C program")
    {
        Line("", reference, "engine", "ratio", "of processor time");
        Console.WriteLine(new string('-', 116));
    }

    /// <summary>A line with both times on the clock, their ratio, and the ratio of the processor times, which other programs disturb less.</summary>
    public static void Compare(string what, (Timing Reference, Timing Engine) times) => Line(what,
        Milliseconds(times.Reference.Wall), Milliseconds(times.Engine.Wall),
        Ratio(times.Engine.Wall / times.Reference.Wall), Ratio(times.Engine.Processor / times.Reference.Processor));

    /// <summary>Whether a goal was reached.</summary>
    public static void Judge(string what, double figure, double goal, string format)
    {
        string reached = figure <= goal ? "reached" : "missed";
        Console.WriteLine(
            $"{what}: {figure.ToString(format, CultureInfo.InvariantCulture)}. Goal: at most {goal.ToString(format, CultureInfo.InvariantCulture)}, {reached}.");
    }

    private static void Line(string what, string reference, string engine, string ratio, string processor) =>
        Console.WriteLine($"{what,-62} {reference,12} {engine,12} {ratio,8} {processor,18}");

    private static string Milliseconds(double time) => time.ToString("F1", CultureInfo.InvariantCulture) + " ms";

    private static string Ratio(double ratio) => ratio.ToString("F3", CultureInfo.InvariantCulture);
}
