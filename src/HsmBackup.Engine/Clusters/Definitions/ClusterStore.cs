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

    /// <summary>User name for a WebDAV collection; null where it wants none, and for a bearer token.</summary>
    public string? User { get; init; }

    /// <summary>Where the password for that user, or the bearer token, comes from.</summary>
    public PinSource? Password { get; init; }

    /// <summary>How a WebDAV server is told who asks.</summary>
    public StoreAuthentication Authentication { get; init; }

    /// <summary>The absolute path of a PEM file with the authorities that may vouch for a WebDAV server; null for those of the system.</summary>
    public string? CertificateAuthority { get; init; }

    /// <summary>SHA-256 of the certificate of a WebDAV server in hex; null where any of its authorities will do.</summary>
    public string? CertificatePin { get; init; }

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}

/// <summary>How a WebDAV server is told who asks.</summary>
public enum StoreAuthentication
{
    /// <summary>By user and password (RFC 7617).</summary>
    Basic,

    /// <summary>By a bearer token (RFC 6750).</summary>
    Bearer,
}
