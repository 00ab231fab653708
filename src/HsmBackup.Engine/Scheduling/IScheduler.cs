using HsmBackup.Engine.Clusters;

namespace HsmBackup.Engine.Scheduling;

/// <summary>A schedule as a scheduler of this machine has it.</summary>
/// <param name="Scheduler">The scheduler.</param>
/// <param name="Scope">Whose it is.</param>
/// <param name="Location">Where it stands: the timer's file, whose crontab, the task's name.</param>
/// <param name="Enabled">Whether it will run.</param>
public sealed record InstalledSchedule(SchedulerKind Scheduler, ScheduleScope Scope, string Location, bool Enabled)
{
    /// <summary>The scheduler and the place.</summary>
    public override string ToString() => $"{Scheduler}: {Location}{(Enabled ? "" : " (disabled)")}";
}

/// <summary>Something that starts runs. Members throw a <see cref="HsmBackupException"/>: ScheduleFailed says what the system said.</summary>
internal interface IScheduler
{
    /// <summary>Installs a schedule, in place of the one that the cluster had; it is there whole afterwards, or not at all.</summary>
    InstalledSchedule Install(ScheduledCommand command);

    /// <summary>What the cluster has here; null where it has nothing.</summary>
    InstalledSchedule? Find(ClusterDefinition cluster);

    /// <summary>Removes what the cluster has here.</summary>
    /// <returns>False where it had nothing.</returns>
    bool Remove(ClusterDefinition cluster);

    /// <summary>Writes what would be installed to a folder, for review, and installs nothing.</summary>
    /// <returns>The files.</returns>
    IReadOnlyList<string> WriteTo(string folder, ScheduledCommand command);
}
