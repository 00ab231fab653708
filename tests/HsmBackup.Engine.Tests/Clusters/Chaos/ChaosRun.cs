using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Repair;
using HsmBackup.Engine.Clusters.Restore;
using HsmBackup.Engine.Clusters.Sync;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Chaos;

/// <summary>One run: some content, one operation, one node that dies in it, what was said of it, and what is true.</summary>
internal abstract class ChaosRun(ChaosCluster cluster, Random random)
{
    // A library that blocks is waited for; the other faults show at once, and must not be mistaken for silence on a busy machine.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Impatience = TimeSpan.FromSeconds(3);

    private static readonly (string Name, ulong? ReturnValue)[] Deaths =
    [
        ("CKR_DEVICE_REMOVED", Ckr.DeviceRemoved), ("CKR_DEVICE_ERROR", Ckr.DeviceError), ("CKR_GENERAL_ERROR", Ckr.GeneralError),
        ("CKR_TOKEN_NOT_PRESENT", Ckr.TokenNotPresent), ("CKR_SESSION_HANDLE_INVALID", Ckr.SessionHandleInvalid),
    ];

    // Mostly all of it; else one thing that it cannot do any more.
    private static readonly string[] Functions =
        ["*", "*", "*", "*", "C_UnwrapKey", "C_WrapKey", "C_CreateObject", "C_DestroyObject", "C_GetAttributeValue", "C_SetAttributeValue", "C_FindObjects"];

    private int _made;

    public List<string> Log { get; } = [];

    /// <summary>What kind of run it was.</summary>
    public string Outcome => $"{Name}, {(Function == "*" ? Death : Function)}: {(Hurt ? "hurt" : "unhurt")}";

    protected ChaosCluster Cluster { get; } = cluster;

    protected Random Random { get; } = random;

    protected abstract string Name { get; }

    /// <summary>The node that dies.</summary>
    protected int Victim { get; init; } = random.Next(3);

    protected bool Hurt { get; set; }

    private string Death { get; set; } = "";

    private string Function { get; set; } = "*";

    private int After { get; set; }

    public static ChaosRun Plan(ChaosCluster cluster, Random random) => random.Next(3) switch
    {
        0 => new ChaosSync(cluster, random),
        1 => new ChaosRestore(cluster, random),
        _ => new ChaosRepair(cluster, random),
    };

    public void Go()
    {
        bool blocks = Random.Next(10) == 0;
        Cluster.Renew(Patience);
        SetScene();
        Cluster.SetTimeout(Victim, blocks ? Impatience : Patience);
        (Death, ulong? rv) = blocks ? ("silence", null) : Deaths[Random.Next(Deaths.Length)];
        After = Random.Next(Random.Next(2) == 0 ? 60 : 400);
        Function = Functions[Random.Next(Functions.Length)];
        Cluster.Tokens[Victim].Faults.FailAfter(After, Function, rv);
        try
        {
            Run(Cluster.Tokens[Victim].Faults.Heal);
        }
        finally
        {
            Cluster.Tokens[Victim].Faults.Heal();
        }
        Cluster.SetTimeout(Victim, Patience);
        Finish();
    }

    public override string ToString() => $"{Name}; {Function} of node-{Victim + 1} dies by {Death} after {After} calls";

    /// <summary>Fills the nodes.</summary>
    protected abstract void SetScene();

    /// <summary>Does it while a node dies, heals it, and compares what was said with what is.</summary>
    protected abstract void Run(Action heal);

    /// <summary>Does it once more, on healthy nodes: everything is as it was meant to be.</summary>
    protected abstract void Finish();

    /// <summary>Makes an object of a random kind on a node.</summary>
    /// <returns>Its label, which no other has.</returns>
    protected string MakeSomething(int node)
    {
        string label = $"object-{++_made}";
        Cluster.Change(node, c =>
        {
            c.Next = _made * 16;
            switch (Random.Next(12))
            {
                case 0:
                    c.Rsa(label, 1024);
                    break;
                case 1 or 2:
                    c.Ec(label, TokenContent.P256);
                    break;
                case 3 or 4:
                    c.Data(label, isPrivate: Random.Next(2) == 0);
                    break;
                case 5:
                    c.Certificate(label);
                    break;
                case 6 or 7:
                    c.Generic(label, Random.Next(8, 80));
                    break;
                default:
                    c.Aes(label, 16 + (8 * Random.Next(3)));
                    break;
            }
        });
        return label;
    }

    /// <summary>The same objects on all nodes.</summary>
    protected List<string> MakeAlike(int count)
    {
        List<string> labels = [.. Enumerable.Range(0, count).Select(_ => MakeSomething(0))];
        Assert.All(Synchronise(), r => Assert.Contains(r.State, (SyncState[])[SyncState.Synchronized, SyncState.AlreadyInSync]));
        return labels;
    }

