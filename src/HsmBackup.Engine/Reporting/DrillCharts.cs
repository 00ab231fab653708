using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Drills;

namespace HsmBackup.Engine.Reporting;

/// <summary>The charts of a drill.</summary>
internal static class DrillCharts
{
    private const int MostBars = 24;
    private const int MostDrills = 12;

    /// <summary>
    /// The steps as they followed each other; steps of one name as one where there are many. Null where nothing was timed.
    /// </summary>
    public static Drawing? OfSteps(DrillReport report)
    {
        List<(string Name, TimeSpan Elapsed, bool IsRecovery, bool Failed)> parts =
        [
            .. report.Steps.Where(s => s.Started is not null)
                .Select(s => (NameOf(s, report), s.Elapsed, s.IsRecovery, s.Outcome == CheckOutcome.Failed)),
        ];
        if (parts.Count > MostBars)
        {
            parts = [.. report.Steps.Where(s => s.Started is not null).GroupBy(s => s.Name).Select(g => (
                $"{DrillWords.OfStep(g.Key)} ({PlainText.Count(g.Count(), "time", "times")})",
                new TimeSpan(g.Sum(s => s.Elapsed.Ticks)), g.First().IsRecovery, g.Any(s => s.Outcome == CheckOutcome.Failed)))];
        }
        double whole = parts.Sum(p => p.Elapsed.TotalSeconds);
        if (parts.Count == 0 || whole <= 0)
        {
            return null;
        }
        var bars = new List<Bar>();
        double start = 0;
        foreach ((string name, TimeSpan elapsed, bool isRecovery, bool failed) in parts)
        {
            double length = elapsed.TotalSeconds / whole;
            bars.Add(new Bar(name, PlainText.Span(elapsed) + (failed ? ", failed" : ""), start, length,
                failed ? "over" : isRecovery ? "part" : "beside"));
            start += length;
        }
        string words = "Time of each step: " + string.Join("; ", bars.Select(b => $"{b.Name} {b.Value}")) + ".";
        return BarChart.Draw("steps-chart", "Where the time went", words, bars);
    }

    /// <summary>
    /// Recovery times of this drill and those before it of its scenario, against the target. Null where there is only this one and no
    /// target.
    /// </summary>
    public static Drawing? OfHistory(DrillReport report)
    {
        FormerDrill[] drills =
        [
            .. report.Former.Where(f => f.Scenario == report.Scenario).TakeLast(MostDrills - 1),
            new FormerDrill(report.Id, report.Scenario, report.Started, report.Result, report.Measures.RecoveryTime)
            {
                SoftwareTargets = report.Environment.SoftwareTargets,
            },
        ];
        TimeSpan? target = report.Measures.RecoveryTimeTarget;
        double longest = drills.Max(d => d.RecoveryTime?.TotalSeconds ?? 0);
        if (longest <= 0 || (drills.Length == 1 && target is null))
        {
            return null;
        }
        // A little room behind the longest, so that the line of the target is not the edge of the chart.
        double scale = Math.Max(longest, target?.TotalSeconds ?? 0) * 1.05;
        bool byDay = drills.Select(d => PlainText.Day(d.Started)).Distinct(StringComparer.Ordinal).Count() == drills.Length;
        Bar[] bars = [.. drills.Select(d =>
            BarOf(d, byDay ? PlainText.Day(d.Started) : PlainText.Minute(d.Started), d.Id == report.Id, target, scale))];
        string words = "Recovery time of each drill: " + string.Join("; ", bars.Select(b => $"{b.Name} {b.Value}"))
            + (target is { } t ? $". The target is {PlainText.Span(t)}." : ".");
        return BarChart.Draw("history-chart", "Recovery time over the drills of this scenario", words, bars,
            target is { } line ? (line.TotalSeconds / scale, "target " + PlainText.Span(line)) : null);
    }

    // There is no room for a whole backup id on a telephone; its end tells it from the others.
    private static string NameOf(DrillStep step, DrillReport report) =>
        step.Subject is not { } subject
            || report.Steps.Select(s => s.Subject).OfType<string>().Distinct(StringComparer.Ordinal).Count() == 1
            ? DrillWords.OfStep(step.Name)
        : $"{DrillWords.OfStep(step.Name)} ({(subject.Length > 12 ? "\u2026" + subject[^8..] : subject)})";

    private static Bar BarOf(FormerDrill drill, string when, bool isThis, TimeSpan? target, double scale)
    {
        // Bars of software tokens and of HSMs stand side by side, and are not to be compared.
        string name = when + (isThis ? ", this drill" : "") + (drill.SoftwareTargets ? " (software)" : "");
        string result = drill.Result == DrillResult.Passed ? "" : $", {DrillWords.Of(drill.Result)}";
        return drill.RecoveryTime is { } time
            ? new Bar(name, PlainText.Span(time) + result, 0, time.TotalSeconds / scale,
                drill.Result != DrillResult.Passed || time > target ? "over" : isThis ? "part" : "beside")
            : new Bar(name, DrillWords.Of(drill.Result) + ", no recovery time", 0, 0, null);
    }
}
