using System.Globalization;

namespace HsmBackup.Engine.Scheduling;

/// <summary>
/// A schedule as lines of a crontab, between two comments by which they are found again. All run what is due and nothing else: so the run
/// after a start of the machine catches up what was missed, and an hour that comes twice in autumn gives one backup.
/// </summary>
public static class CronLines
{
    // The cron of Debian cuts a longer command off without a word.
    private const int MaxCommand = 998;

    /// <summary>The lines.</summary>
    /// <param name="command">What is run.</param>
    /// <param name="local">The time zone of the computer, by which cron goes.</param>
    /// <param name="now">The time, for what that zone is like this year.</param>
    /// <exception cref="HsmBackupException">ScheduleInvalid: the command is too long for a crontab.</exception>
    public static IReadOnlyList<string> Write(ScheduledCommand command, TimeZoneInfo local, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(command);
        string run = string.Join(' ', command.Arguments(ifDue: true).Select(Quote)).Replace("%", "\\%", StringComparison.Ordinal);
        if (run.Length > MaxCommand)
        {
            throw ScheduledCommand.Invalid(string.Create(CultureInfo.InvariantCulture, $"The command has {run.Length} characters, and a line of a crontab takes {MaxCommand}."),
                "Put the module, the definition and the state folder to shorter paths.");
        }
        return
        [
            Begin(command.Cluster.Id, command.Cluster.Name),
            .. Times(command, local, now).Distinct().Select(time => $"{time} {run}"),
            $"@reboot {run}",
            End(command.Cluster.Id),
        ];
    }

    /// <summary>A crontab without the lines of a cluster.</summary>
    public static IReadOnlyList<string> Without(IReadOnlyList<string> crontab, string clusterId)
    {
        ArgumentNullException.ThrowIfNull(crontab);
        var others = new List<string>();
        var pending = new List<string>();
        bool within = false;
        foreach (string line in crontab)
        {
            within |= line.StartsWith(BeginMark(clusterId), StringComparison.Ordinal);
            (within ? pending : others).Add(line);
            if (within && line == End(clusterId))
            {
                within = false;
                pending.Clear();
            }
        }
        // A beginning without an end: somebody cut it. What follows may be theirs; our own lines cannot be mistaken.
        return [.. others, .. pending.Where(line => !line.StartsWith(BeginMark(clusterId), StringComparison.Ordinal) && !line.Contains("Invoke-HsmBackupSchedule", StringComparison.Ordinal))];
    }

    /// <summary>The lines of a cluster in a crontab; none where it has none.</summary>
    public static bool Contains(IReadOnlyList<string> crontab, string clusterId) => crontab.Any(line => line.StartsWith(BeginMark(clusterId), StringComparison.Ordinal));

    private static IEnumerable<string> Times(ScheduledCommand command, TimeZoneInfo local, DateTimeOffset now)
    {
        if (!command.Schedule.Utc)
        {
            string days = command.Schedule.Days.Count == 0 ? "*" : string.Join(',', command.Schedule.Days.Order().Select(d => (int)d));
            return command.Schedule.Times.Select(time => string.Create(CultureInfo.InvariantCulture, $"{time.Minute} {time.Hour} * * {days}"));
        }
        // Cron goes by the computer's own time. It is woken at what the time is in summer and in winter, on every day, and finds out itself
        // which of them is due.
        IEnumerable<TimeSpan> offsets = Enumerable.Range(0, 12).Select(month => local.GetUtcOffset(now.AddDays(30 * month))).Distinct();
        return offsets.SelectMany(offset => command.Schedule.Times.Select(time => time.Add(offset)))
            .Select(time => string.Create(CultureInfo.InvariantCulture, $"{time.Minute} {time.Hour} * * *"));
    }

    private static string Begin(string clusterId, string name) => $"{BeginMark(clusterId)} {name}, written by Register-HsmBackupSchedule";

    private static string BeginMark(string clusterId) => $"# HsmBackup {clusterId} begin:";

    private static string End(string clusterId) => $"# HsmBackup {clusterId} end";

    private static string Quote(string text) => text.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '-' or '_')
        ? text : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
