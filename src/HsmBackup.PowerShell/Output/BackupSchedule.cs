using System.Globalization;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Scheduling;

namespace HsmBackup.PowerShell.Output;

/// <summary>The schedule of a cluster, where it is installed, and how it goes.</summary>
public sealed class BackupSchedule
{
    internal BackupSchedule(ClusterDefinition cluster, IReadOnlyList<InstalledSchedule> installed, BackupRun? lastRun, TimeProvider clock)
    {
        ClusterSchedule schedule = cluster.Schedule!;
        Cluster = cluster.Name;
        DefinitionPath = cluster.DefinitionPath;
        Times = schedule.Times;
        Days = schedule.Days;
        Utc = schedule.Utc;
        Node = schedule.Node ?? cluster.Nodes[0].Name;
        Stores = schedule.Stores.Count > 0 ? schedule.Stores : [.. cluster.Stores.Select(s => s.Name)];
        KeyRecipients = schedule.KeyRecipients;
        KeyFolder = schedule.KeyFolder;
        KeyVault = schedule.KeyVault;
        Installed = installed;
        LastRun = lastRun;
        NextDue = installed.Count == 0 ? null : new ScheduleTimes(schedule, clock.LocalTimeZone).NextDue(clock.GetUtcNow());
    }

    /// <summary>Name of the cluster.</summary>
    public string Cluster { get; }

    /// <summary>The definition's file.</summary>
    public string? DefinitionPath { get; }

    /// <summary>Times of the day.</summary>
    public IReadOnlyList<TimeOnly> Times { get; }

    /// <summary>Days of the week; empty for every day.</summary>
    public IReadOnlyList<DayOfWeek> Days { get; }

    /// <summary>Whether the times are in UTC, and not in the time of the computer.</summary>
    public bool Utc { get; }

    /// <summary>The node that is backed up.</summary>
    public string Node { get; }

    /// <summary>The stores that the backup goes to.</summary>
    public IReadOnlyList<string> Stores { get; }

    /// <summary>Certificates that the one-time keys are sealed for.</summary>
    public IReadOnlyList<string> KeyRecipients { get; }

    /// <summary>The folder where keys wait; null for that in the state folder.</summary>
    public string? KeyFolder { get; }

    /// <summary>The vault that keys are put into; null for none.</summary>
    public string? KeyVault { get; }

    /// <summary>Where it is installed on this machine; empty where it is not.</summary>
    public IReadOnlyList<InstalledSchedule> Installed { get; }

    /// <summary>The last run; null where there was none.</summary>
    public BackupRun? LastRun { get; }

    /// <summary>When the next run is due; null where the schedule is not installed.</summary>
    public DateTimeOffset? NextDue { get; }

    /// <summary>The times as text: days, times, and UTC where they are in it.</summary>
    public string When => string.Join(' ', new[]
    {
        string.Join(',', Days.Select(d => d.ToString()[..3])),
        string.Join(", ", Times.Select(t => t.ToString("HH:mm", CultureInfo.InvariantCulture))),
        Utc ? "UTC" : "",
    }.Where(part => part.Length > 0));

    /// <summary>The cluster and the times.</summary>
    public override string ToString() => $"{Cluster}: {When}";
}