    /// <summary>Some objects are lost on some nodes, and never on all; some are new on one.</summary>
    protected void Drift(IReadOnlyList<string> labels)
    {
        foreach (string label in labels.Where(_ => Random.Next(2) == 0))
        {
            foreach (int node in Enumerable.Range(0, 3).OrderBy(_ => Random.Next()).Take(Random.Next(1, 3)))
            {
                Cluster.Remove(node, label);
            }
        }
        for (int i = Random.Next(3); i > 0; i--)
        {
            MakeSomething(Random.Next(3));
        }
    }

    protected SyncRequest SyncRequest => new() { Cluster = Cluster.Definition, OpenPin = Cluster.PinOf, StateFolder = Cluster.StateFolder };

    protected IReadOnlyList<NodeSyncResult> Synchronise()
    {
        using SyncOperation operation = SyncOperation.Prepare(SyncRequest, null, CancellationToken.None);
        return operation.Execute(null, CancellationToken.None);
    }

    protected List<string>[] Contents() => [.. Enumerable.Range(0, 3).Select(Cluster.Content)];

    protected static List<string> Union(IEnumerable<List<string>> contents) => [.. contents.SelectMany(c => c).Distinct().Order(StringComparer.Ordinal)];

    protected static void AssertNothingDoubled(IEnumerable<List<string>> contents) => Assert.All(contents, c => Assert.Equal(c.Distinct().Count(), c.Count));

    protected static bool Holds(List<string> content, ObjectSummary item) =>
        content.Exists(line => line.StartsWith($"{item.Class} {item.Label} ", StringComparison.Ordinal));

    protected static bool IsRefusal(Exception e) => e is HsmBackupException or Pkcs11Exception;
}

/// <summary>The nodes have drifted apart and are made alike.</summary>
internal sealed class ChaosSync(ChaosCluster cluster, Random random) : ChaosRun(cluster, random)
{
    private List<string>[] _before = [];

    protected override string Name => "sync";

    protected override void SetScene()
    {
        Drift(MakeAlike(Random.Next(2, 6)));
        _before = Contents();
    }

    protected override void Run(Action heal)
    {
        IReadOnlyList<NodeSyncResult> results = [];
        try
        {
            results = Synchronise();
        }
        catch (HsmBackupException e)
        {
            // Two healthy nodes are always left.
            Assert.Fail($"{e.Code}: {e.Message}");
        }
        heal();
        List<string>[] after = Contents();
        Log.AddRange(results.SelectMany(r => r.Steps.Select(s => $"  {s}").Prepend(r.ToString())));
        Hurt = results[Victim].State is not (SyncState.Synchronized or SyncState.AlreadyInSync);
        AssertNothingDoubled(after);
        List<string> wanted = Union(_before.Where((_, node) => node != Victim || !Hurt || results[Victim].Steps.Count > 0));
        for (int node = 0; node < 3; node++)
        {
            Assert.Empty(Witness.Missing(_before[node], after[node]));
            NodeSyncResult result = results[node];
            // What the node that dies was to give, or could not tell of itself, may keep the others from being alike; nothing else does.
            Assert.True(node == Victim || (result.State is not (SyncState.Failed or SyncState.Unknown) && result.Steps.All(s => s.Outcome == CheckOutcome.Passed || !s.Item.Changes)), result.ToString());
            if (result.State is SyncState.Synchronized or SyncState.AlreadyInSync)
            {
                Assert.Empty(Witness.Missing(wanted, after[node]));
            }
            Assert.All(result.Steps, s => AssertTrue(s, after[node]));
        }
    }

    protected override void Finish()
    {
        Assert.All(Synchronise(), r => Assert.True(r.State is SyncState.Synchronized or SyncState.AlreadyInSync, r.ToString()));
        List<string> wanted = Union(_before);
        Assert.All(Contents(), c => Assert.Equal(wanted, c));
    }

    private static void AssertTrue(SyncOutcome step, List<string> content)
    {
        bool? holds = step switch
        {
            { Outcome: CheckOutcome.Passed } => true,
            { Outcome: CheckOutcome.NotRun } => false,
            // What could not be taken back, or is not known, is said.
            { Outcome: CheckOutcome.Failed, Detail: { } detail } when !detail.Contains("could not be removed", StringComparison.Ordinal)
                && !detail.Contains("not known", StringComparison.Ordinal) => false,
            _ => null,
        };
        Assert.True(holds is null || holds == Holds(content, step.Item.Object), step.ToString());
    }
}

/// <summary>The nodes have drifted from a backup and are restored.</summary>
internal sealed class ChaosRestore(ChaosCluster cluster, Random random) : ChaosRun(cluster, random)
{
    private BackupResult _backup = null!;
    private List<string> _wanted = [];
    private List<string>[] _before = [];

    protected override string Name => "restore";

    protected override void SetScene()
    {
        List<string> labels = MakeAlike(Random.Next(2, 6));
        _backup = Cluster.BackUp();
        _wanted = Cluster.Content(0);
        Drift(labels);
        _before = Contents();
    }

