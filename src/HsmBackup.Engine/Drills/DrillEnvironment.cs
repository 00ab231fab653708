namespace HsmBackup.Engine.Drills;

/// <summary>A token that a drill recovered to.</summary>
/// <param name="Node">The node whose place it took.</param>
/// <param name="TokenLabel">Its label.</param>
/// <param name="TokenSerial">Its serial number.</param>
/// <param name="Model">Its manufacturer and model.</param>
/// <param name="Firmware">Its firmware.</param>
public sealed record DrillTarget(string Node, string TokenLabel, string? TokenSerial, string? Model, string? Firmware);

/// <summary>Where a drill was run.</summary>
public sealed record DrillEnvironment
{
    /// <summary>Name of the computer.</summary>
    public required string Computer { get; init; }

    /// <summary>The account.</summary>
    public required string User { get; init; }

    /// <summary>The operating system.</summary>
    public required string OperatingSystem { get; init; }

    /// <summary>Version of this program.</summary>
    public required string ToolVersion { get; init; }

    /// <summary>True where the targets were throw-away software tokens: the times are then not those of the HSMs.</summary>
    public required bool SoftwareTargets { get; init; }

    /// <summary>Name of the drill cluster; null where the targets were software tokens.</summary>
    public string? DrillCluster { get; init; }

    /// <summary>The tokens.</summary>
    public IReadOnlyList<DrillTarget> Targets { get; init; } = [];
}
