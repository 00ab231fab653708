using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>What to back up, where to, and where its one-time key goes.</summary>
public sealed record BackupRequest
{
    /// <summary>The token.</summary>
    public required TokenAddress Token { get; init; }

    /// <summary>Its user PIN; null only for a token that needs no login.</summary>
    public required Pin? Pin { get; init; }

    /// <summary>The folder for the backup; made if it is not there.</summary>
    public required string Destination { get; init; }

    /// <summary>The file for the one-time key, in a folder that is made if it is not there; null to hand it to the caller only.</summary>
    public string? KeyPath { get; init; }

    /// <summary>Certificates to seal the key file for. The key is then in the file alone.</summary>
    public IReadOnlyList<X509Certificate2> KeyRecipients { get; init; } = [];

    /// <summary>The cluster that the token is a node of; null for a lone token.</summary>
    public BackupCluster? Cluster { get; init; }

    /// <summary>Accept a backup that misses objects; it says Partial for ever.</summary>
    public bool AllowPartial { get; init; }

    /// <summary>Which keys open the keys of the backup. ClusterBound needs a cluster with a cluster key.</summary>
    public BackupMode Mode { get; init; } = BackupMode.OneTimeKey;

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
