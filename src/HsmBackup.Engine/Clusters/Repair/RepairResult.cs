using HsmBackup.Engine.Backup;

namespace HsmBackup.Engine.Clusters.Repair;

/// <summary>How a repair came out.</summary>
public enum RepairState
{
    /// <summary>The node holds what its peers, or the backup, hold; each key was proven.</summary>
    Repaired,

    /// <summary>The node is a member again and lacks something, or has something else; the steps say what.</summary>
    Incomplete,

    /// <summary>The node is not a member again. The same repair goes on from where it stopped.</summary>
    Failed,
}

/// <summary>One step of a repair.</summary>
/// <param name="Name">What it is: Initialize, Join, Fill, Prove or Definition.</param>
/// <param name="Outcome">Passed, Failed, Skipped where there was nothing to do, or NotRun.</param>
/// <param name="Elapsed">How long it took.</param>
/// <param name="Detail">What was done, or why it failed.</param>
public sealed record RepairStep(string Name, CheckOutcome Outcome, TimeSpan Elapsed, string Detail)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {Outcome}" + (Detail.Length == 0 ? "" : $" ({Detail})");
}

/// <summary>What a repair did, and how long the recovery took.</summary>
public sealed record RepairResult
{
    /// <summary>The cluster's name.</summary>
    public required string Cluster { get; init; }

    /// <summary>The node's name.</summary>
    public required string Node { get; init; }

    /// <summary>How it came out.</summary>
    public required RepairState State { get; init; }

    /// <summary>Why it is not repaired; empty where it is.</summary>
    public required string Reason { get; init; }

    /// <summary>What kind of failure it was; null where no step failed with one.</summary>
    public ErrorCode? Error { get; init; }

    /// <summary>What it was filled from.</summary>
    public required string Source { get; init; }

    /// <summary>How many objects were brought to it, each key proven.</summary>
    public required int Added { get; init; }

    /// <summary>The steps, in their order.</summary>
    public required IReadOnlyList<RepairStep> Steps { get; init; }

    /// <summary>When the repair began, in UTC.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>The recovery time, from the first look at the node to the last proof; questions to people are included.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>The cluster with the node as it is now; it knows its file where it was written.</summary>
    public required ClusterDefinition Definition { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Node}: {State}" + (Reason.Length == 0 ? "" : $" ({Reason})");
}
