using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>What to back up, where to, and where its one-time key goes.</summary>
public sealed record BackupRequest
{
    /// <summary>The token.</summary>
    public required TokenAddress Token { get; init; }

    /// <summary>Its user PIN; null only for a token that needs no login.</summary>
    public required Pin? Pin { get; init; }

    /// <summary>The folder for the backup, made if it is not there; null where it goes to stores.</summary>
    public string? Destination { get; init; }

    /// <summary>The stores for the backup, instead of a folder. One that is down fails its copy and no other.</summary>
    public IReadOnlyList<IBackupStore> Stores { get; init; } = [];

    /// <summary>How many of the stores must get their copy at least.</summary>
    public int MinimumCopies { get; init; } = 1;

    /// <summary>The state folder, where a backup is put together that goes to stores; null for that of this account.</summary>
    public string? StateFolder { get; init; }

    /// <summary>The file for the one-time key, in a folder that is made if it is not there; null to hand it to the caller only.</summary>
    public string? KeyPath { get; init; }

    /// <summary>Certificates to seal the key file for. The key is then in the file alone.</summary>
    public IReadOnlyList<X509Certificate2> KeyRecipients { get; init; } = [];

    /// <summary>Folders that the key may not be in either, beside those that the backup goes to: copies of it may get there later.</summary>
    public IReadOnlyList<string> KeyFreeFolders { get; init; } = [];

    /// <summary>Takes the key, in place of a file.</summary>
    public IKeyHandover? Handover { get; init; }

    /// <summary>The cluster that the token is a node of; null for a lone token.</summary>
    public BackupCluster? Cluster { get; init; }

    /// <summary>Accept a backup that misses objects; it says Partial for ever.</summary>
    public bool AllowPartial { get; init; }

    /// <summary>Which keys open the keys of the backup. ClusterBound needs a cluster with a cluster key.</summary>
    public BackupMode Mode { get; init; } = BackupMode.OneTimeKey;

    /// <summary>The audit log, which the backup's header then vouches for; null for none.</summary>
    public AuditLog? Audit { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
