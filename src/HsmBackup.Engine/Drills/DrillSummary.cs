using System.Reflection;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Drills.Scenarios;

namespace HsmBackup.Engine.Drills;

/// <summary>Makes the report of a drill of what came out.</summary>
internal static class DrillSummary
{
    /// <summary>Where it was run.</summary>
    public static DrillEnvironment Environment(DrillRun run) => new()
    {
        Computer = System.Environment.MachineName,
        User = System.Environment.UserName,
        OperatingSystem = System.Runtime.InteropServices.RuntimeInformation.OSDescription,
        ToolVersion = "HsmBackup " + (typeof(DrillSummary).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
            ?.InformationalVersion.Split('+')[0] ?? ""),
        SoftwareTargets = run.Ground.DrillCluster is null,
        DrillCluster = run.Ground.DrillCluster,
        Targets = [.. run.Ground.Targets.Select(t => t.ToDrillTarget())],
    };

    /// <summary>The report.</summary>
    public static DrillReport Report(DrillRun run, DrillEnvironment environment, DateTimeOffset started)
    {
        DrillRequest request = run.Request;
        IReadOnlyList<DrillStep> steps = run.Steps.All;
        DrillMeasures measures = Measure(run, started);
        DrillResult result = Judge(steps, measures, run.Keys.All, run.Steps.Interrupted, request.AllowUnused);
        DrillStep? failed = steps.FirstOrDefault(s => s.Outcome == CheckOutcome.Failed);
        // Of several backups each has its own result already, and NotRun is one.
        foreach (DrillBackup backup in run.Backups.Where(_ => request.Scenario != DrillScenario.BackupVerification))
        {
            backup.Result = result switch
            {
                DrillResult.Passed => CheckOutcome.Passed,
                DrillResult.Failed => CheckOutcome.Failed,
                _ => CheckOutcome.NotRun,
            };
        }
        (List<string> missed, List<string> remedies) = Missed(measures);
        (List<FormerDrill> Drills, List<string> Problems) former = Former(request);
        string? problem = Problem(run, result, failed);
        if (result == DrillResult.Failed && run.Steps.Remedies.Count == 0)
        {
            // Nobody should read a drill that failed, and find that there is nothing to do.
            remedies.Add("Find the cause of what failed, put it right, and repeat the drill.");
        }
        return new DrillReport
        {
            Id = DrillRecords.NewId(started),
            Cluster = request.Cluster.Name,
            ClusterId = request.Cluster.Id,
            Scenario = request.Scenario,
            Result = result,
            Problem = problem,
            Error = result == DrillResult.Passed ? null : failed?.Error ?? ErrorCode.DrillFailed,
            Started = started,
            Ended = request.Clock.GetUtcNow().ToUniversalTime(),
            Operator = request.Operator,
            Witness = request.Witness,
            Notes = request.Notes,
            Seed = run.UsedSeed ? run.Seed : null,
            LostStore = request.Scenario == DrillScenario.StoreLoss ? StoreLossRehearsal.LostStore(request).Name : null,
            AllowPartial = request.AllowPartial,
            AllowUnused = request.AllowUnused,
            Steps = steps,
            Backups = [.. run.Backups.Select(b => b.ToDrilledBackup())],
            Keys = [.. run.Keys.All.Select(k => k.ToDrilledKey())],
            Measures = measures,
            Deviations = [.. run.Deviations, .. run.Keys.Missed
                .Select(m => $"{m} is not in the backup, as the definition acknowledges, and was not recovered."),
                .. Untried(run), .. Waived(run, result), .. Limits(run, started), .. missed, .. former.Problems, .. request.Deviations],
            FollowUps = [.. run.Steps.Remedies, .. remedies, .. request.FollowUps],
            Environment = environment,
            Former = former.Drills,
        };
    }

    /// <summary>
    /// Passed only on evidence: every step passed, each key was proven, and each was used unless its flags allow nothing, or the caller
    /// accepts that it cannot be used here. At least one was.
    /// </summary>
    internal static DrillResult Judge(IReadOnlyList<DrillStep> steps, DrillMeasures measures, IEnumerable<ExpectedKey> keys,
        bool interrupted, bool allowUnused) =>
        interrupted ? DrillResult.Interrupted
        : steps.Count > 0 && steps.All(s => s.Outcome == CheckOutcome.Passed)
            && measures.KeysExpected > 0 && measures.KeysProven == measures.KeysExpected && measures.KeysUsed > 0
            && keys.All(k => k.Result is CheckOutcome.Passed or CheckOutcome.Skipped && (allowUnused || !k.IsUnused)) ? DrillResult.Passed
        : DrillResult.Failed;

    /// <summary>What made it pass though not every key was used.</summary>
    private static IEnumerable<string> Waived(DrillRun run, DrillResult result)
    {
        int unused = run.Keys.All.Count(k => k.IsUnused);
        return result == DrillResult.Passed && unused > 0
            ? [FormattableString.Invariant($"It passed because it was said (-AllowUnused) that keys may go unused: {unused} were.")] : [];
    }

