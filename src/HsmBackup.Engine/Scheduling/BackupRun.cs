using System.Text.Json.Serialization;
using HsmBackup.Engine.Backup;

namespace HsmBackup.Engine.Scheduling;

/// <summary>How a scheduled run is, or how it ended.</summary>
public enum RunResult
{
    /// <summary>It is under way.</summary>
    Running,

    /// <summary>It did all that it should.</summary>
    Succeeded,

    /// <summary>It did not do all that it should.</summary>
    Failed,

    /// <summary>It was stopped, or ended with its process.</summary>
    Interrupted,

    /// <summary>Nothing was due.</summary>
    Skipped,
}

/// <summary>What became of a copy in a scheduled run.</summary>
/// <param name="Store">Name of the store.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="Error">Why there is none; null where there is one.</param>
public sealed record RunCopy(string Store, CopyOutcome Outcome, string? Error)
{
    /// <summary>The store and the outcome.</summary>
    public override string ToString() => Error is null ? $"{Store}: {Outcome}" : $"{Store}: {Outcome}, {Error}";
}

/// <summary>What retention did at the end of a run.</summary>
public sealed record RunRetention
{
    /// <summary>How many backups are kept.</summary>
    public required int Kept { get; init; }

    /// <summary>Backups that are marked for removal since this run.</summary>
    public IReadOnlyList<string> Marked { get; init; } = [];

    /// <summary>Backups that this run removed for good.</summary>
    public IReadOnlyList<string> Removed { get; init; } = [];

    /// <summary>What could not be done; null where all was.</summary>
    public string? Problem { get; init; }
}

/// <summary>The record of a scheduled run.</summary>
public sealed record BackupRun
{
    /// <summary>When it began, and eight random digits.</summary>
    public required string Id { get; init; }

    /// <summary>Name of the cluster.</summary>
    public required string Cluster { get; init; }

    /// <summary>Id of the cluster.</summary>
    public required string ClusterId { get; init; }

    /// <summary>The node that was backed up.</summary>
    public required string Node { get; init; }

    /// <summary>When it began, in UTC.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>When it ended, in UTC; null while it runs.</summary>
    public DateTimeOffset? Ended { get; init; }

    /// <summary>How it ended.</summary>
    public required RunResult Result { get; init; }

    /// <summary>The backup that it made; null where it made none.</summary>
    public string? BackupId { get; init; }

    /// <summary>The copies of the backup.</summary>
    public IReadOnlyList<RunCopy> Copies { get; init; } = [];

    /// <summary>How many copies were read back and proven to be the backup, object by object.</summary>
    public int Verified { get; init; }

    /// <summary>What retention did; null where it was not asked.</summary>
    public RunRetention? Retention { get; init; }

    /// <summary>Whether the token refused the PIN, whatever else went wrong: it must not be tried again.</summary>
    public bool PinRefused { get; init; }

    /// <summary>The stable id of what went wrong first; null where nothing did.</summary>
    public ErrorCode? ErrorCode { get; init; }

    /// <summary>What went wrong; null where nothing did.</summary>
    public string? Error { get; init; }

    /// <summary>When the next run is due.</summary>
    public DateTimeOffset? NextDue { get; init; }

    /// <summary>The run and its result.</summary>
    public override string ToString() => $"{Id}: {Result}";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(BackupRun))]
internal sealed partial class BackupRunJson : JsonSerializerContext;
