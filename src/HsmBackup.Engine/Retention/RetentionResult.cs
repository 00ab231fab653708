using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Retention;

/// <summary>What was done with a copy.</summary>
public enum RetentionOutcome
{
    /// <summary>Nothing yet: this is a plan.</summary>
    Planned,

    /// <summary>It stays as it is.</summary>
    Kept,

    /// <summary>Its removal is pending.</summary>
    Marked,

    /// <summary>Its removal is not pending any more.</summary>
    Unmarked,

    /// <summary>It is gone.</summary>
    Removed,

    /// <summary>It was to go and was kept, for the reason that the error gives.</summary>
    Refused,

    /// <summary>It could not be done, for the reason that the error gives.</summary>
    Failed,
}

/// <summary>What became, or is to become, of one copy of a backup.</summary>
public sealed record CopyRetention
{
    /// <summary>The backup's id; of a file that cannot be read, its name without the extension.</summary>
    public required string BackupId { get; init; }

    /// <summary>The name of the store.</summary>
    public required string Store { get; init; }

    /// <summary>The full path of its file, or its address.</summary>
    public required string Path { get; init; }

    /// <summary>Whose rules it falls under; null for a file that cannot be read.</summary>
    public RetentionClass? RetentionClass { get; init; }

    /// <summary>When the backup was made, as it says itself; null for a file that cannot be read.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>What was decided.</summary>
    public required RetentionDecision Decision { get; init; }

    /// <summary>Why.</summary>
    public required RetentionReason Reason { get; init; }

    /// <summary>Why, as a sentence.</summary>
    public required string Explanation { get; init; }

    /// <summary>When its removal is due; null where none is pending.</summary>
    public DateTimeOffset? Due { get; init; }

    /// <summary>What was done.</summary>
    public required RetentionOutcome Outcome { get; init; }

    /// <summary>Why it was not done; null where it was.</summary>
    public HsmBackupException? Error { get; init; }

    /// <summary>The copy and what became of it.</summary>
    public override string ToString() => $"{BackupId} in {Store}: {(Outcome == RetentionOutcome.Planned ? Decision : Outcome)}, {Reason}";
}

/// <summary>What retention decided and did.</summary>
/// <param name="Copies">One for each copy and each file that could not be read, by backup id and then by store.</param>
/// <param name="Clock">How far the clock could be relied on.</param>
/// <param name="NewestProven">The newest backup by a test that still counts; null where there is none.</param>
/// <param name="MissingStores">Stores that could not be looked into; nothing was done there.</param>
/// <param name="Warnings">What else people should know.</param>
public sealed record RetentionResult(
    IReadOnlyList<CopyRetention> Copies, ClockTrust Clock, string? NewestProven, IReadOnlyList<MissingStore> MissingStores, IReadOnlyList<string> Warnings)
{
    /// <summary>What could not be done, each error once.</summary>
    public IReadOnlyList<HsmBackupException> Errors => [.. Copies.Select(c => c.Error).OfType<HsmBackupException>().DistinctBy(e => e.Message)];
}
