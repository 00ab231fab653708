using System.Security.Cryptography;
using HsmBackup.Engine.Clusters;

namespace HsmBackup.Engine.Reporting;

/// <summary>Holds a runbook that is in a file against the configuration of its cluster.</summary>
public static class RunbookTest
{
    /// <summary>Name and id of the cluster that a runbook says it is of.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="HsmBackupException">InvalidArgument: it is no runbook, or not whole.</exception>
    public static (string Name, string Id) ClusterOf(string path)
    {
        RunbookSeal seal = Read(path).Seal;
        return (seal.ClusterName, seal.ClusterId);
    }

    /// <summary>Tests a runbook.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cluster">The cluster as it is now.</param>
    /// <param name="stateFolder">The state folder, which remembers exports of this machine; null for that of this account.</param>
    /// <exception cref="HsmBackupException">InvalidArgument: it is no runbook, or one of another cluster.</exception>
    public static RunbookState Of(string path, ClusterDefinition cluster, string? stateFolder)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        string full = Path.GetFullPath(path);
        (RunbookSeal seal, bool intact) = Read(full);
        if (intact && seal.ClusterId != cluster.Id)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument,
                $"'{full}' is the runbook of cluster {seal.ClusterName} ({seal.ClusterId}), not of {cluster.Name} ({cluster.Id}).",
                "Name the cluster that it is of.")
            { Target = full };
        }
        // Whoever edits the text can make a new digest for it; what this machine has exported is remembered apart from it.
        IReadOnlyList<string> remembered = RunbookRecords.DigestsOf(stateFolder, cluster, full, seal.Made);
        intact &= remembered.Count == 0 || remembered.Contains(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(full))));
        IReadOnlyList<string> changed = intact ? RunbookParts.Changed(seal.Parts, cluster) : [];
        return new RunbookState
        {
            Cluster = cluster.Name,
            Path = full,
            Made = intact ? seal.Made : null,
            Remembered = intact && remembered.Count > 0,
            OutdatedParts = changed,
            Status = !intact ? RunbookStatus.Altered : changed.Count > 0 ? RunbookStatus.Outdated : RunbookStatus.Current,
            Problem = !intact ? "the file was changed since it was exported" : Outdated(changed),
        };
    }

    internal static string? Outdated(IReadOnlyList<string> changed) =>
        changed.Count == 0 ? null : $"the definition has changed since in {string.Join(", ", changed)}";

    private static (RunbookSeal Seal, bool Intact) Read(string path)
    {
        try
        {
            return RunbookSeal.Read(path) ?? throw new HsmBackupException(ErrorCode.InvalidArgument,
                $"'{path}' is no runbook of this program, or its end is missing.",
                "Name a file that Export-HsmRunbook has written, whole as it was.")
            { Target = path };
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, $"'{path}' cannot be read: {e.Message}",
                "Name a runbook that is there, and that this account may read.", e)
            { Target = path };
        }
    }
}
