using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Retention;
using HsmBackup.Engine.Stores;
using Microsoft.Win32.SafeHandles;

namespace HsmBackup.Benchmarks;

/// <summary>
/// Ten thousand backups in a folder: listed, planned for retention, and the latest that restores found among them. The floor is what cannot
/// be spared: the names of the folder sorted, and the first bytes of each file read, one after the other and looked at by nobody.
/// </summary>
internal static class CatalogueBenchmark
{
    private const int Backups = 10_000;
    private const int HeaderBytes = 4096;
    private const double Goal = 2;
    private const string ClusterId = "cluster-0123456789abcdef";

    private static readonly DateTimeOffset First = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Measures, and says what came out.</summary>
    /// <exception cref="InvalidOperationException">Something else was found than is there.</exception>
    public static void Run(BenchmarkOptions options, string folder)
    {
        string store = Path.Combine(folder, "store");
        string state = Path.Combine(folder, "catalogue-state");
        Make(store, state);
        using var opened = new DirectoryStore(store, "store");
        var request = new CatalogueRequest { Stores = [opened], ClusterId = ClusterId, StateFolder = state, Clock = new LastDay() };
        Comparison listing = Compare(options, store, () => Expect(Backups, ClusterCatalogue.Read(request, CancellationToken.None).Backups.Count));
        Comparison planning = Compare(options, store, () => Expect(Backups, RetentionOperation.Prepare(new RetentionRequest
        {
            Stores = [opened],
            ClusterId = ClusterId,
            StateFolder = state,
            Clock = request.Clock,
        }, CancellationToken.None).Plan.Copies.Count));
        Comparison latest = Compare(options, store, () => Expect(Backups - 1, IndexOf(ClusterCatalogue.Read(request, CancellationToken.None).Backups.Last(b => b.Restorable))));
        Console.WriteLine();
        Console.WriteLine($"A folder of {Backups} backups, each with a test that is remembered; floor: its names sorted, the first {HeaderBytes} bytes of each file read");
        Console.WriteLine();
        ResultTable.Heading("floor");
        ResultTable.Compare("Listing", listing.Medians(r => r.Whole));
        ResultTable.Compare("Listing, and the plan of retention", planning.Medians(r => r.Whole));
        ResultTable.Compare("Listing, and the latest that is known to restore", latest.Medians(r => r.Whole));
        TellMemory(request);
        Console.WriteLine();
        Judge("listing", listing);
        Judge("planning", planning);
        Judge("the latest restorable", latest);
    }

    private static Comparison Compare(BenchmarkOptions options, string store, Action work)
    {
        var none = new Dictionary<string, long>();
        return Comparison.Run(options,
            () => Times(Timing.Of(() => Expect(Backups, Floor(store)))),
            () => Times(Timing.Of(work)));

        RunTimes Times(Timing whole) => new(whole, whole, none);
    }

    private static int Floor(string store)
    {
        string[] files = [.. Directory.EnumerateFiles(store, "*" + BackupFormat.FileExtension).Order(StringComparer.Ordinal)];
        byte[] buffer = new byte[HeaderBytes];
        foreach (string file in files)
        {
            using SafeFileHandle handle = File.OpenHandle(file);
            _ = RandomAccess.Read(handle, buffer, 0);
        }
        return files.Length;
    }

    private static void TellMemory(CatalogueRequest request)
    {
        long before = GC.GetTotalMemory(forceFullCollection: true);
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        var catalogue = ClusterCatalogue.Read(request, CancellationToken.None);
        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        long kept = GC.GetTotalMemory(forceFullCollection: true) - before;
        GC.KeepAlive(catalogue);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"Memory of a listing: {kept / 1e6:F1} MB kept, {allocated / 1e6:F1} MB allocated on the way"));
    }

    private static void Judge(string what, Comparison comparison)
    {
        (Timing floor, Timing engine) = comparison.Medians(r => r.Whole);
        ResultTable.Judge($"Times of the floor, {what}", engine.Wall / floor.Wall, Goal, "F2");
    }

    private static void Expect(int expected, int found)
    {
        if (found != expected)
        {
            throw new InvalidOperationException($"{expected} were expected, and {found} found.");
        }
    }

    private static int IndexOf(BackupInfo backup) => (int)((backup.Created - First).TotalHours / 6);

    /// <summary>Backups by their headers; what follows is never read.</summary>
    private static void Make(string store, string state)
    {
        Directory.CreateDirectory(store);
        byte[] body = RandomNumberGenerator.GetBytes(2 * HeaderBytes);
        var tests = new List<TestRecord>();
        for (int i = 0; i < Backups; i++)
        {
            DateTimeOffset created = First.AddHours(6 * i);
            var id = BackupId.New("payments", created);
            byte[] start = Encoding.UTF8.GetBytes($"hsm-backup/1\n{{\"formatVersion\":1,\"backupId\":\"{id}\",\"cluster\":{{\"id\":\"{ClusterId}\",\"name\":\"payments\"}},"
                + $"\"created\":\"{created:yyyy-MM-dd'T'HH:mm:ss'Z'}\",\"mode\":\"ClusterBound\",\"keyCheck\":\"{RandomNumberGenerator.GetHexString(32, lowercase: true)}\","
                + "\"clusterKeyCheck\":\"a1b2c3\",\"objects\":1600,\"verdicts\":{\"Captured\":1600,\"NotExtractable\":0,\"NotWrappable\":0,\"Inexact\":0,\"Unreadable\":0},"
                + $"\"complete\":true,\"retentionClass\":\"online\",\"previous\":{{\"backupId\":\"{BackupId.New("payments", created.AddHours(-6))}\","
                + $"\"digest\":\"{RandomNumberGenerator.GetHexString(64, lowercase: true)}\"}},\"signer\":\"CN=HsmBackup identity of payments\"}}\n");
            using (FileStream file = File.Create(Path.Combine(store, id.FileName)))
            {
                file.Write(start);
                file.Write(body);
            }
            tests.Add(new TestRecord
            {
                BackupId = id.ToString(),
                ClusterId = ClusterId,
                Location = Path.Combine(store, id.FileName),
                Level = TestLevel.Content,
                Passed = true,
                Tested = created,
                By = "officer@bench",
                Digest = RandomNumberGenerator.GetHexString(64, lowercase: true),
                Binding = Convert.ToHexStringLower(SHA256.HashData(start)),
                Length = start.Length + body.Length,
            });
        }
        TestRecords.Add(state, tests);
    }

    /// <summary>The day of the last backup.</summary>
    private sealed class LastDay : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => First.AddHours(6 * Backups);
    }
}
