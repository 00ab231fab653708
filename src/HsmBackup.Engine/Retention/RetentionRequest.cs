using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Retention;

/// <summary>Whose backups retention is to look after, where, and by which rules.</summary>
public sealed record RetentionRequest
{
    /// <summary>All stores of the cluster that can be looked into: whoever leaves one out protects less than there is.</summary>
    public required IReadOnlyList<IBackupStore> Stores { get; init; }

    /// <summary>Names of stores that could not even be opened and are no media that are put away: nothing goes for good while there are any.</summary>
    public IReadOnlyCollection<string> UnopenedStores { get; init; } = [];

    /// <summary>The cluster; backups of others do not count and are not touched.</summary>
    public required string ClusterId { get; init; }

    /// <summary>What is kept.</summary>
    public RetentionPolicy Policy { get; init; } = RetentionPolicy.Default;

    /// <summary>Names of the stores in which something may be done; null for all.</summary>
    public IReadOnlyCollection<string>? OnlyStores { get; init; }

    /// <summary>The backup that somebody wants removed; null to apply the rules.</summary>
    public RemovalWish? Wish { get; init; }

    /// <summary>The state folder; null for that of this account.</summary>
    public string? StateFolder { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>Somebody wants a backup removed, whatever the rules say.</summary>
/// <param name="BackupId">The backup.</param>
/// <param name="Reason">Why.</param>
public sealed record RemovalWish(string BackupId, string Reason);
