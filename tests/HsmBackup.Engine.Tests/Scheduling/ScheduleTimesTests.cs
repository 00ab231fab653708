using System.Globalization;
using System.Text.RegularExpressions;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Scheduling;
using HsmBackup.Engine.Tests.Format;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Scheduling;

public sealed partial class ScheduleTimesTests
{
    private static readonly TimeZoneInfo Zurich = TimeZoneInfo.FindSystemTimeZoneById("Europe/Zurich");

    [Theory]
    [InlineData("02:00", "12:00", "02:00 14:00")]
    [InlineData("14:00", "12:00", "02:00 14:00")]
    [InlineData("02:30 08:00", null, "02:30 08:00")]
    [InlineData("02:30 14:30", "12:00", "02:30 14:30")]
    [InlineData("", "08:00", "00:00 08:00 16:00")]
    [InlineData("23:59", "1.00:00", "23:59")]
    public void Times_of_the_day_follow_from_a_beginning_and_an_interval(string at, string? every, string expected) =>
        Assert.Equal(expected.Split(' '), ScheduleTimes.From(Spans(at), every is null ? null : TimeSpan.Parse(every, CultureInfo.InvariantCulture))
            .Select(t => t.ToString("HH:mm", CultureInfo.InvariantCulture)));

    [Theory]
    [InlineData("", null)]
    [InlineData("02:00", "07:00")]
    [InlineData("02:00", "00:00")]
    [InlineData("02:00", "2.00:00")]
    [InlineData("02:00", "00:00:30")]
    [InlineData("02:00:30", null)]
    [InlineData("1.02:00", null)]
    [InlineData("-02:00", null)]
    public void What_makes_no_day_is_refused(string at, string? every) => Refusal.Of(ErrorCode.ScheduleInvalid,
        () => ScheduleTimes.From(Spans(at), every is null ? null : TimeSpan.Parse(every, CultureInfo.InvariantCulture)));

    [Theory]
    [InlineData("2026-03-28T12:00Z", "2026-03-29T01:00Z")] // 02:30 does not come: the clock goes from 02:00 to 03:00.
    [InlineData("2026-03-29T01:00Z", "2026-03-30T00:30Z")]
    [InlineData("2026-10-24T12:00Z", "2026-10-25T00:30Z")] // 02:30 comes twice.
    [InlineData("2026-10-25T00:30Z", "2026-10-26T01:30Z")]
    [InlineData("2026-07-01T00:00Z", "2026-07-01T00:30Z")]
    public void An_hour_that_is_skipped_or_comes_twice_gives_one_backup(string now, string next)
    {
        var times = new ScheduleTimes(new ClusterSchedule { Times = [new TimeOnly(2, 30)] }, Zurich);
        Assert.Equal(Instant(next), times.NextDue(Instant(now)));
        Assert.Equal(Instant(next), times.LastDue(Instant(next)));
        Assert.NotEqual(Instant(next), times.LastDue(Instant(next).AddTicks(-1)));
    }

    [Fact]
    public void Days_are_those_of_the_zone()
    {
        var schedule = new ClusterSchedule { Times = [new TimeOnly(0, 30)], Days = [DayOfWeek.Monday] };
        Assert.Equal(Instant("2026-11-22T23:30Z"), new ScheduleTimes(schedule, Zurich).NextDue(Instant("2026-11-20T00:00Z")));
        Assert.Equal(Instant("2026-11-23T00:30Z"), new ScheduleTimes(schedule with { Utc = true }, Zurich).NextDue(Instant("2026-11-20T00:00Z")));
    }

    [Fact]
    public void A_run_is_due_where_none_has_begun_since_the_last_time()
    {
        var times = new ScheduleTimes(new ClusterSchedule { Times = [new TimeOnly(2, 0), new TimeOnly(14, 0)], Utc = true }, Zurich);
        DateTimeOffset now = Instant("2026-11-22T09:00Z");
        Assert.True(times.IsDue(null, now));
        Assert.True(times.IsDue(Instant("2026-11-22T01:59Z"), now));
        Assert.False(times.IsDue(Instant("2026-11-22T02:00Z"), now));
        Assert.False(times.IsDue(Instant("2026-11-22T03:00Z"), now));
    }

    [Fact]
    public void Whenever_it_is_asked_no_time_lies_between_the_last_and_the_next()
    {
        var random = new Random(7);
        for (int i = 0; i < 500; i++)
        {
            var schedule = new ClusterSchedule
            {
                Times = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => new TimeOnly(random.Next(24), random.Next(60)))],
                Days = [.. Enum.GetValues<DayOfWeek>().Where(_ => random.Next(3) == 0)],
                Utc = random.Next(2) == 0,
            };
            var times = new ScheduleTimes(schedule, Zurich);
            DateTimeOffset now = Instant("2026-01-01T00:00Z").AddMinutes(random.Next(600_000));
            (DateTimeOffset last, DateTimeOffset next) = (times.LastDue(now), times.NextDue(now));
            Assert.True(last <= now && now < next, $"{last:u} {now:u} {next:u}");
            Assert.Equal(last, times.LastDue(next.AddTicks(-1)));
            Assert.Equal(next, times.NextDue(last));
        }
    }

    [FactWithTools("systemd-analyze")]
    public void What_the_timer_says_systemd_understands_in_the_same_way()
    {
        foreach (bool utc in new[] { true, false })
        {
            var schedule = new ClusterSchedule { Times = [new TimeOnly(2, 30), new TimeOnly(23, 5)], Days = [DayOfWeek.Thursday, DayOfWeek.Monday], Utc = utc };
            string timer = SystemdUnits.Timer(TestCommand.With(schedule));
            var times = new ScheduleTimes(schedule, Zurich);
            DateTimeOffset now = Instant("2026-11-20T00:00Z");
            string[] expressions = [.. timer.Split('\n').Where(l => l.StartsWith("OnCalendar=", StringComparison.Ordinal)).Select(l => l["OnCalendar=".Length..])];
            IEnumerable<DateTimeOffset> theirs = expressions.SelectMany(e => Elapses(e, now)).Order().Take(6);
            var ours = new List<DateTimeOffset>();
            for (DateTimeOffset at = now; ours.Count < 6; ours.Add(at))
            {
                at = times.NextDue(at);
            }
            Assert.Equal(ours, theirs);
        }
    }

    private static IEnumerable<DateTimeOffset> Elapses(string expression, DateTimeOffset from)
    {
        string said = System.Text.Encoding.UTF8.GetString(Tool.Run("systemd-analyze",
            ["calendar", "--iterations=6", $"--base-time={from.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)} UTC", expression],
            environment: e => e["TZ"] = "Europe/Zurich"));
        // Where the zone of the computer is not UTC, each time is said in UTC as well.
        return Time().Matches(said).Select(m => DateTimeOffset.ParseExact(m.Groups[1].Value, "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal)).Distinct();
    }

    private static TimeSpan[] Spans(string text) =>
        [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(t => TimeSpan.Parse(t, CultureInfo.InvariantCulture))];

    private static DateTimeOffset Instant(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}) UTC")]
    private static partial Regex Time();
}
