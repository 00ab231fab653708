using System.Globalization;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Retention;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Format;
using HsmBackup.Engine.Tests.Protection;

namespace HsmBackup.Engine.Tests.Retention;

/// <summary>Real folders with real backup files, tests that are remembered, and a clock that is set by hand.</summary>
internal sealed class RetentionStores : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly HandClock _clock = new();
    private int _count;

    public RetentionStores()
    {
        Local = new DirectoryStore(Path.Combine(_folder.Root, "local"), "local");
        Safe = new OfflineStore(Directory.CreateDirectory(Path.Combine(_folder.Root, "safe")).FullName, "safe");
    }

    public DirectoryStore Local { get; }

    public OfflineStore Safe { get; }

    public string State => Path.Combine(_folder.Root, "state");

    public string ClockFile => Path.Combine(State, "clock.json");

    public TimeProvider Clock => _clock;

    public DateTimeOffset Now
    {
        get => _clock.Now;
        set => _clock.Now = value;
    }

    public RetentionRequest Request => new()
    {
        Stores = [Local, Safe],
        ClusterId = "6f1c2f0a-payments",
        Policy = new RetentionPolicy
        {
            Online = new RetentionRules { KeepLast = 1 },
            Offline = new RetentionRules { KeepLast = 2 },
        },
        StateFolder = State,
        Clock = _clock,
    };

    /// <summary>Makes a backup of this moment in both stores, or in those that are named.</summary>
    public string BackUp(bool proven = true, params IBackupStore[] stores) => BackUp(complete: true, proven, stores);

    /// <summary>The same, of a backup that may lack an object.</summary>
    public string BackUp(bool complete, bool proven, params IBackupStore[] stores)
    {
        string id = string.Create(CultureInfo.InvariantCulture, $"{Now.UtcDateTime:yyyyMMdd'T'HHmmss'Z'}-payments-{_count++:x8}");
        BackupHeader header = Sample.Header(captured: 1, notExtractable: complete ? 0 : 1) with { Id = Sample.Parse(id) };
        byte[] file = Sample.Write(complete ? [Sample.Line(0)] : [Sample.Line(0), Sample.Line(1)], header: header);
        foreach (IBackupStore store in stores.Length == 0 ? [Local, Safe] : stores)
        {
            store.Add(StoreFile.OfBackup(id), new MemoryStream(file), CancellationToken.None);
            File.SetLastWriteTimeUtc(PathOf(store, id), Now.UtcDateTime);
        }
        if (proven)
        {
            Prove(id, file);
        }
        return id;
    }

    public void Prove(string id, byte[] file) => TestRecords.Add(State, new TestRecord
    {
        BackupId = id,
        ClusterId = Request.ClusterId,
        Location = "elsewhere",
        Level = TestLevel.Content,
        Passed = true,
        Tested = Now,
        By = "tester",
        Digest = Convert.ToHexStringLower(file.AsSpan(^32..)),
        Binding = BackupFile.ReadHeader(new MemoryStream(file)).Binding,
        Length = file.Length,
    });

    public RetentionResult Run(RetentionRequest? request = null) => RetentionOperation.Run(request ?? Request, null, CancellationToken.None);

    public static string PathOf(IBackupStore store, string id) => Path.Combine(store.Location, StoreFile.OfBackup(id));

    public static string MarkOf(IBackupStore store, string id) => Path.Combine(store.Location, StoreFile.OfRemoval(id));

    public static string HoldOf(IBackupStore store, string id) => Path.Combine(store.Location, StoreFile.OfHold(id));

    public static bool Has(IBackupStore store, string id) => File.Exists(PathOf(store, id));

    public BackupDocuments Documents(string id) => new(id, [Local, Safe], e => throw e, State, _clock);

    public void Dispose() => _folder.Dispose();

    private sealed class HandClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
