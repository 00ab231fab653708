using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace HsmBackup.Engine.Catalogue;

/// <summary>
/// The tests of the backups of one cluster, one line of JSON each, in the state folder: what others can write, such as a store, is never
/// asked whether a backup is good.
/// </summary>
public sealed class TestRecords
{
    private const string Folder = "tests";

    // Beyond this only the newest test of each level and file stays.
    private const long CompactAbove = 8 * 1024 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly ILookup<string, TestRecord> _byBackup;

    private TestRecords(IEnumerable<TestRecord> records) => _byBackup = records.ToLookup(r => r.BackupId, StringComparer.Ordinal);

    /// <summary>Reads what is remembered of a cluster. A line that cannot be read counts as no test.</summary>
    /// <param name="stateFolder">The state folder; null for that of this account.</param>
    /// <param name="clusterId">The cluster.</param>
    /// <exception cref="HsmBackupException">BackupUnreadable: there are records, and they cannot be read.</exception>
    public static TestRecords Read(string? stateFolder, string clusterId)
    {
        string path = PathOf(stateFolder, clusterId);
        try
        {
            return new TestRecords(File.Exists(path) ? Lines(path) : []);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw new HsmBackupException(ErrorCode.BackupUnreadable, $"The tests of backups that '{path}' remembers cannot be read: {e.Message}",
                "Check the rights of the account that runs this command.", e)
            { Target = path };
        }
    }

    /// <summary>Remembers tests.</summary>
    /// <param name="stateFolder">The state folder; null for that of this account.</param>
    /// <param name="records">The tests, of one cluster or several.</param>
    /// <exception cref="HsmBackupException">DestinationUnwritable, DiskFull; Busy: another process does not let go of the file.</exception>
    public static void Add(string? stateFolder, params IReadOnlyList<TestRecord> records)
    {
        ArgumentNullException.ThrowIfNull(records);
        foreach (IGrouping<string, TestRecord> cluster in records.GroupBy(r => r.ClusterId, StringComparer.Ordinal))
        {
            string path = PathOf(stateFolder, cluster.Key);
            StateFolder.Create(Path.GetDirectoryName(path)!);
            using IDisposable held = StateFolder.Lock(path + ".lock", "the tests that are remembered", Patience);
            try
            {
                Append(path, cluster);
                if (new FileInfo(path).Length > CompactAbove)
                {
                    Compact(path);
                }
            }
            catch (Exception e) when (FileErrors.Covers(e))
            {
                throw FileErrors.From(e, path);
            }
        }
    }

    /// <summary>The tests of a backup, oldest first.</summary>
    public IEnumerable<TestRecord> Of(string backupId) => _byBackup[backupId];

    private static void Append(string path, IEnumerable<TestRecord> records)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.Read };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        using FileStream file = new(path, options);
        using MemoryStream lines = new();
        if (EndsTorn(file))
        {
            lines.WriteByte((byte)'\n');
        }
        Write(lines, records);
        file.Seek(0, SeekOrigin.End);
        file.Write(lines.GetBuffer().AsSpan(0, (int)lines.Length));
        file.Flush(flushToDisk: true);
    }

    // A run that was killed may have left half a line; what follows must not become part of it.
    private static bool EndsTorn(FileStream file)
    {
        if (file.Length == 0)
        {
            return false;
        }
        file.Seek(-1, SeekOrigin.End);
        return file.ReadByte() != '\n';
    }

    private static void Compact(string path)
    {
        IEnumerable<TestRecord> newest = Lines(path).GroupBy(r => (r.BackupId, r.Location, r.Level, r.Passed)).Select(g => g.Last());
        string temporary = path + ".new";
        using (FileStream file = StateFolder.CreateFile(temporary))
        {
            Write(file, newest);
            file.Flush(flushToDisk: true);
        }
        File.Move(temporary, path, overwrite: true);
        _ = FolderFlush.TryFlush(Path.GetDirectoryName(path)!);
    }

    private static void Write(Stream stream, IEnumerable<TestRecord> records)
    {
        foreach (TestRecord record in records)
        {
            JsonSerializer.Serialize(stream, record, TestRecordJson.Default.TestRecord);
            stream.WriteByte((byte)'\n');
        }
    }

    private static List<TestRecord> Lines(string path)
    {
        ReadOnlySpan<byte> rest = File.ReadAllBytes(path);
        var records = new List<TestRecord>(rest.Length / 300);
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = end < 0 ? rest : rest[..end];
            rest = end < 0 ? [] : rest[(end + 1)..];
            try
            {
                if (!line.IsEmpty && JsonSerializer.Deserialize(line, TestRecordJson.Default.TestRecord) is { } record)
                {
                    records.Add(record);
                }
            }
            catch (JsonException)
            {
                continue;
            }
        }
        return records;
    }

    // An id from a header is any text; as a name of a file it must not lead elsewhere.
    private static string PathOf(string? stateFolder, string clusterId)
    {
        bool plain = clusterId.Length is > 0 and <= 100 && clusterId.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-');
        string name = plain ? clusterId
            : string.Create(CultureInfo.InvariantCulture, $"other-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(clusterId)).AsSpan(0, 16))}");
        return Path.Combine(StateFolder.Locate(stateFolder), Folder, name + ".jsonl");
    }
}

/// <summary>How tests are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, IgnoreReadOnlyProperties = true, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(TestRecord))]
internal sealed partial class TestRecordJson : JsonSerializerContext;
