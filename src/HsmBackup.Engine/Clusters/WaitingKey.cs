namespace HsmBackup.Engine.Clusters;

/// <summary>The one-time key of a backup that nobody attended, and that nobody has received yet.</summary>
public sealed record WaitingKey
{
    /// <summary>The backup that it opens.</summary>
    public required string BackupId { get; init; }

    /// <summary>When the backup was made, in UTC.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>How long it has been waiting.</summary>
    public required TimeSpan Age { get; init; }

    /// <summary>Whom it is sealed for: issuer and serial number of each certificate.</summary>
    public IReadOnlyList<string> SealedFor { get; init; } = [];

    /// <summary>The sealed file; null where it is in a vault alone.</summary>
    public string? Path { get; init; }

    /// <summary>The vault that it is in; null where it is in none.</summary>
    public string? Vault { get; init; }

    /// <summary>Why it cannot be received; null where nothing is known against it.</summary>
    public string? Problem { get; init; }

    /// <summary>The backup's id.</summary>
    public override string ToString() => BackupId;
}
