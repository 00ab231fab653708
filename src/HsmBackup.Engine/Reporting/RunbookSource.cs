using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Drills;

namespace HsmBackup.Engine.Reporting;

/// <summary>What a runbook is made from: the cluster as it is now.</summary>
public sealed record RunbookSource
{
    /// <summary>The definition.</summary>
    public required ClusterDefinition Cluster { get; init; }

    /// <summary>Its backups, oldest first, with their copies.</summary>
    public required IReadOnlyList<BackupInfo> Backups { get; init; }

    /// <summary>Stores that could not be looked into.</summary>
    public IReadOnlyList<MissingStore> MissingStores { get; init; } = [];

    /// <summary>Its drills, oldest first.</summary>
    public IReadOnlyList<DrillRecord> Drills { get; init; } = [];

    /// <summary>One-time keys that nobody has received yet.</summary>
    public IReadOnlyList<WaitingKey> WaitingKeys { get; init; } = [];

    /// <summary>The folder in which one-time keys of scheduled backups wait; null where that is not known.</summary>
    public string? KeyFolder { get; init; }

    /// <summary>The state folder; null where it is the one that every session of this account finds by itself.</summary>
    public string? StatePath { get; init; }

    /// <summary>When it was looked at, in UTC.</summary>
    public required DateTimeOffset Made { get; init; }

    /// <summary>Version of this program.</summary>
    public required string ToolVersion { get; init; }

    /// <summary>Name of the computer that it was looked at from.</summary>
    public required string Computer { get; init; }

    /// <summary>
    /// The backup that a restore takes where none is named: the newest complete one with a copy that nothing is known against. Null
    /// where there is none.
    /// </summary>
    public BackupInfo? Latest => Backups.LastOrDefault(b => b.Complete && b.Copies.Any(c => c.State == CopyState.Present));

    /// <summary>Drills of this cluster whose files are what was written, and signed where the cluster can sign.</summary>
    internal IEnumerable<DrillReport> Counted => Drills.Where(d => d.CountsFor(Cluster)).Select(d => d.Report!);
}
