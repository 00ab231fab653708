using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters;

/// <summary>A token as a member of a cluster.</summary>
public sealed record ClusterNode
{
    /// <summary>How long a node may take to answer where its definition does not say.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(10);

    /// <summary>The name, unique in its cluster whatever the case: 1 to 64 ASCII letters, digits, dots, hyphens and underscores.</summary>
    public required string Name { get; init; }

    /// <summary>The token: library, label or serial number, environment, parameters and quirks.</summary>
    public required TokenAddress Address { get; init; }

    /// <summary>Where its PIN comes from; null where it must be given or asked for each time.</summary>
    public PinSource? Pin { get; init; }

    /// <summary>How long the node may take to answer before it counts as unreachable.</summary>
    public TimeSpan Timeout { get; init; } = DefaultTimeout;

    /// <summary>Where it stands: a building, a region; for people and for reports.</summary>
    public string? Zone { get; init; }

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