    protected override void Run(Action heal)
    {
        IReadOnlyList<NodeRestorePlan> plans;
        IReadOnlyList<NodeRestoreOutcome> outcomes;
        using (ClusterRestoreOperation operation = Prepare())
        {
            plans = operation.Plans;
            outcomes = operation.Execute([.. plans.Where(p => p.Error is null).Select(p => p.Node)], null, null, null, CancellationToken.None);
            heal();
        }
        List<string>[] after = Contents();
        Log.AddRange(plans.Select(p => $"{p.Node}: planned: {p.Error?.Message}"));
        Log.AddRange(outcomes.Select(o => $"{o.Node}: {o.Result?.Exact} unknown={o.StateUnknown} {o.Error?.Message}"));
        for (int node = 0; node < 3; node++)
        {
            NodeRestoreOutcome? outcome = outcomes.SingleOrDefault(o => o.Node == plans[node].Node);
            if (outcome?.Result is { } result)
            {
                Assert.True(result.Exact);
                Assert.Equal(_wanted, after[node]);
                continue;
            }
            Hurt = true;
            Assert.Equal(Victim, node);
            ErrorCode? code = ((outcome?.Error ?? plans[node].Error) as HsmBackupException)?.Code;
            // Never less than before or than the backup; and as it was, where that is said.
            if (outcome is null || (!outcome.StateUnknown && code != ErrorCode.RestoreInterrupted))
            {
                Assert.Equal(_before[node], after[node]);
            }
            else
            {
                Assert.True(Witness.Missing(_before[node], after[node]).Count == 0 || Witness.Missing(_wanted, after[node]).Count == 0);
            }
        }
    }

    protected override void Finish()
    {
        using (ClusterRestoreOperation operation = Prepare())
        {
            Assert.All(operation.Execute([.. operation.Plans.Select(p => p.Node)], null, null, null, CancellationToken.None),
                o => Assert.True(o.Result?.Exact, o.Error?.ToString()));
        }
        Assert.All(Contents(), c => Assert.Equal(_wanted, c));
        _backup.Key!.Dispose();
    }

    private ClusterRestoreOperation Prepare() => ClusterRestoreOperation.Prepare(new ClusterRestoreRequest
    {
        Cluster = Cluster.Definition,
        Nodes = Cluster.Definition.Nodes,
        Path = _backup.Path,
        Key = _backup.Key!,
        OpenPin = Cluster.PinOf,
        StateFolder = Cluster.StateFolder,
    }, null, CancellationToken.None);
}

/// <summary>A node was lost and is replaced; it or a peer of it dies meanwhile.</summary>
internal sealed class ChaosRepair : ChaosRun
{
    private readonly int _lost;
    private List<string> _wanted = [];

    public ChaosRepair(ChaosCluster cluster, Random random)
        : base(cluster, random)
    {
        _lost = random.Next(3);
        // The replacement itself is the more delicate one.
        Victim = random.Next(3) > 0 ? _lost : Victim;
    }

    protected override string Name => "repair";

    protected override void SetScene()
    {
        MakeAlike(Random.Next(2, 6));
        _wanted = Cluster.Content(_lost);
        Cluster.Tokens[_lost].MakeBlank();
    }

    protected override void Run(Action heal)
    {
        RepairResult? result = null;
        try
        {
            result = Repair();
        }
        catch (Exception e) when (IsRefusal(e))
        {
            Log.Add(e.Message);
        }
        heal();
        Hurt = result?.State != RepairState.Repaired || result.Steps.Any(s => s.Outcome == CheckOutcome.Failed);
        if (result is not null)
        {
            Log.Add(result.ToString());
            Log.AddRange(result.Steps.Select(s => s.ToString()));
        }
        for (int node = 0; node < 3; node++)
        {
            if (node != _lost || result?.State == RepairState.Repaired)
            {
                Assert.Equal(_wanted, Cluster.Content(node));
            }
        }
        InitializationStep left = TokenInitialization.Look(Cluster.Tokens[_lost].Address).Step;
        if (result is null)
        {
            // It was refused before anything was changed.
            Assert.Equal(InitializationStep.Whole, left);
        }
        else if (result.Steps.Single(s => s.Name == "Initialize").Outcome == CheckOutcome.Passed)
        {
            Assert.Equal(InitializationStep.None, left);
            Assert.True(result.State == RepairState.Failed || Cluster.Content(_lost).Count >= result.Added);
        }
    }

    protected override void Finish()
    {
        RepairResult result = Repair();
        Assert.True(result.State == RepairState.Repaired, string.Join('\n', result.Steps));
        Assert.All(Contents(), c => Assert.Equal(_wanted, c));
    }

    private RepairResult Repair()
    {
        using ClusterRepairOperation operation = ClusterRepairOperation.Prepare(new RepairRequest
        {
            Cluster = Cluster.Definition,
            Node = $"node-{_lost + 1}",
            OpenPin = Cluster.PinOf,
            StateFolder = Cluster.StateFolder,
        }, null, CancellationToken.None);
        using ShareCombiner shares = Cluster.Custodians();
        return operation.Execute(Cluster.SoPin, shares, null, CancellationToken.None);
    }
}
