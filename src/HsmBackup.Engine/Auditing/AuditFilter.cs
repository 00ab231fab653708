namespace HsmBackup.Engine.Auditing;

/// <summary>Which entries are wanted. What is left out is no condition.</summary>
public sealed record AuditFilter
{
    /// <summary>Not before this.</summary>
    public DateTimeOffset? After { get; init; }

    /// <summary>Not after this.</summary>
    public DateTimeOffset? Before { get; init; }

    /// <summary>Which actions.</summary>
    public Func<string, bool>? Action { get; init; }

    /// <summary>Ids of which backups; an entry about none is left out then.</summary>
    public Func<string, bool>? BackupId { get; init; }

    /// <summary>Names or ids of which clusters; an entry about none is left out then.</summary>
    public Func<string, bool>? Cluster { get; init; }

    /// <summary>Which results.</summary>
    public IReadOnlyCollection<AuditResult>? Results { get; init; }

    /// <summary>Whether an entry is wanted.</summary>
    public bool Matches(AuditEntry entry) =>
        (After is not { } after || entry.Time >= after)
        && (Before is not { } before || entry.Time <= before)
        && (Action is null || Action(entry.Action))
        && (BackupId is null || (entry.BackupId is { } backup && BackupId(backup)))
        && (Cluster is null || (entry.ClusterName is { } name && Cluster(name)) || (entry.ClusterId is { } id && Cluster(id)))
        && (Results is null || Results.Contains(entry.Result));
}
