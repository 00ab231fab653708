using HsmBackup.Engine.Clusters;

namespace HsmBackup.Engine.Scheduling;

/// <summary>Installs the schedules of clusters on this machine, finds them and removes them.</summary>
/// <param name="clock">The clock; null for that of the system.</param>
/// <param name="run">Runs programs; null for the system's own.</param>
public sealed class ScheduleInstaller(TimeProvider? clock = null, Func<string, IReadOnlyList<string>, string?, ProgramAnswer>? run = null)
{
    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly Func<string, IReadOnlyList<string>, string?, ProgramAnswer> _run = run ?? SystemProgram.Run;

    /// <summary>What this machine has: the Task Scheduler of Windows, systemd where it runs, else cron.</summary>
    public static SchedulerKind Usual => OperatingSystem.IsWindows() ? SchedulerKind.TaskScheduler
        : SystemdScheduler.Runs ? SchedulerKind.Systemd
        : SchedulerKind.Cron;

    /// <summary>Installs a schedule, in place of any that the cluster had with that scheduler.</summary>
    /// <exception cref="HsmBackupException">ScheduleInvalid, ScheduleFailed, DestinationUnwritable; what there was before is there
    /// again.</exception>
    public InstalledSchedule Install(ScheduledCommand command, SchedulerKind scheduler)
    {
        ArgumentNullException.ThrowIfNull(command);
        command.Check(scheduler);
        return Scheduler(scheduler, command.Scope, command.User).Install(command);
    }

    /// <summary>Writes what would be installed to a folder, for review.</summary>
    /// <exception cref="HsmBackupException">ScheduleInvalid, DestinationUnwritable.</exception>
    public IReadOnlyList<string> WriteTo(string folder, ScheduledCommand command, SchedulerKind scheduler)
    {
        ArgumentNullException.ThrowIfNull(command);
        command.Check(scheduler);
        try
        {
            return Scheduler(scheduler, command.Scope, command.User).WriteTo(folder, command);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, folder);
        }
    }

    /// <summary>What is installed for a cluster.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="user">Whose crontab is looked at beside one's own; null for none.</param>
    public IReadOnlyList<InstalledSchedule> Find(ClusterDefinition cluster, string? user) =>
        [.. Schedulers(user).Select(s => s.Find(cluster)).OfType<InstalledSchedule>()];

    /// <summary>Removes everything that is installed for a cluster.</summary>
    /// <returns>What was removed.</returns>
    /// <exception cref="HsmBackupException">ScheduleFailed.</exception>
    public IReadOnlyList<InstalledSchedule> Remove(ClusterDefinition cluster, string? user)
    {
        var removed = new List<InstalledSchedule>();
        foreach (IScheduler scheduler in Schedulers(user))
        {
            if (scheduler.Find(cluster) is { } installed && scheduler.Remove(cluster))
            {
                removed.Add(installed);
            }
        }
        return removed;
    }

    private IScheduler[] Schedulers(string? user)
    {
        if (OperatingSystem.IsWindows())
        {
            return [Scheduler(SchedulerKind.TaskScheduler, ScheduleScope.System, null)];
        }
        IScheduler[] all =
        [
            Scheduler(SchedulerKind.Systemd, ScheduleScope.System, null),
            Scheduler(SchedulerKind.Systemd, ScheduleScope.User, null),
            Scheduler(SchedulerKind.Cron, ScheduleScope.User, null),
        ];
        return user is null ? all : [.. all, Scheduler(SchedulerKind.Cron, ScheduleScope.System, user)];
    }

    private IScheduler Scheduler(SchedulerKind kind, ScheduleScope scope, string? user) => kind switch
    {
        SchedulerKind.Systemd => new SystemdScheduler(scope, SystemdScheduler.FolderOf(scope), _run),
        SchedulerKind.Cron => new CronScheduler(scope == ScheduleScope.System ? user : null, _clock, _run),
        _ => new WindowsScheduler(scope, _clock, _run),
    };
}
