namespace HsmBackup.Engine.Retention;

/// <summary>The keep rules of one class, applied to backups from the newest to the oldest. Calendar periods are those of UTC.</summary>
internal sealed class KeepRules(RetentionRules rules, DateTimeOffset now)
{
    private readonly Period _days = new(rules.KeepDaily);
    private readonly Period _weeks = new(rules.KeepWeekly);
    private readonly Period _months = new(rules.KeepMonthly);
    private readonly Period _years = new(rules.KeepYearly);
    private int _seen;

    /// <summary>The first rule that wants the next backup, no newer than the one before it; null where none does.</summary>
    public RetentionReason? Next(DateTimeOffset created)
    {
        // A difference of two times cannot overflow, and a sum of a time and a duration can.
        TimeSpan age = now - created;
        if (age > rules.MaximumAge)
        {
            return null;
        }
        var day = DateOnly.FromDateTime(created.UtcDateTime);
        // Day 0 of the calendar was a Monday, as ISO weeks begin.
        bool ofDay = _days.Wants(day.DayNumber), ofWeek = _weeks.Wants(day.DayNumber / 7),
            ofMonth = _months.Wants(day.Year * 12 + day.Month), ofYear = _years.Wants(day.Year);
        bool last = _seen++ < rules.KeepLast;
        return !rules.HasKeepRule ? RetentionReason.NoKeepRule
            : last ? RetentionReason.KeepLast
            : ofDay ? RetentionReason.KeepDaily
            : ofWeek ? RetentionReason.KeepWeekly
            : ofMonth ? RetentionReason.KeepMonthly
            : ofYear ? RetentionReason.KeepYearly
            : age < rules.KeepWithin ? RetentionReason.KeepWithin
            : null;
    }

    /// <summary>Wants the newest of each of so many periods.</summary>
    private sealed class Period(int? count)
    {
        private int? _latest;
        private int _left = count ?? 0;

        public bool Wants(int period)
        {
            if (period == _latest)
            {
                return false;
            }
            _latest = period;
            return _left-- > 0;
        }
    }
}
