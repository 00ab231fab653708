using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Drills;

/// <summary>A key or certificate that a target is expected to hold, and what was seen of it.</summary>
internal sealed class ExpectedKey(string node, string backupId, ObjectSummary summary)
{
    private static readonly string Certificate = Names.OfClass(Cko.Certificate);
    private static readonly string[] Keys = [.. ((ulong[])[Cko.PrivateKey, Cko.SecretKey, Cko.OtpKey]).Select(Names.OfClass)];

    /// <summary>The target.</summary>
    public string Node { get; } = node;

    /// <summary>The backup that it comes from.</summary>
    public string BackupId { get; } = backupId;

    /// <summary>The object of the backup.</summary>
    public ObjectSummary Summary { get; } = summary;

    /// <summary>Whether the target holds it.</summary>
    public bool Recovered { get; private set; }

    /// <summary>Whether it is that of the backup.</summary>
    public CheckOutcome Proof { get; private set; } = CheckOutcome.NotRun;

    /// <summary>What it was used for; null before anybody tried.</summary>
    public IReadOnlyList<DrilledUse>? Uses { get; set; }

    /// <summary>Why it is not proven.</summary>
    public string? Fault { get; private set; }

    /// <summary>How it came out.</summary>
    public CheckOutcome Result => Proof != CheckOutcome.Passed ? Proof
        : Uses is null ? CheckOutcome.NotRun
        : Uses.Any(u => u.Outcome == CheckOutcome.Failed) ? CheckOutcome.Failed
        : Uses.Any(u => u.Outcome == CheckOutcome.Passed) ? CheckOutcome.Passed : CheckOutcome.Skipped;

    /// <summary>
    /// Whether it was to be used by its flags, and could not be. A certificate without a private key in the backup is not to be used.
    /// </summary>
    public bool IsUnused => Result == CheckOutcome.Skipped && Summary.Class != Certificate && Uses is { Count: > 0 };

    /// <summary>
    /// Whether an object is one of those that are counted: private and secret keys, and certificates. What else there is must be as in
    /// the backup too.
    /// </summary>
    public static bool Counts(ObjectSummary summary) => IsKey(summary) || summary.Class == Certificate;

    /// <summary>Whether an object is a private or secret key.</summary>
    public static bool IsKey(ObjectSummary summary) => Keys.Contains(summary.Class);

    /// <summary>It is there, and what it was seen to be.</summary>
    public void See(bool recovered, string? fault)
    {
        Recovered = recovered;
        Proof = fault is null ? CheckOutcome.Passed : CheckOutcome.Failed;
        Fault = fault;
    }

    /// <summary>For the report.</summary>
    public DrilledKey ToDrilledKey() => new()
    {
        Node = Node,
        BackupId = BackupId,
        Class = Summary.Class,
        KeyType = Summary.KeyType,
        Label = Summary.Label,
        Id = Summary.Id,
        Recovered = Recovered,
        Proof = Proof,
        Uses = Uses ?? [],
        Result = Result,
        Reason = Result switch
        {
            CheckOutcome.Passed => null,
            CheckOutcome.NotRun => "the drill did not come so far",
            CheckOutcome.Failed when Fault is null =>
                string.Join("; ", Uses!.Where(u => u.Outcome == CheckOutcome.Failed).Select(u => u.Detail)),
            CheckOutcome.Failed => Fault,
            _ => Uses is [] or null ? "nothing is known that it could be used for" : string.Join("; ", Uses.Select(u => u.Detail)),
        },
    };

    /// <summary>For people.</summary>
    public override string ToString() => Summary.ToString();
}

/// <summary>All keys and certificates that a drill is about, each once for every target.</summary>
internal sealed class ExpectedKeys(IReadOnlyList<AcknowledgedObject> acknowledged)
{
    private readonly Dictionary<(string Node, string Backup, int Index), ExpectedKey> _keys = [];
    private readonly HashSet<string> _missed = [];

    /// <summary>The keys, in the order in which they were expected.</summary>
    public IReadOnlyCollection<ExpectedKey> All => _keys.Values;

    /// <summary>Whether the definition says that a backup may do without an object that is not in it whole.</summary>
    public bool MayMiss(ObjectSummary summary) => summary.Verdict != Verdict.Captured && acknowledged.Any(a => a.Covers(summary));

    /// <summary>What no backup has, and the definition says so: it is not expected, and the report says that.</summary>
    public IReadOnlyCollection<string> Missed => _missed;

    /// <summary>Expects objects of a backup on a target.</summary>
    /// <returns>How many of them are counted.</returns>
    public int Expect(string node, string backupId, IReadOnlyCollection<ObjectSummary> objects)
    {
        int before = _keys.Count;
        _missed.UnionWith(objects.Where(MayMiss).Select(o => o.ToString()));
        foreach (ObjectSummary summary in objects.Where(o => ExpectedKey.Counts(o) && !MayMiss(o)))
        {
            _keys.Add((node, backupId, summary.Index), new ExpectedKey(node, backupId, summary));
        }
        return _keys.Count - before;
    }

    /// <summary>One of them; null for an object that is not counted.</summary>
    public ExpectedKey? Find(string node, string backupId, int index) => _keys.GetValueOrDefault((node, backupId, index));

    /// <summary>The figures.</summary>
    public DrillMeasures Measure() => new()
    {
        KeysExpected = _keys.Count,
        KeysRecovered = All.Count(k => k.Recovered),
        KeysProven = All.Count(k => k.Proof == CheckOutcome.Passed),
        KeysUsed = All.Count(k => k.Result == CheckOutcome.Passed),
        KeysSkipped = All.Count(k => k.Result == CheckOutcome.Skipped),
    };
}