    /// <summary>What keys could not be tried for, though their flags allow it, beside what they were used for.</summary>
    private static IEnumerable<string> Untried(DrillRun run) => run.Keys.All.Where(k => k.Result == CheckOutcome.Passed)
        .SelectMany(k => k.Uses!.Where(u => u.Outcome == CheckOutcome.Skipped).DistinctBy(u => (u.Use, u.Detail)))
        .GroupBy(u => (u.Use, u.Detail))
        .Select(g => FormattableString.Invariant($"{g.Key.Use} could not be tried with {g.Count()} keys that did their other work: ")
            + $"{g.Key.Detail}.");

    /// <summary>What the figures do not say.</summary>
    private static IEnumerable<string> Limits(DrillRun run, DateTimeOffset started)
    {
        int nodes = run.Request.Cluster.Nodes.Count;
        if (run.Request.Scenario is DrillScenario.KeyLoss or DrillScenario.StoreLoss && nodes > 1)
        {
            yield return FormattableString.Invariant($"One node stood for all {nodes}: the recovery time is that of one.");
        }
        if (IsAhead(run, started))
        {
            BackupInfo backup = run.Backups[0].Info;
            yield return $"The backup {backup.BackupId} is dated "
                + FormattableString.Invariant($"{backup.Created.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z, ")
                + "after the drill began: the clock of this computer or of the one that made it is wrong, "
                + "and the recovery point is not known.";
        }
    }

    private static bool IsAhead(DrillRun run, DateTimeOffset started) =>
        run.RecoversFromBackup && run.Backups.Count > 0 && run.Backups[0].Info.Created > started;

    private static string? Problem(DrillRun run, DrillResult result, DrillStep? failed)
    {
        string? problem = result == DrillResult.Passed ? null
            : failed is not null ? $"{failed}, {failed.Detail}"
            : run.Keys.All.FirstOrDefault(k => k.IsUnused) is { } unused
                ? $"not every key could be used: {unused} on {unused.Node}, {unused.ToDrilledKey().Reason}"
            : "not every key was recovered, proven and used";
        // Whoever reads no further must know that keys are where they should not be.
        return run.Steps.All is [.., { Name: DrillStep.CleanUp, Outcome: CheckOutcome.Failed } left] && left != failed
            ? $"{problem} Then {left}, {left.Detail}" : problem;
    }

    private static DrillMeasures Measure(DrillRun run, DateTimeOffset started)
    {
        List<DrillStep> recovery = [.. run.Steps.All.Where(s => s.IsRecovery)];
        bool isWhole = recovery.Count > 0 && recovery.TrueForAll(s => s.Outcome == CheckOutcome.Passed);
        return run.Keys.Measure() with
        {
            RecoveryTime = isWhole ? recovery.Aggregate(TimeSpan.Zero, (sum, step) => sum + step.Elapsed) : null,
            RecoveryPoint = run.RecoversFromBackup && run.Backups.Count > 0 && !IsAhead(run, started)
                ? started - run.Backups[0].Info.Created : null,
            RecoveryTimeTarget = run.Request.Cluster.Targets?.Rto,
            RecoveryPointTarget = run.Request.Cluster.Targets?.Rpo,
        };
    }

    private static (List<string> Missed, List<string> Remedies) Missed(DrillMeasures measures)
    {
        List<string> missed = [];
        List<string> remedies = [];
        if (measures.RecoveryTimeMet == false)
        {
            missed.Add($"The recovery took {Text(measures.RecoveryTime!.Value)}, "
                + $"longer than its objective of {Text(measures.RecoveryTimeTarget!.Value)}.");
            remedies.Add("Shorten the steps that took longest, or agree on another recovery time objective.");
        }
        if (measures.RecoveryPointMet == false)
        {
            missed.Add($"The backup was {Text(measures.RecoveryPoint!.Value)} old, "
                + $"older than the objective of {Text(measures.RecoveryPointTarget!.Value)}.");
            remedies.Add("Back up more often, or agree on another recovery point objective.");
        }
        return (missed, remedies);
    }

    private static (List<FormerDrill> Drills, List<string> Problems) Former(DrillRequest request)
    {
        ReadOnlyMemory<byte>? certificate = request.Cluster.IdentityCertificate is { } text
            ? Convert.FromBase64String(text) : (ReadOnlyMemory<byte>?)null;
        try
        {
            return ([.. DrillRecords.Of(request.StateFolder, request.Cluster.Id).List(certificate)
                .Where(r => r.CountsFor(request.Cluster))
                .Select(r => r.Report!)
                .Select(r => new FormerDrill(r.Id, r.Scenario, r.Started, r.Result, r.Measures.RecoveryTime)
                {
                    SoftwareTargets = r.Environment.SoftwareTargets,
                })], []);
        }
        catch (HsmBackupException e)
        {
            // What this drill has shown must not be lost over the ones before it.
            return ([], [$"Earlier drills could not be read: {e.Message}"]);
        }
    }

    private static string Text(TimeSpan time) => new TimeSpan(time.Ticks - (time.Ticks % TimeSpan.TicksPerSecond)).ToString("c");
}
