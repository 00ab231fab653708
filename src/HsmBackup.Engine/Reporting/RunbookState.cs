namespace HsmBackup.Engine.Reporting;

/// <summary>Whether a runbook can be followed.</summary>
public enum RunbookStatus
{
    /// <summary>It was made from the configuration as it is now.</summary>
    Current,

    /// <summary>The configuration has changed since.</summary>
    Outdated,

    /// <summary>The file is not what was exported.</summary>
    Altered,

    /// <summary>No export is remembered, or none of the files of the last one is there.</summary>
    Missing,
}

/// <summary>A runbook against the configuration of its cluster.</summary>
public sealed record RunbookState
{
    /// <summary>Name of the cluster.</summary>
    public required string Cluster { get; init; }

    /// <summary>The verdict.</summary>
    public required RunbookStatus Status { get; init; }

    /// <summary>The file; null where no export is remembered.</summary>
    public string? Path { get; init; }

    /// <summary>When it was made, in UTC; null where that is not known.</summary>
    public DateTimeOffset? Made { get; init; }

    /// <summary>
    /// Whether this machine remembers to have exported it as it is; else nothing but the digest in the file itself says that nobody has
    /// changed it.
    /// </summary>
    public bool Remembered { get; init; }

    /// <summary>Parts of the definition that have changed since, by the names of its members.</summary>
    public IReadOnlyList<string> OutdatedParts { get; init; } = [];

    /// <summary>What is wrong; null where it is Current.</summary>
    public string? Problem { get; init; }

    /// <summary>
    /// False where people may look for a runbook, and find none or a wrong one. Where none was exported here, it may well be somewhere
    /// else.
    /// </summary>
    public bool IsReliable => Status == RunbookStatus.Current || (Status == RunbookStatus.Missing && Path is null);

    /// <summary>The verdict in a few words.</summary>
    public override string ToString() => Problem is null ? $"{Status}" : $"{Status}: {Problem}";
}

/// <summary>A runbook that was written.</summary>
public sealed record ExportedRunbook
{
    /// <summary>Name of the cluster.</summary>
    public required string Cluster { get; init; }

    /// <summary>The form.</summary>
    public required RunbookFormat Format { get; init; }

    /// <summary>The file.</summary>
    public required string Path { get; init; }

    /// <summary>When the configuration was looked at, in UTC.</summary>
    public required DateTimeOffset Made { get; init; }

    /// <summary>SHA-256 of the file in hex.</summary>
    public required string Digest { get; init; }

    /// <summary>The file.</summary>
    public override string ToString() => Path;
}

/// <summary>A form of a runbook.</summary>
public enum RunbookFormat
{
    /// <summary>A page for screens and paper.</summary>
    Html,

    /// <summary>Text, for places that keep versions.</summary>
    Markdown,
}
