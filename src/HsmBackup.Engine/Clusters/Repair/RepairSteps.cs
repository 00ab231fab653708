using System.Diagnostics;
using HsmBackup.Engine.Backup;

namespace HsmBackup.Engine.Clusters.Repair;

/// <summary>The steps of a repair, as they come out.</summary>
/// <param name="stop">Cancelled where the caller gives up: then what happens is no failure of a step.</param>
internal sealed class RepairSteps(CancellationToken stop)
{
    private static readonly string[] Order = ["Initialize", "Join", "Fill", "Prove", "Definition"];

    private readonly Dictionary<string, RepairStep> _steps = new(StringComparer.Ordinal);

    /// <summary>Every step; what was not come to is NotRun.</summary>
    public IReadOnlyList<RepairStep> All => [.. Order.Select(name => _steps.GetValueOrDefault(name) ?? new RepairStep(name, CheckOutcome.NotRun, TimeSpan.Zero, ""))];

    /// <summary>Whether each step was done or needed nothing.</summary>
    public bool AllPassed => All.All(s => s.Outcome is CheckOutcome.Passed or CheckOutcome.Skipped);

    /// <summary>Why not; empty where it was.</summary>
    public string Reason => string.Join("; ", All.Where(s => s.Outcome == CheckOutcome.Failed).Select(s => $"{s.Name}: {s.Detail}"));

    /// <summary>What kind of failure the first failed step ended with.</summary>
    public ErrorCode? Error { get; private set; }

    /// <summary>Does a step.</summary>
    /// <returns>False where it failed.</returns>
    public bool Run(string name, Func<(CheckOutcome Outcome, string Detail)> step)
    {
        var watch = Stopwatch.StartNew();
        CheckOutcome outcome;
        string detail;
        try
        {
            (outcome, detail) = step();
        }
        catch (Exception e) when (!stop.IsCancellationRequested
            && e is not (OperationCanceledException or OutOfMemoryException or HsmBackupException { Code: ErrorCode.Cancelled }))
        {
            // Whatever a library does: the steps before were done, and the report must say so.
            (outcome, detail) = (CheckOutcome.Failed, NodeFailure.ReasonOf(e));
            Error ??= NodeFailure.CodeOf(e);
        }
        _steps[name] = new RepairStep(name, outcome, watch.Elapsed, detail);
        return outcome is CheckOutcome.Passed or CheckOutcome.Skipped;
    }

    /// <summary>Writes down a step that another one has done as a part of itself.</summary>
    public void Insert(string name, bool done, bool needed) => _steps[name] = new RepairStep(
        name, done ? CheckOutcome.Passed : needed ? CheckOutcome.NotRun : CheckOutcome.Skipped, TimeSpan.Zero, "");
}
