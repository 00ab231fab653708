using HsmBackup.Engine.Clusters.Health;

namespace HsmBackup.Benchmarks;

/// <summary>The drift of three nodes found in one look, by the C program and by the engine in turns.</summary>
internal static class DriftBenchmark
{
    private const double Goal = 1.25;

    /// <summary>Measures, and says what came out.</summary>
    /// <exception cref="InvalidOperationException">One of the two did not find the drift that is there.</exception>
    public static void Run(BenchmarkOptions options, string folder)
    {
        ClusterFolder cluster = ClusterFolder.Open(options, folder);
        string lists = Path.Combine(folder, "compared");
        AttributeLists.WriteCompared(lists);
        Comparison plain = Compare(options, cluster, lists, deep: false);
        Comparison deep = Compare(options, cluster, lists, deep: true);
        Console.WriteLine();
        Console.WriteLine($"Three nodes of {ClusterContent.Objects} objects each; one lacks {ClusterContent.Missing}, has {ClusterContent.Extra} more, "
            + $"{ClusterContent.Different} with other attributes, {ClusterContent.OtherKeys} that are other keys");
        Console.WriteLine();
        ResultTable.Heading();
        ResultTable.Compare("Drift found by attributes, from start to end of the libraries", plain.Medians(r => r.Whole));
        ResultTable.Compare("Drift found by wrapping each key too (deep)", deep.Medians(r => r.Whole));
        Console.WriteLine();
        Judge("drift", plain);
        Judge("deep drift", deep);
    }

    private static void Judge(string what, Comparison comparison)
    {
        (Timing reference, Timing engine) = comparison.Medians(r => r.Whole);
        ResultTable.Judge($"Times of the C program, {what}", engine.Wall / reference.Wall, Goal, "F3");
    }

    private static Comparison Compare(BenchmarkOptions options, ClusterFolder cluster, string lists, bool deep)
    {
        string expected = $"{ClusterContent.Missing} missing, {ClusterContent.Extra} extra, "
            + $"{ClusterContent.Different + (deep ? ClusterContent.OtherKeys : 0)} different";
        using ReferenceProgram reference = ReferenceProgram.ForDrift(options, cluster, lists, deep);
        return Comparison.Run(options, () =>
        {
            RunTimes run = reference.Run();
            Check(expected, "the C program", reference.ReadFinding().Split("; ")[1]);
            return run;
        }, () =>
        {
            IReadOnlyList<NodeHealth> nodes = [];
            Timing whole = Timing.Of(() => nodes = Look(cluster, deep));
            Check(expected, "the engine", $"{nodes[1].Missing} missing, {nodes[1].Extra} extra, {nodes[1].Different} different");
            return new RunTimes(whole, whole, new Dictionary<string, long>());
        });
    }

    private static void Check(string expected, string who, string found)
    {
        if (found != expected)
        {
            throw new InvalidOperationException($"The node has {expected}; {who} found {found}.");
        }
    }

    private static IReadOnlyList<NodeHealth> Look(ClusterFolder cluster, bool deep) => ClusterHealthOperation.Run(
        new ClusterHealthRequest { Cluster = cluster.Definition, OpenPin = _ => TokenFolder.NewPin(), Deep = deep }, CancellationToken.None);
}
