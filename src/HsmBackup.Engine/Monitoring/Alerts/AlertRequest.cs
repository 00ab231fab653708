using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;

namespace HsmBackup.Engine.Monitoring.Alerts;

/// <summary>Whose alerts, and how they go out.</summary>
public sealed record AlertRequest
{
    /// <summary>The cluster, with its channels, contacts and escalation.</summary>
    public required ClusterDefinition Cluster { get; init; }

    /// <summary>Who can be asked for the secrets of channels.</summary>
    public PinAsker Asker { get; init; } = PinAsker.Nobody;

    /// <summary>The state folder; null for that of this account.</summary>
    public string? StateFolder { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>The pauses between the attempts on one channel before it is left until the next time.</summary>
    public IReadOnlyList<TimeSpan> Pauses { get; init; } = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5)];
}

/// <summary>What could not be delivered now. It is kept, and tried again the next time.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Alert">The alert; null where the channel as a whole cannot be used.</param>
/// <param name="Reason">Why.</param>
public sealed record AlertFailure(string Channel, Alert? Alert, string Reason)
{
    /// <summary>The channel and the reason.</summary>
    public override string ToString() => $"{Channel}: {Reason}";
}
