using HsmBackup.Engine.Retention;
using Xunit;
using Xunit.Abstractions;

namespace HsmBackup.Engine.Tests.Retention;

/// <summary>What must hold whatever happened before: 100,000 hostile histories, and the plan after each.</summary>
public sealed class RetentionPropertyTests(ITestOutputHelper output)
{
    private const int Histories = 100_000;
    private const int FirstSeed = 4_000_000;

    [Fact]
    public void No_history_makes_retention_break_a_promise()
    {
        var seen = new Dictionary<(RetentionDecision, RetentionReason), int>();
        for (int seed = FirstSeed; seed < FirstSeed + Histories; seed++)
        {
            if (Broken(HostileHistory.Of(seed), seen) is { } broken)
            {
                Assert.Fail($"{broken}\n{HostileHistory.Tell(seed)}");
            }
        }
        foreach (((RetentionDecision, RetentionReason) what, int count) in seen.OrderBy(s => s.Key))
        {
            output.WriteLine($"{what} {count}");
        }
        // A property that never meets its case is none: all reasons and decisions came up, and often.
        Assert.All(Enum.GetValues<RetentionReason>(), reason => Assert.True(seen.Where(s => s.Key.Item2 == reason).Sum(s => s.Value) > 500, $"{reason} hardly comes up"));
        Assert.All(Enum.GetValues<RetentionDecision>(), decision => Assert.True(seen.Where(s => s.Key.Item1 == decision).Sum(s => s.Value) > 5000, $"{decision} hardly comes up"));
    }

    private static string? Broken(HostileHistory history, Dictionary<(RetentionDecision, RetentionReason), int> seen)
    {
        RetentionPolicy policy = history.Policy;
        RetentionInput input = history.Input;
        DateTimeOffset now = history.Now;
        RetentionPlan plan = RetentionPlanner.Plan(policy, input, now, history.Memory);
        foreach (RetentionItem item in plan.Items)
        {
            seen[(item.Decision, item.Reason)] = seen.GetValueOrDefault((item.Decision, item.Reason)) + 1;
        }
        RetentionItem[] given = [.. plan.Items.Where(IsGivenUp)];
        Dictionary<string, RetentionBackup> backups = input.Backups.ToDictionary(b => b.BackupId, StringComparer.Ordinal);
        var oracle = new RetentionOracle(policy, input, now);
        if (plan.Items.Count != input.Backups.Sum(b => b.Copies.Count) + input.Unreadable.Count)
        {
            return "There is not one item for each file.";
        }
        if (!RetentionPlanner.Plan(policy, history.Shuffled(), now, history.Memory).Items.SequenceEqual(plan.Items))
        {
            return "The order of the input matters.";
        }
        if (now < history.Memory.HighWater && plan.Items.Any(i => i.Decision != RetentionDecision.Keep))
        {
            return "Something is done although the clock went backwards.";
        }
        if (given.Length > 0)
        {
            string[] newest = [.. oracle.NewestKnownToRestore()];
            if (given.Any(i => newest.Contains(i.BackupId)))
            {
                return "The newest backup that is known to restore is given up.";
            }
            if (oracle.NewestUntested() is { } untested && given.Any(i => i.BackupId == untested))
            {
                return "Nothing complete is known to restore, and the newest complete backup is given up.";
            }
            if (given.Any(i => i.Reason != RetentionReason.Requested) && !oracle.IsAnythingProven)
            {
                return "Something is given up although nothing is known to restore.";
            }
            if (given.FirstOrDefault(i => oracle.IsHeld(backups[i.BackupId])) is { } held)
            {
                return $"A hold is broken: {held}";
            }
            if (input.IsStoreMissing && given.Any(i => i.Decision == RetentionDecision.Remove))
            {
                return "Something goes for good although a store is away that may have a hold.";
            }
            if (given.FirstOrDefault(i => CopyOf(i).Health != CopyHealth.Readable) is { } unknown)
            {
                return $"What cannot be read is given up: {unknown}";
            }
            if (given.FirstOrDefault(i => i.Decision == RetentionDecision.Remove && !WaitedLongEnough(CopyOf(i).Mark)) is { } early)
            {
                return $"A removal comes early: {early}";
            }
            foreach (RetentionBackup backup in given.Select(i => backups[i.BackupId]).Distinct().Where(oracle.IsWanted))
            {
                int readable = backup.Copies.Count(c => c.Health == CopyHealth.Readable);
                int left = readable - given.Count(i => i.BackupId == backup.BackupId);
                if (left < Math.Min(policy.MinimumCopies, readable))
                {
                    return $"Too few copies are left of {backup.BackupId}.";
                }
            }
        }
        Dictionary<(string, string), RetentionItem> amongForgeries = RetentionPlanner.Plan(policy, history.WithForgeries(), now, history.Memory)
            .Items.ToDictionary(i => (i.BackupId, i.Store));
        if (plan.Items.FirstOrDefault(i => !IsGivenUp(i) && backups.TryGetValue(i.BackupId, out RetentionBackup? backup) && backup.Proven is not null
            && IsGivenUp(amongForgeries[(i.BackupId, i.Store)])) is { } pushed)
        {
            return $"Files that were made up push a good one out: {pushed}";
        }
        ClockMemory memory = history.Memory;
        history.Apply(plan);
        if (RetentionPlanner.Plan(policy, history.Input, now, memory).Items.FirstOrDefault(i => i.Decision != RetentionDecision.Keep) is { } unstable)
        {
            return $"The second plan is another one: {unstable}";
        }
        return ComesEarlyAfterAStep(history, seen);

        RetentionCopy CopyOf(RetentionItem item) => backups[item.BackupId].Copies.Single(c => c.Store == item.Store);

        bool WaitedLongEnough(RemovalMark? mark) => mark is not null && mark.Since <= now && now - mark.Since >= policy.RemovalDelay && mark.Due <= now;
    }

    /// <summary>Whether a step of the clock makes anything go before the delay has passed since.</summary>
    private static string? ComesEarlyAfterAStep(HostileHistory history, Dictionary<(RetentionDecision, RetentionReason), int> seen)
    {
        history.StepAhead();
        TimeSpan third = history.Policy.RemovalDelay / 3;
        foreach (TimeSpan pause in new[] { TimeSpan.Zero, third, third, third - TimeSpan.FromTicks(10) })
        {
            history.Pass(pause);
            if (history.Run().Items.FirstOrDefault(i => i.Decision == RetentionDecision.Remove) is { } early)
            {
                return $"A step of the clock ends the delay: {early}";
            }
        }
        history.Pass(TimeSpan.FromTicks(20));
        foreach (RetentionItem item in history.Run().Items.Where(i => i.Decision == RetentionDecision.Remove))
        {
            seen[(item.Decision, item.Reason)] = seen.GetValueOrDefault((item.Decision, item.Reason)) + 1;
        }
        return null;
    }

    private static bool IsGivenUp(RetentionItem item) => item.Decision is RetentionDecision.MarkForRemoval or RetentionDecision.Remove;
}
