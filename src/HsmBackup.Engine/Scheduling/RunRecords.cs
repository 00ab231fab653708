using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;

namespace HsmBackup.Engine.Scheduling;

/// <summary>The records of a cluster's scheduled runs: a file each in the state folder, the newest thousand.</summary>
public sealed class RunRecords
{
    private const int MaxRecords = 1000;
    private const string Extension = ".json";

    private readonly string _folder;

    private RunRecords(string folder) => _folder = folder;

    /// <summary>The records of a cluster. Nothing is made or read.</summary>
    /// <param name="stateFolder">The state folder; null for that of this account.</param>
    /// <param name="clusterId">The cluster.</param>
    public static RunRecords Of(string? stateFolder, string clusterId) =>
        new(Path.Combine(StateFolder.Locate(stateFolder), "runs", clusterId));

    /// <summary>The runs, the oldest first. A record that cannot be read is passed over.</summary>
    /// <exception cref="HsmBackupException">DestinationUnwritable: the folder cannot be read.</exception>
    public IReadOnlyList<BackupRun> List()
    {
        try
        {
            return [.. Files().Select(TryRead).OfType<BackupRun>()];
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, _folder);
        }
    }

    /// <summary>The runs, the oldest first; one that is said to be under way while nobody makes one was interrupted.</summary>
    /// <exception cref="HsmBackupException">DestinationUnwritable: the folder cannot be read.</exception>
    internal IReadOnlyList<BackupRun> ListSettled()
    {
        IReadOnlyList<BackupRun> runs = List();
        HashSet<string> running = [.. runs.Where(run => run.Result == RunResult.Running).Select(run => run.Id)];
        // It may have ended since the first look, and another one may have begun since the lock was free.
        return running.Count == 0 || IsUnderWay() ? runs
            : [.. List().Select(run => run.Result == RunResult.Running && running.Contains(run.Id) ? Interrupted(run) : run)];
    }

    /// <summary>
    /// When the last run began that counts as one: what was interrupted is to be caught up, and what is dated later than now is not
    /// believed.
    /// </summary>
    internal DateTimeOffset? LastServed(DateTimeOffset now) => List()
        .Where(run => run.Result is RunResult.Succeeded or RunResult.Failed && run.Started <= now)
            .Select(run => (DateTimeOffset?)run.Started).Max();

    /// <summary>
    /// One run at a time; the lock dies with its process. Runs that were under way when theirs died are said to be interrupted.
    /// </summary>
    /// <exception cref="HsmBackupException">Busy, DestinationUnwritable.</exception>
    internal IDisposable Lock(string cluster, DateTimeOffset now)
    {
        StateFolder.Create(_folder);
        // Whoever looks whether a run is under way holds it for a moment.
        IDisposable held = StateFolder.Lock(LockPath, $"a scheduled run of cluster '{cluster}'", TimeSpan.FromMilliseconds(200));
        try
        {
            foreach (BackupRun dead in List().Where(run => run.Result == RunResult.Running))
            {
                Write(Interrupted(dead) with { Ended = now });
            }
            return held;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>A new id, which sorts by time.</summary>
    internal static string NewId(DateTimeOffset now) => string.Create(CultureInfo.InvariantCulture,
        $"{now.ToUniversalTime():yyyyMMdd'T'HHmmss'Z'}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}");

    /// <summary>Writes a record, in place of the one of the same run.</summary>
    internal void Write(BackupRun run)
    {
        StateDocument.Write(Path.Combine(_folder, run.Id + Extension), run, BackupRunJson.Default.BackupRun);
        string[] files = [.. Files()];
        foreach (string old in files.Take(files.Length - MaxRecords))
        {
            File.Delete(old);
        }
    }

    private string LockPath => Path.Combine(_folder, "lock");

    private static BackupRun Interrupted(BackupRun run) =>
        run with { Result = RunResult.Interrupted, ErrorCode = ErrorCode.RunFailed, Error = "Its process ended before the run did." };

    // Who may not open the lock cannot tell, and takes the record at its word.
    private bool IsUnderWay()
    {
        try
        {
            using var probe = new FileStream(LockPath, FileMode.Open, FileAccess.Read, FileShare.None);
            return false;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            return true;
        }
    }

    private IEnumerable<string> Files() => Directory.Exists(_folder)
        ? Directory.EnumerateFiles(_folder, "*" + Extension).Order(StringComparer.Ordinal) : [];

    private static BackupRun? TryRead(string path)
    {
        try
        {
            return StateDocument.Read(path, BackupRunJson.Default.BackupRun);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
