using HsmBackup.Engine.Clusters.Definitions;

namespace HsmBackup.Engine.Scheduling;

/// <summary>
/// When backups are due. Pure: the time comes in as a value. A time that the clock skips in spring is due at the end of the gap, and one
/// that it shows twice in autumn is due the first time only.
/// </summary>
public sealed class ScheduleTimes
{
    private const int DaysOfWeek = 7;
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private readonly IReadOnlyList<TimeOnly> _times;
    private readonly HashSet<DayOfWeek> _days;
    private readonly TimeZoneInfo _zone;

    /// <summary>The times of a schedule.</summary>
    /// <param name="schedule">The schedule.</param>
    /// <param name="local">The time zone of the computer.</param>
    public ScheduleTimes(ClusterSchedule schedule, TimeZoneInfo local)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        _times = schedule.Times;
        _days = schedule.Days.Count == 0 ? [.. Enum.GetValues<DayOfWeek>()] : [.. schedule.Days];
        _zone = schedule.Utc ? TimeZoneInfo.Utc : local;
    }

    /// <summary>Times of the day: those that are named, each with all that follow it at an interval.</summary>
    /// <param name="at">Times since midnight.</param>
    /// <param name="every">The interval; null for none.</param>
    /// <exception cref="HsmBackupException">ScheduleInvalid.</exception>
    public static IReadOnlyList<TimeOnly> From(IReadOnlyList<TimeSpan> at, TimeSpan? every)
    {
        ArgumentNullException.ThrowIfNull(at);
        foreach (TimeSpan wrong in at.Where(t => t < TimeSpan.Zero || t >= Day || t.Ticks % TimeSpan.TicksPerMinute != 0))
        {
            throw Invalid($"{wrong} is no time of the day to the minute.", "Name times from 00:00 to 23:59, such as -At 02:30.");
        }
        if (every is { } interval && (interval < TimeSpan.FromMinutes(1) || interval.Ticks % TimeSpan.TicksPerMinute != 0 || Day.Ticks % interval.Ticks != 0))
        {
            throw Invalid($"A day cannot be divided into parts of {interval}: the times would be others every day.",
                "Name an interval that divides 24 hours, such as -Every 12:00:00 or 06:00:00, or name each time with -At.");
        }
        IEnumerable<TimeSpan> first = at.Count > 0 ? at : every is null
            ? throw Invalid("It is not said when backups are due.", "Name times with -At, or an interval with -Every.")
            : [TimeSpan.Zero];
        int turns = every is { } step ? checked((int)(Day.Ticks / step.Ticks)) : 1;
        return [.. first.SelectMany(start => Enumerable.Range(0, turns).Select(n => (start + n * (every ?? Day)).Ticks % Day.Ticks))
            .Distinct().Order().Select(ticks => new TimeOnly(ticks))];
    }

    /// <summary>The last time that was due, at or before a moment.</summary>
    public DateTimeOffset LastDue(DateTimeOffset now) => Around(now).Last(due => due <= now);

    /// <summary>The next time that is due, after a moment.</summary>
    public DateTimeOffset NextDue(DateTimeOffset now) => Around(now).First(due => due > now);

    /// <summary>Whether a run was missed, or is due now.</summary>
    /// <param name="lastServed">When the last run began; null where there was none.</param>
    /// <param name="now">The time.</param>
    public bool IsDue(DateTimeOffset? lastServed, DateTimeOffset now) => lastServed is not { } served || served < LastDue(now);

    // A week and a day either way, so that there is one before and one after whatever the days.
    private IEnumerable<DateTimeOffset> Around(DateTimeOffset now)
    {
        DateOnly today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(now, _zone).DateTime);
        return Enumerable.Range(-DaysOfWeek - 1, 2 * DaysOfWeek + 3).Select(today.AddDays).Where(date => _days.Contains(date.DayOfWeek))
            .SelectMany(date => _times.Select(time => InstantOf(date.ToDateTime(time)))).Distinct().Order();
    }

    private DateTimeOffset InstantOf(DateTime local)
    {
        while (_zone.IsInvalidTime(local))
        {
            local = local.AddMinutes(1);
        }
        TimeSpan offset = _zone.IsAmbiguousTime(local) ? _zone.GetAmbiguousTimeOffsets(local).Max() : _zone.GetUtcOffset(local);
        return new DateTimeOffset(local, offset).ToUniversalTime();
    }

    private static HsmBackupException Invalid(string message, string recommendedAction) =>
        new(ErrorCode.ScheduleInvalid, message, recommendedAction);
}
