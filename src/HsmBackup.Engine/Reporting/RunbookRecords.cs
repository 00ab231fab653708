using System.Security.Cryptography;
using System.Text.Json;
using HsmBackup.Engine.Clusters;

namespace HsmBackup.Engine.Reporting;

/// <summary>
/// What is remembered of the runbooks that were exported on this machine, so that health can tell that one is out of date.
/// </summary>
public static class RunbookRecords
{
    private const int MostRemembered = 20;

    /// <summary>How the runbook of a cluster is that was exported last. Nothing is written.</summary>
    /// <param name="stateFolder">The state folder; null for that of this account.</param>
    /// <param name="cluster">The cluster as it is now.</param>
    /// <exception cref="HsmBackupException">DestinationUnwritable: what is remembered cannot be read.</exception>
    public static RunbookState StateOf(string? stateFolder, ClusterDefinition cluster)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        RunbookExports? exports;
        string path = PathOf(stateFolder, cluster);
        try
        {
            exports = StateDocument.Read(path, RunbookJson.Default.RunbookExports);
        }
        catch (Exception e) when (e is JsonException || FileErrors.Covers(e))
        {
            throw new HsmBackupException(ErrorCode.DestinationUnwritable,
                $"What is remembered of the runbooks of cluster '{cluster.Name}' cannot be read: {e.Message}",
                $"Make '{path}' readable, or remove it where it is damaged; then export the runbook anew.", e)
            { Target = path };
        }
        if (exports is not { Exports: [.., RunbookExport last] })
        {
            return new RunbookState
            {
                Cluster = cluster.Name,
                Status = RunbookStatus.Missing,
                Problem = "no runbook was exported on this machine"
            };
        }
        RunbookExport[] present = [.. exports.Exports.Where(e => File.Exists(e.Path))];
        if (!present.Any(e => e.Made == last.Made))
        {
            return new RunbookState
            {
                Cluster = cluster.Name,
                Status = RunbookStatus.Missing,
                Path = last.Path,
                Made = last.Made,
                Problem = $"'{last.Path}', which was exported last, is not there any more; a copy that was put elsewhere is tested by its path",
            };
        }
        // Whoever looks for a runbook may find any of them.
        var judged = present.Reverse().Select(e => (Export: e, Altered: IsAltered(e), Changed: RunbookParts.Changed(e.Parts, cluster)))
            .ToList();
        (RunbookExport worst, bool altered, IReadOnlyList<string> changed) = judged.OrderBy(j => j.Altered ? 0 : j.Changed.Count > 0
            ? 1 : 2).First();
        return new RunbookState
        {
            Cluster = cluster.Name,
            Path = worst.Path,
            Made = worst.Made,
            Remembered = !altered,
            OutdatedParts = changed,
            Status = altered ? RunbookStatus.Altered : changed.Count > 0 ? RunbookStatus.Outdated : RunbookStatus.Current,
            Problem = altered ? "the file was changed since it was exported" : RunbookTest.Outdated(changed),
        };
    }

    /// <summary>
    /// The digests that a file may have: those of exports to its path, or of the same moment, wherever they are now. Empty where none is
    /// remembered.
    /// </summary>
    internal static IReadOnlyList<string> DigestsOf(string? stateFolder, ClusterDefinition cluster, string path, DateTimeOffset made)
    {
        try
        {
            return [.. (StateDocument.Read(PathOf(stateFolder, cluster), RunbookJson.Default.RunbookExports)?.Exports ?? [])
                .Where(e => e.Path == path || e.Made == made).Select(e => e.Sha256)];
        }
        catch (Exception e) when (e is JsonException || FileErrors.Covers(e))
        {
            return [];
        }
    }

    /// <summary>Remembers exports in place of earlier ones of the same files.</summary>
    /// <exception cref="HsmBackupException">DestinationUnwritable, DiskFull.</exception>
    internal static void Add(string? stateFolder, ClusterDefinition cluster, IReadOnlyList<RunbookExport> added)
    {
        string path = PathOf(stateFolder, cluster);
        StateFolder.Create(Path.GetDirectoryName(path)!);
        IReadOnlyList<RunbookExport> before = [];
        try
        {
            before = StateDocument.Read(path, RunbookJson.Default.RunbookExports)?.Exports ?? [];
        }
        catch (JsonException)
        {
            // Damaged: what is remembered of older exports is gone, and the new ones count from here on.
        }
        HashSet<string> again = [.. added.Select(a => a.Path)];
        StateDocument.Write(path, new RunbookExports([.. before.Where(e => !again.Contains(e.Path)).Concat(added)
            .TakeLast(MostRemembered)]), RunbookJson.Default.RunbookExports);
    }

    private static string PathOf(string? stateFolder, ClusterDefinition cluster) =>
        Path.Combine(StateFolder.Locate(stateFolder), "runbooks", cluster.Id + ".json");

    private static bool IsAltered(RunbookExport export)
    {
        try
        {
            return Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(export.Path))) != export.Sha256;
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            // On a share that is away, or another's: nothing is known against it.
            return false;
        }
    }
}

/// <summary>The exports of a cluster's runbook, in the order of time.</summary>
internal sealed record RunbookExports(IReadOnlyList<RunbookExport> Exports);

/// <summary>An export of a runbook.</summary>
internal sealed record RunbookExport(string Path, DateTimeOffset Made, string Sha256, IReadOnlyDictionary<string, string> Parts);
