using HsmBackup.Engine.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace HsmBackup.Engine.Tests.Clusters.Chaos;

/// <summary>
/// Random keys on three real nodes, and a node that dies at a random call while the cluster is synchronised, restored or repaired.
/// HSMBACKUP_SOAK=1 makes 500 runs, HSMBACKUP_SEED repeats them; the seed of a run that failed repeats that run first.
/// </summary>
public sealed class ChaosTests(ITestOutputHelper output)
{
    [FaultyLibraryFact]
    public void Whatever_node_dies_no_key_is_lost_none_is_doubled_and_each_report_tells_the_truth()
    {
        var seen = new SortedDictionary<string, int>(StringComparer.Ordinal);
        using var cluster = new ChaosCluster();
        int runs = KillMoments.IsSoak ? 500 : 50;
        output.WriteLine($"HSMBACKUP_SEED={KillMoments.Seed}, {runs} runs");
        for (int i = 0; i < runs; i++)
        {
            int seed = unchecked(KillMoments.Seed + i);
            ChaosRun run = ChaosRun.Plan(cluster, new Random(seed));
            try
            {
                run.Go();
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"HSMBACKUP_SEED={seed}: {run}\n{string.Join('\n', run.Log)}", e);
            }
            seen[run.Outcome] = seen.GetValueOrDefault(run.Outcome) + 1;
        }
        foreach ((string outcome, int count) in seen)
        {
            output.WriteLine($"{count,4} {outcome}");
        }
        // Runs in which nothing went wrong show nothing.
        Assert.InRange(seen.Where(s => s.Key.Contains("hurt", StringComparison.Ordinal)).Sum(s => s.Value), runs / 3, runs);
    }
}
