using System.Diagnostics;
using System.Globalization;
using HsmBackup.Engine;
using HsmBackup.Engine.Pkcs11;

namespace EngineDrill;

/// <summary>Runs the steps of a drill and prints them as one table, line by line as they end.</summary>
internal sealed class DrillReport
{
    private readonly TextWriter _output;
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private Exception? _failure;
    private int _steps;

    public DrillReport(TextWriter output)
    {
        _output = output;
        Print("Step", "Result", "Objects", "Time");
        Print(new string('-', 56), "--------", "--------", "----------");
    }

    /// <summary>True where at least one step was run and every one passed.</summary>
    public bool Passed => _failure is null && _steps > 0;

    /// <summary>Runs a step that is not about a number of objects.</summary>
    public void Run(string name, Action step) => Run(name, () =>
    {
        step();
        return null;
    });

    /// <summary>Runs a step that must do something with at least one object; without any it has failed.</summary>
    public void RunOnObjects(string name, Func<int> step) => Run(name, () => step() is > 0 and var objects
        ? (int?)objects
        : throw new DrillException("There was nothing to do this with, and that proves nothing."));

    /// <summary>The last line, and what went wrong if anything did.</summary>
    public void Finish()
    {
        Print("Total", Passed ? "Passed" : "Failed", "", Seconds(_watch.Elapsed));
        if (_failure is not null)
        {
            _output.WriteLine();
            _output.WriteLine(Explain(_failure));
        }
    }

    /// <summary>An error as a person should read it.</summary>
    public static string Explain(Exception error) => error switch
    {
        HsmBackupException e => $"{e.Code}: {e.Message} {e.RecommendedAction}",
        Pkcs11Exception e => $"{e.Function} returned {Names.OfReturnValue(e.ReturnValue)}.",
        OperationCanceledException => "It was stopped.",
        DrillException e => e.Message,
        _ => error.ToString(),
    };

    private void Run(string name, Func<int?> step)
    {
        _steps++;
        if (_failure is not null)
        {
            Print(name, "NotRun", "", "");
            return;
        }
        var watch = Stopwatch.StartNew();
        try
        {
            int? objects = step();
            Print(name, "Passed", objects?.ToString(CultureInfo.InvariantCulture) ?? "", Seconds(watch.Elapsed));
        }
#pragma warning disable CA1031 // Whatever ended the step, the table must be finished and everything removed.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _failure = e;
            Print(name, "Failed", "", Seconds(watch.Elapsed));
        }
    }

    private void Print(string step, string result, string objects, string time) =>
        _output.WriteLine($"{step,-56} {result,-8} {objects,8} {time,10}".TrimEnd());

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("F2", CultureInfo.InvariantCulture) + " s";
}
