using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Drills;

/// <summary>A backup that a drill used.</summary>
public sealed record DrilledBackup
{
    /// <summary>Its id.</summary>
    public required string BackupId { get; init; }

    /// <summary>When it was made, in UTC.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The store that it was taken from.</summary>
    public required string Store { get; init; }

    /// <summary>The file or its address.</summary>
    public required string Location { get; init; }

    /// <summary>Who can open it.</summary>
    public required BackupMode Mode { get; init; }

    /// <summary>How many objects the token had when it was made.</summary>
    public required int Objects { get; init; }

    /// <summary>How many of them are in it whole.</summary>
    public required int Captured { get; init; }

    /// <summary>Length of the file in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>The digest that the file ends with; null where it could not be read.</summary>
    public string? Digest { get; init; }

    /// <summary>How it came through the drill.</summary>
    public required CheckOutcome Result { get; init; }

    /// <summary>The backup's id.</summary>
    public override string ToString() => BackupId;
}
