using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Handover;
using HsmBackup.Engine.Scheduling;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Handover;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Scheduling;

/// <summary>A cluster of one real token with two stores, an officer, and a clock that stands still.</summary>
internal sealed class ScheduleTrial : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly SoftHsmToken _token = new("payments");
    private readonly TestCertificate _officer = TestCertificate.Of("P-256");

    public ScheduleTrial()
    {
        using (TokenConnection connection = TokenConnection.Open(_token.Address, _token.Pin, readWrite: true, CancellationToken.None))
        {
            new TokenContent(connection.Session).Aes("aes", 32);
        }
        Pin = System.Text.Encoding.UTF8.GetString(_token.Pin.Bytes);
        Cluster = ClusterDefinition.Create("payments", [new ClusterNode { Name = "node", Address = _token.Address }]) with
        {
            Stores =
            [
                new ClusterStore { Name = "local", Kind = StoreKind.Directory, Location = _folder.Folder("local") },
                new ClusterStore { Name = "remote", Kind = StoreKind.Directory, Location = _folder.Folder("remote") },
            ],
            Schedule = new ClusterSchedule
            {
                Times = [new TimeOnly(2, 0), new TimeOnly(14, 0)],
                Utc = true,
                KeyRecipients = [_officer.Export(_folder, "officer").Certificate],
            },
        };
        State = _folder.File("state");
    }

    public ClusterDefinition Cluster { get; set; }

    public string State { get; }

    public string Pin { get; set; }

    public int PinsAsked { get; private set; }

    public SetClock Clock { get; } = new(new DateTimeOffset(2026, 11, 1, 2, 0, 0, TimeSpan.Zero));

    /// <summary>Names of stores that do not answer.</summary>
    public HashSet<string> Down { get; } = new(StringComparer.Ordinal);

    /// <summary>Called in the middle of a run, when it asks for the PIN.</summary>
    public Action? DuringRun { get; set; }

    public RunRecords Records => RunRecords.Of(State, Cluster.Id);

    public WaitingKeys Waiting => WaitingKeys.Of(Cluster, State, null, Clock);

    public OfficerKeys OfficerKeys() => Engine.Handover.OfficerKeys.FromFile(PrivateKeys.Write(_folder, _officer, "pem", null), null, []);

    public BackupRun Run(bool ifDue = false, IReadOnlyList<Action<BackupRun>>? afterRun = null, AuditLog? audit = null, HsmBackupException? obstacle = null,
        CancellationToken stop = default) =>
        ScheduledRun.Run(new ScheduledRunRequest
        {
            Cluster = Cluster,
            OpenPin = _ =>
            {
                PinsAsked++;
                DuringRun?.Invoke();
                return Engine.Protection.Pin.FromChars(Pin);
            },
            OpenStore = Open,
            AfterRun = afterRun ?? [],
            IfDue = ifDue,
            Obstacle = obstacle,
            Audit = audit,
            StateFolder = State,
            Clock = Clock,
        }, null, stop);

    /// <summary>Gives files that were written just now the time of the clock: retention holds the times of files against what they say.</summary>
    public void DateFiles()
    {
        foreach (string file in Cluster.Stores.SelectMany(s => Directory.EnumerateFiles(s.Location)).Where(f => File.GetLastWriteTimeUtc(f) > Clock.Now.UtcDateTime))
        {
            File.SetLastWriteTimeUtc(file, Clock.Now.UtcDateTime);
        }
    }

    public IReadOnlyList<IBackupStore> Stores() => [.. Cluster.Stores.Select(Open)];

    public void Dispose()
    {
        _officer.Dispose();
        _token.Dispose();
        _folder.Dispose();
    }

    private IBackupStore Open(ClusterStore store)
    {
        if (store.Name == "closed")
        {
            throw new HsmBackupException(ErrorCode.PinUnavailable, "The password of the store 'closed' is not there.", "Set it.");
        }
        var real = new DirectoryStore(store.Location, store.Name);
        return Down.Contains(store.Name) ? new DownStore(real) : real;
    }

    /// <summary>A store whose server fails whatever is asked.</summary>
    private sealed class DownStore(IBackupStore real) : IBackupStore
    {
        public string Name => real.Name;

        public StoreKind Kind => real.Kind;

        public string Location => real.Location;

        public RetentionClass RetentionClass => real.RetentionClass;

        public IReadOnlyList<StoreItem> List(CancellationToken cancellationToken) => throw Error();

        public string? LocalPath(string name) => null;

        public string LocationOf(string name) => real.LocationOf(name);

        public byte[] ReadStart(string name, int count, CancellationToken cancellationToken) => throw Error();

        public void Read(string name, Stream destination, CancellationToken cancellationToken) => throw Error();

        public StoreItem Add(string name, Stream content, CancellationToken cancellationToken) => throw Error();

        public void Replace(string name, Stream content, CancellationToken cancellationToken) => throw Error();

        public void Remove(string name, CancellationToken cancellationToken) => throw Error();

        public void Dispose() => real.Dispose();

        private HsmBackupException Error() => new(ErrorCode.StoreUnavailable, $"The store '{Name}' answered 503.", "See to its server.");
    }
}
