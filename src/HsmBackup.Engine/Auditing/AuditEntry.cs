using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Auditing;

/// <summary>One entry of an audit log, as its line says (docs/audit-log.md).</summary>
public sealed record AuditEntry
{
    /// <summary>The <see cref="Action"/> of an entry that signs the log up to some place.</summary>
    public const string Checkpoint = "Checkpoint";

    /// <summary>The <see cref="Action"/> of an entry that tells what was wrong with the log when it was to be written.</summary>
    public const string Repaired = "Repaired";

    /// <summary>What stands for the hash of the entry before the first.</summary>
    internal static readonly string NoHash = new('0', AuditHead.HashLength);

    /// <summary>Its number, from 1.</summary>
    public required long Sequence { get; init; }

    /// <summary>Id of the log, random when it was begun: 32 hex digits.</summary>
    public required string Log { get; init; }

    /// <summary>When, in UTC, by the clock of the machine.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>Name of the account.</summary>
    public required string User { get; init; }

    /// <summary>Its number (uid), on Windows its SID.</summary>
    public required string UserId { get; init; }

    /// <summary>Name of the machine.</summary>
    public required string Host { get; init; }

    /// <summary>Id of the process.</summary>
    public required int Process { get; init; }

    /// <summary>What was done: the name of a cmdlet, <see cref="Checkpoint"/> or <see cref="Repaired"/>.</summary>
    public required string Action { get; init; }

    /// <summary>Id of the cluster; null where it is not known.</summary>
    public string? ClusterId { get; init; }

    /// <summary>Name of the cluster, or label of the lone token; null where it is not known.</summary>
    public string? ClusterName { get; init; }

    /// <summary>What it was done to; null where there is nothing to name.</summary>
    public string? Target { get; init; }

    /// <summary>How far it was.</summary>
    public required AuditResult Result { get; init; }

    /// <summary>More, by name, such as <c>backup</c>, <c>error</c>, and <c>started</c>, the number of the entry that this one ends.</summary>
    public IReadOnlyDictionary<string, string> Details { get; init; } = new Dictionary<string, string>();

    /// <summary>Hash of the entry before, 64 hex digits; zeros for the first.</summary>
    public required string Previous { get; init; }

    /// <summary>Hash of this entry, 64 hex digits: SHA-256 of its line up to the member <c>hash</c>.</summary>
    public string Hash { get; init; } = "";

    /// <summary>Id of the backup that it is about; null where it is about none.</summary>
    public string? BackupId => Details.GetValueOrDefault("backup");

    /// <summary>The log as it was after this entry.</summary>
    public AuditHead Head => new(Log, Sequence, Hash);
}
