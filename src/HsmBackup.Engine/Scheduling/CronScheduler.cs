using HsmBackup.Engine.Clusters;

namespace HsmBackup.Engine.Scheduling;

/// <summary>The crontab of an account. The lines of others stay as they are.</summary>
/// <param name="user">The account; null for one's own.</param>
/// <param name="clock">The clock, with the time zone of the computer.</param>
/// <param name="run">Runs programs.</param>
internal sealed class CronScheduler(string? user, TimeProvider clock, Func<string, IReadOnlyList<string>, string?, ProgramAnswer> run) : IScheduler
{
    private const string Program = "crontab";

    public InstalledSchedule Install(ScheduledCommand command)
    {
        IReadOnlyList<string> others = CronLines.Without(Read(), command.Cluster.Id);
        // crontab checks the lines, and takes all of them or none.
        Write([.. others, .. CronLines.Write(command, clock.LocalTimeZone, clock.GetUtcNow())]);
        return Installed();
    }

    public InstalledSchedule? Find(ClusterDefinition cluster)
    {
        ProgramAnswer answer = Ask(["-l"], null);
        return answer.ExitCode == 0 && CronLines.Contains(answer.Output.Split('\n'), cluster.Id) ? Installed() : null;
    }

    public bool Remove(ClusterDefinition cluster)
    {
        IReadOnlyList<string> all = Read();
        if (!CronLines.Contains(all, cluster.Id))
        {
            return false;
        }
        Write(CronLines.Without(all, cluster.Id));
        return true;
    }

    public IReadOnlyList<string> WriteTo(string folder, ScheduledCommand command)
    {
        Directory.CreateDirectory(folder);
        string file = Path.Combine(folder, command.Name + ".crontab");
        File.WriteAllText(file, string.Join('\n', CronLines.Write(command, clock.LocalTimeZone, clock.GetUtcNow())) + "\n");
        return [file];
    }

    private InstalledSchedule Installed() => new(SchedulerKind.Cron, user is null ? ScheduleScope.User : ScheduleScope.System,
        $"crontab of {user ?? Environment.UserName}", Enabled: true);

    private string[] Read()
    {
        ProgramAnswer answer = Ask(["-l"], null);
        if (answer.ExitCode == 0)
        {
            return answer.Output.TrimEnd('\n').Split('\n');
        }
        // The one failure that means an empty crontab; taking another for it would wipe the lines of others.
        return answer.Errors.Contains("no crontab for", StringComparison.OrdinalIgnoreCase) ? [] : throw Failed("-l", answer);
    }

    private void Write(IReadOnlyList<string> lines)
    {
        ProgramAnswer answer = Ask(["-"], string.Concat(lines.Select(line => line + "\n")));
        if (answer.ExitCode != 0)
        {
            throw Failed("-", answer);
        }
    }

    private ProgramAnswer Ask(string[] arguments, string? input) => run(Program, user is null ? arguments : ["-u", user, .. arguments], input);

    private static HsmBackupException Failed(string what, ProgramAnswer answer) => new(ErrorCode.ScheduleFailed,
        $"crontab {what} failed: {answer.Errors}", "Check that cron is installed and that the account may use it (cron.allow, cron.deny); for another account, be root.");
}
