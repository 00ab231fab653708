using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Drills;

/// <summary>Three SoftHSM nodes with a cluster key, an identity key and some keys, two stores, and the keys of the backups.</summary>
internal sealed class DrilledCluster : IDisposable
{
    private readonly Dictionary<string, OneTimeKey> _keys = new(StringComparer.Ordinal);

    public DrilledCluster(int nodes = 3, bool bound = true)
    {
        Tokens = new TestCluster(nodes);
        if (bound)
        {
            Tokens.HoldCeremony();
        }
        string[] stores = [Path.Combine(Tokens.Folder, "one"), Path.Combine(Tokens.Folder, "two")];
        Definition = ClusterDefinition.Create("payments",
            [.. Tokens.Nodes.Select(n => new ClusterNode { Name = n.Name, Address = n.Address })]) with
        {
            ClusterKey = bound ? Tokens.Info : null,
            IdentityCertificate = bound ? Convert.ToBase64String(Tokens.Ceremony.IdentityCertificate!.Value.Span) : null,
            Stores = [.. stores
                .Select((s, i) => new ClusterStore { Name = i == 0 ? "first" : "second", Kind = StoreKind.Directory, Location = s })],
            Drill = new ClusterDrill { Interval = TimeSpan.FromDays(90), SoftwareTargets = true },
            Targets = new RecoveryTargets { Rto = TimeSpan.FromHours(4), Rpo = TimeSpan.FromDays(1) },
        };
    }

    public TestCluster Tokens { get; }

    public ClusterDefinition Definition { get; set; }

    public string State => Path.Combine(Tokens.Folder, "state");

    /// <summary>Which stores were opened.</summary>
    public List<string> Opened { get; } = [];

    /// <summary>The keys that are given, by their backups.</summary>
    public IDictionary<string, OneTimeKey> Keys => _keys;

    /// <summary>Some keys that can be used; one more for each call.</summary>
    public void Fill(string suffix = "", int node = 0)
    {
        using TokenConnection connection = Tokens.Open(node);
        var content = new TokenContent(connection.Session) { Next = 100 + _keys.Count * 20 };
        content.Aes("aes" + suffix, 32);
        content.Rsa("rsa" + suffix, 2048);
        content.Ec("ec" + suffix, TokenContent.P256);
        content.Data("note" + suffix, true);
    }

    /// <summary>Backs node-1 up to both stores.</summary>
    public BackupResult BackUp(Func<BackupRequest, BackupRequest>? change = null)
    {
        IBackupStore[] stores = [.. Definition.Stores.Select(s => BackupStores.Open(s, PinAsker.Nobody))];
        var request = new BackupRequest
        {
            Token = Tokens.Tokens[0].Address,
            Pin = Tokens.Tokens[0].Pin,
            Stores = stores,
            MinimumCopies = 1,
            Mode = Definition.ClusterKey is null ? BackupMode.OneTimeKey : BackupMode.ClusterBound,
            Cluster = Definition.ForBackup(Definition.Nodes[0]),
        };
        BackupResult result = BackupOperation.Run(change?.Invoke(request) ?? request, null, CancellationToken.None);
        _keys[result.Id.ToString()] = result.Key!;
        return result;
    }

    /// <summary>The path of a backup in one of the stores.</summary>
    public string PathOf(BackupResult backup, int store = 0) => Path.Combine(Definition.Stores[store].Location, backup.Id + ".hsmbackup");

    public DrillRequest Request(DrillScenario scenario) => new()
    {
        Cluster = Definition,
        Scenario = scenario,
        OpenStore = store =>
        {
            Opened.Add(store.Name);
            return BackupStores.Open(store, PinAsker.Nobody);
        },
        OpenKey = KeyOf,
        OpenShares = _ => Tokens.Custodians(1, 3, 5),
        StateFolder = State,
        Operator = "A. Muster",
        Witness = "B. Muster",
    };

    public DrillReport Drill(DrillScenario scenario, Func<DrillRequest, DrillRequest>? change = null,
        IProgress<OperationProgress>? progress = null, CancellationToken stop = default)
    {
        DrillRequest request = Request(scenario);
        return DrillOperation.Run(change?.Invoke(request) ?? request, progress, stop);
    }

    public OneTimeKey? KeyOf(BackupInfo backup) => _keys.GetValueOrDefault(backup.BackupId)?.Clone();

    public void Dispose()
    {
        _keys.Values.ToList().ForEach(k => k.Dispose());
        Tokens.Dispose();
    }
}
