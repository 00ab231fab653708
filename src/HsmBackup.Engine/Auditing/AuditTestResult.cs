namespace HsmBackup.Engine.Auditing;

/// <summary>The outcome of a check of an audit log.</summary>
public sealed record AuditTestResult
{
    /// <summary>True where there was at least one entry and no fault was found.</summary>
    public bool Passed => Entries > 0 && !Findings.Any(f => f.IsFault);

    /// <summary>"Passed" or "Failed".</summary>
    public string State => Passed ? "Passed" : "Failed";

    /// <summary>The folder of the log; null where it was read from elsewhere.</summary>
    public string? Path { get; init; }

    /// <summary>Id of the log; null where no entry could be read.</summary>
    public string? Log { get; init; }

    /// <summary>How many entries were read.</summary>
    public required long Entries { get; init; }

    /// <summary>In how many files.</summary>
    public required int Files { get; init; }

    /// <summary>Time of the first entry; null where there is none.</summary>
    public DateTimeOffset? First { get; init; }

    /// <summary>Time of the last entry; null where there is none.</summary>
    public DateTimeOffset? Last { get; init; }

    /// <summary>Hash of the last entry; null where there is none. Kept elsewhere, it tells later whether the log is still the same.</summary>
    public string? Head { get; init; }

    /// <summary>How many checkpoints it has.</summary>
    public required int Checkpoints { get; init; }

    /// <summary>How many of them are signed by the certificate that the cluster's definition pins.</summary>
    public required int VerifiedCheckpoints { get; init; }

    /// <summary>Number of the last entry that a verified checkpoint signs or a fact from outside confirms; what comes after could be missing unseen.</summary>
    public required long Confirmed { get; init; }

    /// <summary>With how many facts from outside the log it was compared.</summary>
    public required int Facts { get; init; }

    /// <summary>What was found.</summary>
    public required IReadOnlyList<AuditFinding> Findings { get; init; }

    /// <summary>The result in one line.</summary>
    public string Summary => Passed
        ? $"Passed: {Entries} entries in {Files} files, confirmed up to entry {Confirmed}."
        : $"Failed: {Findings.FirstOrDefault(f => f.IsFault)?.ToString() ?? "nothing was checked"}";
}
