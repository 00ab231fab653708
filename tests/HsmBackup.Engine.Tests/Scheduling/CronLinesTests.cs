using System.Text;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Scheduling;
using HsmBackup.Engine.Tests.Format;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Scheduling;

/// <summary>Crontabs, judged by the crontab program of the system without touching anybody's.</summary>
public sealed class CronLinesTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 11, 22, 0, 0, 0, TimeSpan.Zero);
    private static readonly TimeZoneInfo Zurich = TimeZoneInfo.FindSystemTimeZoneById("Europe/Zurich");

    private readonly TestFolder _folder = new();
    private readonly List<string> _calls = [];
    private string? _crontab = "# mine\n0 4 * * * /bin/true 100\\%\n";

    public void Dispose() => _folder.Dispose();

    [FactWithTools("crontab")]
    public void The_lines_of_others_stay_and_those_of_the_cluster_come_and_go()
    {
        string before = _crontab!;
        var installer = new ScheduleInstaller(new SetClock(Now, Zurich), Run);
        ScheduledCommand command = TestCommand.Plain;
        Assert.Empty(installer.Find(command.Cluster, "backup"));
        installer.Install(command, SchedulerKind.Cron);
        Assert.StartsWith(before, _crontab, StringComparison.Ordinal);
        string once = _crontab!;
        installer.Install(command, SchedulerKind.Cron);
        Assert.Equal(once, _crontab);
        InstalledSchedule found = Assert.Single(installer.Find(command.Cluster, "backup"), s => s.Scope == ScheduleScope.System);
        Assert.Equal("crontab of backup", found.Location);
        installer.Remove(command.Cluster, "backup");
        Assert.Equal(before, _crontab);
        Assert.Contains(_calls, c => c.StartsWith("-u backup -", StringComparison.Ordinal));
    }

    [FactWithTools("crontab")]
    public void A_first_crontab_is_made()
    {
        _crontab = null;
        var installer = new ScheduleInstaller(new SetClock(Now, Zurich), Run);
        installer.Install(TestCommand.Difficult, SchedulerKind.Cron);
        Assert.Equal(5, _crontab!.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void A_crontab_that_cannot_be_read_is_not_written()
    {
        int writes = 0;
        var installer = new ScheduleInstaller(new SetClock(Now), (_, arguments, _) =>
        {
            writes += arguments[^1] == "-" ? 1 : 0;
            return new ProgramAnswer(1, "", "You (backup) are not allowed to use this program");
        });
        Refusal.Of(ErrorCode.ScheduleFailed, () => installer.Install(TestCommand.Plain, SchedulerKind.Cron));
        Assert.Equal(0, writes);
    }

    [FactWithTools("sh")]
    public void The_shell_hands_over_what_is_meant()
    {
        ScheduledCommand command = TestCommand.Difficult;
        string line = CronLines.Write(command, Zurich, Now).Single(l => l.StartsWith("@reboot ", StringComparison.Ordinal))["@reboot ".Length..];
        // Cron takes the backslash before a per cent away, and hands the rest to sh. A program that shows its arguments stands in for pwsh.
        string shown = line.Replace("\\%", "%", StringComparison.Ordinal).Replace("/usr/bin/env ", "printf '%s\\n' /usr/bin/env ", StringComparison.Ordinal);
        Assert.Equal(command.Arguments(ifDue: true), Encoding.UTF8.GetString(Tool.Run("sh", ["-c", shown])).TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public void Local_times_are_the_computers_and_those_in_UTC_are_met_in_summer_and_in_winter()
    {
        var schedule = new ClusterSchedule { Times = [new TimeOnly(23, 30)], Days = [DayOfWeek.Monday, DayOfWeek.Thursday] };
        Assert.Equal(["30 23 * * 1,4", "@reboot"], Times(schedule));
        // Half an hour before midnight in UTC is half past midnight in winter and half past one in summer, of the next day.
        Assert.Equal(["30 0 * * *", "30 1 * * *", "@reboot"], Times(schedule with { Utc = true }).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_a_crontab_cuts_off_is_refused() => Refusal.Of(ErrorCode.ScheduleInvalid,
        () => CronLines.Write(TestCommand.Plain with { StateFolder = "/" + new string('x', 1000) }, Zurich, Now));

    [Fact]
    public void A_line_break_in_a_path_is_refused() => Refusal.Of(ErrorCode.ScheduleInvalid,
        () => new ScheduleInstaller().WriteTo(_folder.Root, TestCommand.Plain with { StateFolder = "/x\n* * * * * rm" }, SchedulerKind.Cron));

    [Fact]
    public void Lines_whose_end_somebody_cut_off_take_nobody_elses_with_them()
    {
        string[] cut = [.. CronLines.Write(TestCommand.Plain, Zurich, Now).SkipLast(1)];
        Assert.Equal(["# mine", "0 4 * * * x"], CronLines.Without(["# mine", .. cut, "0 4 * * * x"], TestCommand.Plain.Cluster.Id));
    }

    private static IEnumerable<string> Times(ClusterSchedule schedule) => CronLines.Write(TestCommand.With(schedule), Zurich, Now)
        .Where(l => !l.StartsWith('#')).Select(l => l[..l.IndexOf(" /usr", StringComparison.Ordinal)]);

    // Nobody's crontab is touched: this keeps one, and the real program looks whether what it is given is one.
    private ProgramAnswer Run(string program, IReadOnlyList<string> arguments, string? input)
    {
        if (program != "crontab")
        {
            return new ProgramAnswer(1, "", "not here");
        }
        _calls.Add(string.Join(' ', arguments));
        if (arguments[^1] == "-l")
        {
            return _crontab is null || !arguments.Contains("backup") ? new ProgramAnswer(1, "", "no crontab for backup") : new ProgramAnswer(0, _crontab, "");
        }
        string file = _folder.File("crontab");
        File.WriteAllText(file, input);
        (int exitCode, string output, string errors) = Programs.Run("crontab", "-n", file);
        _crontab = exitCode == 0 ? input : _crontab;
        return new ProgramAnswer(exitCode, output, errors);
    }
}
