using HsmBackup.Engine.Clusters.Sync;

namespace HsmBackup.Benchmarks;

/// <summary>
/// 500 keys that each of three nodes lacks, brought from the others, by the C program and by the engine in turns. The engine wraps every key of
/// every node first, to see whether those of one name are the same; the C program believes their names.
/// </summary>
internal static class RepairBenchmark
{
    private const int Missing = 500;
    private const double Goal = 1.25;

    /// <summary>Measures, and says what came out.</summary>
    /// <exception cref="InvalidOperationException">One of the two did not bring all keys back.</exception>
    public static void Run(BenchmarkOptions options, string folder)
    {
        ClusterFolder cluster = ClusterFolder.Open(options, Path.Combine(folder, "repair"));
        string lists = Path.Combine(folder, "repaired");
        AttributeLists.WriteRepaired(lists, cluster.Tokens[0]);
        // What has drifted beside is settled first.
        Synchronise(cluster, folder);
        TakeAway(options, cluster, lists, folder);
        using ReferenceProgram reference = ReferenceProgram.ForRepair(options, cluster, lists, onlyTakesAway: false);
        var comparison = Comparison.Run(options, () =>
        {
            PutBack(cluster, folder);
            RunTimes run = reference.Run();
            Check("the C program", reference.ReadFinding().Split("; ").Select(f => f.Split(' ')[0]));
            return run;
        }, () =>
        {
            PutBack(cluster, folder);
            IReadOnlyList<NodeSyncResult> nodes = [];
            Timing whole = Timing.Of(() => nodes = Synchronise(cluster, folder));
            Check("the engine", nodes.Select(n => FormattableString.Invariant($"{n.Copied}")));
            return new RunTimes(whole, whole, new Dictionary<string, long>());
        });
        Console.WriteLine();
        Console.WriteLine(FormattableString.Invariant($"Three nodes of {ClusterContent.Objects} objects each, of which each lacks {Missing} keys that the others have"));
        Console.WriteLine();
        ResultTable.Heading();
        ResultTable.Compare("Missing keys found, copied and proven", comparison.Medians(r => r.Whole));
        Console.WriteLine();
        (Timing slow, Timing engine) = comparison.Medians(r => r.Whole);
        ResultTable.Judge("Times of the C program, repair", engine.Wall / slow.Wall, Goal, "F3");
    }

    /// <summary>Once, because that takes longer than to bring the keys back; then the nodes without them are kept.</summary>
    private static void TakeAway(BenchmarkOptions options, ClusterFolder cluster, string lists, string folder)
    {
        using (ReferenceProgram thief = ReferenceProgram.ForRepair(options, cluster, lists, onlyTakesAway: true))
        {
            thief.Prepare();
        }
        foreach (TokenFolder token in cluster.Tokens)
        {
            TokenFolder.Copy(token.Storage, CopyOf(token, folder));
        }
    }

    private static void PutBack(ClusterFolder cluster, string folder)
    {
        foreach (TokenFolder token in cluster.Tokens)
        {
            token.PutBack(CopyOf(token, folder));
        }
    }

    private static string CopyOf(TokenFolder token, string folder) => Path.Combine(folder, "without", token.Label);

    private static void Check(string who, IEnumerable<string> added)
    {
        if (added.Any(a => a != FormattableString.Invariant($"{Missing}")))
        {
            throw new InvalidOperationException($"Each node lacks {Missing} keys; {who} brought {string.Join(", ", added)}.");
        }
    }

    private static IReadOnlyList<NodeSyncResult> Synchronise(ClusterFolder cluster, string folder)
    {
        using SyncOperation operation = SyncOperation.Prepare(new SyncRequest
        {
            Cluster = cluster.Definition,
            OpenPin = _ => TokenFolder.NewPin(),
            StateFolder = Path.Combine(folder, "state"),
        }, null, CancellationToken.None);
        return operation.Execute(null, CancellationToken.None);
    }
}
