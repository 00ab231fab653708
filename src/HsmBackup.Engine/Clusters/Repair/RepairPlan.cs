using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Sync;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Repair;

/// <summary>What the repair of a node is going to do.</summary>
public sealed record RepairPlan
{
    /// <summary>The cluster's name.</summary>
    public required string Cluster { get; init; }

    /// <summary>The node's name.</summary>
    public required string Node { get; init; }

    /// <summary>Where its token is.</summary>
    public required TokenAddress Token { get; init; }

    /// <summary>What of the token's initialisation is done first.</summary>
    public required InitializationStep Initialization { get; init; }

    /// <summary>The slot of the token that is initialised; null where none is.</summary>
    public ulong? Slot { get; init; }

    /// <summary>Whether the node gets the cluster key from custodians' shares.</summary>
    public required bool Joins { get; init; }

    /// <summary>The peers that it is filled from; empty where it is filled from a backup.</summary>
    public IReadOnlyList<string> Peers { get; init; } = [];

    /// <summary>Peers that could not be looked into.</summary>
    public IReadOnlyList<UnreadNode> Unread { get; init; } = [];

    /// <summary>The backup that it is filled from; null where it is filled from its peers.</summary>
    public string? BackupId { get; init; }

    /// <summary>How many objects the peer with the most of them, or the backup, holds.</summary>
    public required int Objects { get; init; }

    /// <summary>What a restore of the backup does to the node; null where it is filled from its peers.</summary>
    public RestorePlan? Restore { get; init; }

    /// <summary>What it is filled from, in words.</summary>
    public string Source => BackupId is null ? $"peers {string.Join(", ", Peers)}" : $"backup {BackupId}";

    /// <inheritdoc/>
    public override string ToString() => $"{Node}: "
        + (Initialization == InitializationStep.None ? "" : "initialise its token, ") + (Joins ? "bring the cluster key in, " : "") + $"fill it from {Source}, prove every key";
}
