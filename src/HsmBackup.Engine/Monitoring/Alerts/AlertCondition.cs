using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Monitoring.Status;

namespace HsmBackup.Engine.Monitoring.Alerts;

/// <summary>Something that is wrong now.</summary>
/// <param name="Part">The part of the cluster that shows it.</param>
/// <param name="Name">What is wrong, as one word.</param>
/// <param name="Subject">What it is about, where there may be several; else null.</param>
/// <param name="Severity">How bad it is.</param>
/// <param name="Message">What is wrong, in a sentence.</param>
/// <param name="Action">What to do.</param>
public sealed record AlertCondition(StatusPart Part, string Name, string? Subject, AlertSeverity Severity, string Message, string Action)
{
    /// <summary>The backup that it is about; null where it is about none.</summary>
    public string? BackupId { get; init; }

    /// <summary>What is wrong where.</summary>
    public string Key => Subject is null ? Name : $"{Name}:{Subject}";
}
