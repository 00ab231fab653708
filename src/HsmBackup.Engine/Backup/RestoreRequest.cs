using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>Which backup goes into which token.</summary>
public record RestoreRequest
{
    /// <summary>The backup file.</summary>
    public required string Path { get; init; }

    /// <summary>Its one-time key. A safety backup of the token is sealed under the same key.</summary>
    public required OneTimeKey Key { get; init; }

    /// <summary>The token.</summary>
    public required TokenAddress Token { get; init; }

    /// <summary>Its user PIN.</summary>
    public required Pin? Pin { get; init; }

    /// <summary>The cluster that the token is a node of: its backups go into every node. Null for a lone token.</summary>
    public BackupCluster? Cluster { get; init; }

    /// <summary>Restore a Partial backup too.</summary>
    public bool AllowPartial { get; init; }

    /// <summary>Restore into a token with another label than the backup's.</summary>
    public bool AllowOtherToken { get; init; }

    /// <summary>Remove objects from the token that no safety backup can hold.</summary>
    public bool RemoveUnrecoverable { get; init; }

    /// <summary>Where journals and safety backups are; null for the default.</summary>
    public string? StateFolder { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
