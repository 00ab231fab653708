namespace HsmBackup.Engine.Scheduling;

/// <summary>What starts scheduled runs.</summary>
public enum SchedulerKind
{
    /// <summary>A systemd timer.</summary>
    Systemd,

    /// <summary>The user's crontab.</summary>
    Cron,

    /// <summary>The Task Scheduler of Windows.</summary>
    TaskScheduler,
}

/// <summary>Whose schedule it is.</summary>
public enum ScheduleScope
{
    /// <summary>The machine's: it runs whether somebody is logged in or not, under an account that is named.</summary>
    System,

    /// <summary>One's own.</summary>
    User,
}
