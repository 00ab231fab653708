namespace HsmBackup.Engine.Auditing;

/// <summary>What can be wrong with an audit log, and what is worth knowing of one.</summary>
public enum AuditFindingKind
{
    /// <summary>A line is no entry, or not the entry that was written.</summary>
    Changed,

    /// <summary>Entries that were between two others are gone.</summary>
    Removed,

    /// <summary>An entry stands there again, or in another place.</summary>
    Reordered,

    /// <summary>An entry has its number and is another than the one that was chained, signed or known.</summary>
    Replaced,

    /// <summary>The end is missing.</summary>
    Truncated,

    /// <summary>The log ends in an unfinished line: somebody was killed over it. The next entry puts that right.</summary>
    Torn,

    /// <summary>A file does not belong to the log, or one that does is missing.</summary>
    FileMisplaced,

    /// <summary>An entry, or a fact, is of another log.</summary>
    OtherLog,

    /// <summary>A checkpoint is not signed by the key of its certificate, or not over this log.</summary>
    CheckpointInvalid,

    /// <summary>A checkpoint is signed by another certificate than the one that the cluster's definition pins.</summary>
    SignerUntrusted,

    /// <summary>A checkpoint of a cluster whose definition was not given: it is not known whether the signer is the cluster. No fault of the log.</summary>
    SignerUnverified,

    /// <summary>A torn line was cut off, and that was put on record. No fault of the log.</summary>
    Repaired,

    /// <summary>There is nothing to check.</summary>
    Empty,
}

/// <summary>One thing that was found.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="IsFault">False for what is worth knowing and no fault of the log.</param>
/// <param name="File">Name of the file; null where it is about none.</param>
/// <param name="Line">Number of the line in it, from 1; null where it is about none.</param>
/// <param name="Sequence">Number of the entry; null where it is about none.</param>
/// <param name="Explanation">What was seen.</param>
public sealed record AuditFinding(AuditFindingKind Kind, bool IsFault, string? File, int? Line, long? Sequence, string Explanation)
{
    /// <inheritdoc/>
    public override string ToString() => File is null ? Explanation : Line is null ? $"{File}: {Explanation}" : $"{File}, line {Line}: {Explanation}";
}
