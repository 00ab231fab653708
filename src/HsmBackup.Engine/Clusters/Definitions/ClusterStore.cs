using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>A place where backups of the cluster live.</summary>
public sealed record ClusterStore
{
    /// <summary>The name, unique among the stores whatever the case; other parts of the definition refer to it.</summary>
    public required string Name { get; init; }

    /// <summary>What it is.</summary>
    public required StoreKind Kind { get; init; }

    /// <summary>An absolute path, or the https address of a WebDAV collection.</summary>
    public required string Location { get; init; }

    /// <summary>User name for a WebDAV collection; null where it wants none.</summary>
    public string? User { get; init; }

    /// <summary>Where the password for that user comes from.</summary>
    public PinSource? Password { get; init; }

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
