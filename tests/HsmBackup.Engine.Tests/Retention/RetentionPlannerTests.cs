using System.Globalization;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Retention;
using Xunit;

namespace HsmBackup.Engine.Tests.Retention;

public sealed class RetentionPlannerTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 22, 12, 0, 0, TimeSpan.Zero);

    // Of ten backups, one each 12 hours, the oldest (j) from the morning of the 18th; the newest (a) of now.
    [Theory]
    [InlineData("last 3", "abc")]
    [InlineData("last 99", "abcdefghij")]
    [InlineData("daily 2", "ac")]
    [InlineData("daily 3", "ace")]
    [InlineData("weekly 1", "a")]
    [InlineData("monthly 5", "a")]
    [InlineData("yearly 5", "a")]
    [InlineData("within 1", "ab")]
    [InlineData("last 1,daily 2,within 1", "abc")]
    [InlineData("maximum 2", "abcde")]
    [InlineData("last 8,maximum 2", "abcde")]
    [InlineData("", "abcdefghij")]
    public void Each_rule_keeps_what_it_says(string rules, string kept)
    {
        RetentionPolicy policy = Policy(Rules(rules));
        RetentionBackup[] backups = [.. Enumerable.Range(0, 10).Select(i => Backup(((char)('a' + i)).ToString(), Now.AddHours(-12 * i)))];
        Assert.Equal(kept, string.Concat(Plan(policy, backups).Items.Where(i => i.Decision == RetentionDecision.Keep).Select(i => i.BackupId)));
    }

    [Theory]
    // Sunday and Monday are of different ISO weeks; the 1st of January 2027 is of the last week of 2026.
    [InlineData("weekly 9", "2026-11-22,2026-11-16,2026-11-15,2026-11-09", "2026-11-22,2026-11-15")]
    [InlineData("weekly 9", "2027-01-03,2027-01-01,2026-12-28,2026-12-27", "2027-01-03,2026-12-27")]
    [InlineData("monthly 2", "2026-11-22,2026-11-01,2026-10-31,2026-10-01,2026-09-30", "2026-11-22,2026-10-31")]
    [InlineData("yearly 2", "2026-01-01,2025-12-31,2025-01-01,2024-12-31", "2026-01-01,2025-12-31")]
    // Days without a backup are no days.
    [InlineData("daily 3", "2026-11-22,2026-11-02,2026-10-02,2026-09-02", "2026-11-22,2026-11-02,2026-10-02")]
    public void Periods_are_those_of_the_calendar_in_UTC(string rules, string days, string kept)
    {
        RetentionBackup[] backups = [.. days.Split(',').Select(d => Backup(d, DateTimeOffset.Parse(d + "T23:59:59Z", CultureInfo.InvariantCulture))).Select(b => b with { Proven = b.Created })];
        RetentionPlan plan = RetentionPlanner.Plan(Policy(Rules(rules)), new RetentionInput { Backups = backups }, backups[0].Created, new ClockMemory(backups[0].Created, null));
        Assert.Equal(kept.Split(',').Order(), plan.Items.Where(i => i.Decision == RetentionDecision.Keep).Select(i => i.BackupId));
    }

    [Fact]
    public void A_time_with_an_offset_is_of_its_day_in_UTC()
    {
        RetentionBackup[] backups =
        [
            Backup("a", new DateTimeOffset(2026, 11, 21, 1, 0, 0, TimeSpan.FromHours(2))), Backup("b", new DateTimeOffset(2026, 11, 20, 22, 0, 0, TimeSpan.Zero)),
            Backup("c", new DateTimeOffset(2026, 11, 19, 23, 0, 0, TimeSpan.FromHours(-2))),
        ];
        Assert.Equal(["a"], Kept(Plan(Policy(Rules("daily 9")), backups)));
    }

    [Fact]
    public void Each_class_has_rules_of_its_own()
    {
        RetentionBackup[] backups = [.. Enumerable.Range(0, 4).Select(i => Backup($"{i}", Now.AddDays(-i)) with
        {
            Copies = [new RetentionCopy("local", RetentionClass.Online), new RetentionCopy("safe", RetentionClass.Offline)],
        })];
        RetentionPlan plan = Plan(Policy(Rules("last 1"), Rules("last 3")), backups);
        Assert.Equal(["0 local", "0 safe", "1 safe", "2 safe"],
            plan.Items.Where(i => i.Decision == RetentionDecision.Keep).Select(i => $"{i.BackupId} {i.Store}"));
        Assert.All(plan.Items.Where(i => i.Decision != RetentionDecision.Keep), i => Assert.Equal((RetentionReason.Expired, Now.AddDays(7)), (i.Reason, i.Due)));
    }

    [Fact]
    public void A_mark_of_the_rules_goes_when_they_want_the_copy_again_and_a_request_does_not()
    {
        RetentionBackup backup = Backup("a", Now);
        var mark = new RemovalMark(Now.AddDays(-1), Now.AddDays(6), RemovalOrigin.Policy);
        Assert.Equal(RetentionDecision.Unmark, One(backup, mark).Decision);
        RetentionItem asked = One(Backup("b", Now.AddDays(-1)), mark with { Origin = RemovalOrigin.Request }, backup);
        Assert.Equal((RetentionDecision.Keep, RetentionReason.RemovalPending, mark.Due), (asked.Decision, asked.Reason, asked.Due));
    }

    [Theory]
    [InlineData(-7, -1, RetentionDecision.Remove)]
    // Its own due is too early, too late, and absurd.
    [InlineData(-6, -5, RetentionDecision.Keep)]
    [InlineData(-9, 1, RetentionDecision.Keep)]
    [InlineData(-9, 2_000_000, RetentionDecision.Keep)]
    // It was set in the future.
    [InlineData(1, -100, RetentionDecision.Keep)]
    [InlineData(2_000_000, -100, RetentionDecision.Keep)]
    [InlineData(-700_000, -100, RetentionDecision.Remove)]
    public void A_removal_waits_for_the_delay_of_the_policy_and_for_its_own(int since, int due, RetentionDecision expected) =>
        Assert.Equal(expected, One(Backup("b", Now.AddDays(-1)), new RemovalMark(Days(since), Days(due), RemovalOrigin.Policy), Backup("a", Now)).Decision);

    [Fact]
    public void Without_a_test_that_counts_nothing_goes()
    {
        RetentionBackup[] backups = [.. Enumerable.Range(0, 3).Select(i => Backup($"{i}", Now.AddDays(-i)) with { Proven = Now.AddDays(-91) })];
        RetentionPlan plan = Plan(Policy(Rules("last 1")), backups);
        Assert.Null(plan.NewestProven);
        Assert.All(plan.Items.Skip(1), i => Assert.Equal((RetentionDecision.Keep, RetentionReason.NothingProven), (i.Decision, i.Reason)));
    }

    [Fact]
    public void A_backup_of_a_clock_that_went_wrong_is_not_taken_for_an_old_one()
    {
        RetentionBackup lost = Backup("lost", new DateTimeOffset(1970, 1, 1, 0, 0, 0, TimeSpan.Zero)) with { PreviousCreated = Now.AddDays(-1) };
        RetentionPlan plan = Plan(Policy(Rules("last 1")), Backup("a", Now), lost);
        Assert.Equal(RetentionReason.OutOfOrder, plan.Items.Single(i => i.BackupId == "lost").Reason);
        // One file of the far future before them does not make all that follow wrong.
        Assert.Equal(RetentionReason.Expired,
            Plan(Policy(Rules("last 1")), Backup("a", Now), lost with { PreviousCreated = Now.AddYears(10) }).Items.Single(i => i.BackupId == "lost").Reason);
    }

    [Fact]
    public void Ten_thousand_backups_are_planned_at_once()
    {
        RetentionBackup[] backups = [.. Enumerable.Range(0, 10_000).Select(i => Backup($"{i:D5}", Now.AddHours(-i)))];
        RetentionPlan plan = Plan(Policy(Rules("daily 30,monthly 12")), backups);
        Assert.Equal(10_000, plan.Items.Count);
        // The newest of November and of October are the newest of their days too.
        Assert.Equal(30 + 12 - 2, plan.Items.Count(i => i.Decision == RetentionDecision.Keep));
    }

    [Fact]
    public void Every_reason_is_a_sentence() => Assert.All(Enum.GetValues<RetentionReason>(), reason =>
    {
        string text = new RetentionItem { BackupId = "a", Store = "b", Decision = RetentionDecision.Keep, Reason = reason, Due = Now }.Explanation;
        Assert.EndsWith(".", text, StringComparison.Ordinal);
        Assert.Contains(' ', text);
    });

    [Fact]
    public void Every_reason_and_every_outcome_is_on_the_page()
    {
        string page = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "docs", "retention.md"));
        Assert.All([.. Enum.GetNames<RetentionReason>(), .. Enum.GetNames<RetentionOutcome>().Except([nameof(RetentionOutcome.Planned)])],
            name => Assert.Contains($"`{name}`", page, StringComparison.Ordinal));
    }

    private static DateTimeOffset Days(int days) =>
        days > 1_000_000 ? DateTimeOffset.MaxValue : days < -500_000 ? DateTimeOffset.MinValue : Now.AddDays(days);

    private static RetentionItem One(RetentionBackup backup, RemovalMark mark, params RetentionBackup[] others) => Plan(Policy(Rules("last 1")),
        [backup with { Copies = [backup.Copies[0] with { Mark = mark }] }, .. others]).Items.Single(i => i.BackupId == backup.BackupId);

    private static RetentionPlan Plan(RetentionPolicy policy, params RetentionBackup[] backups) =>
        RetentionPlanner.Plan(policy, new RetentionInput { Backups = backups }, Now, new ClockMemory(Now, null));

    private static IEnumerable<string> Kept(RetentionPlan plan) => plan.Items.Where(i => i.Decision == RetentionDecision.Keep).Select(i => i.BackupId);

    private static RetentionPolicy Policy(RetentionRules online, RetentionRules? offline = null) =>
        new() { Online = online, Offline = offline ?? new RetentionRules() };

    private static RetentionRules Rules(string text)
    {
        Dictionary<string, int> rules = text.Split(',', StringSplitOptions.RemoveEmptyEntries)
            .ToDictionary(r => r.Split(' ')[0], r => int.Parse(r.Split(' ')[1], CultureInfo.InvariantCulture));
        return new RetentionRules
        {
            KeepLast = Number("last"),
            KeepDaily = Number("daily"),
            KeepWeekly = Number("weekly"),
            KeepMonthly = Number("monthly"),
            KeepYearly = Number("yearly"),
            KeepWithin = Number("within") is { } within ? TimeSpan.FromDays(within) : null,
            MaximumAge = Number("maximum") is { } maximum ? TimeSpan.FromDays(maximum) : null,
        };

        int? Number(string rule) => rules.TryGetValue(rule, out int number) ? number : null;
    }

    private static RetentionBackup Backup(string id, DateTimeOffset created) => new()
    {
        BackupId = id,
        Created = created,
        Complete = true,
        Proven = Now,
        Copies = [new RetentionCopy("local", RetentionClass.Online)],
    };
}
