using HsmBackup.Engine.Clusters;

namespace HsmBackup.Engine.Scheduling;

/// <summary>Timers of systemd.</summary>
/// <param name="scope">The machine's service manager, or that of the account.</param>
/// <param name="folder">The folder of its units.</param>
/// <param name="run">Runs programs.</param>
internal sealed class SystemdScheduler(ScheduleScope scope, string folder, Func<string, IReadOnlyList<string>, string?, ProgramAnswer> run) : IScheduler
{
    private const string SystemFolder = "/etc/systemd/system";

    /// <summary>Whether systemd runs this machine.</summary>
    public static bool Runs => Directory.Exists("/run/systemd/system");

    /// <summary>Where units go.</summary>
    public static string FolderOf(ScheduleScope scope)
    {
        if (scope == ScheduleScope.System)
        {
            return SystemFolder;
        }
        string configuration = Environment.GetEnvironmentVariable("XDG_CONFIG_HOME") is { Length: > 0 } xdg
            ? xdg : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config");
        return Path.Combine(configuration, "systemd", "user");
    }

    public InstalledSchedule Install(ScheduledCommand command)
    {
        string timer = command.Name + ".timer";
        // So that whatever fails, what there was before is there again.
        var former = Files(command.Name).ToDictionary(file => file, file => File.Exists(file) ? File.ReadAllBytes(file) : null);
        try
        {
            WriteTo(folder, command);
            Ask("daemon-reload");
            Ask("enable", timer);
            // Not "--now" with the line above: a timer that ran before must take its new times.
            Ask("restart", timer);
        }
        catch (Exception e) when (e is HsmBackupException || FileErrors.Covers(e))
        {
            PutBack(former, timer);
            throw e as HsmBackupException ?? FileErrors.From(e, folder);
        }
        return new InstalledSchedule(SchedulerKind.Systemd, scope, Path.Combine(folder, timer), Enabled: true);
    }

    public InstalledSchedule? Find(ClusterDefinition cluster)
    {
        string timer = Path.Combine(folder, ScheduledCommand.NameOf(cluster) + ".timer");
        return File.Exists(timer)
            ? new InstalledSchedule(SchedulerKind.Systemd, scope, timer, TryAsk("is-active", Path.GetFileName(timer)).ExitCode == 0)
            : null;
    }

    public bool Remove(ClusterDefinition cluster)
    {
        string name = ScheduledCommand.NameOf(cluster);
        string[] there = [.. Files(name).Where(File.Exists)];
        if (there.Length == 0)
        {
            return false;
        }
        Ask("disable", "--now", name + ".timer");
        try
        {
            Array.ForEach(there, File.Delete);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, folder);
        }
        Ask("daemon-reload");
        return true;
    }

    public IReadOnlyList<string> WriteTo(string target, ScheduledCommand command)
    {
        Directory.CreateDirectory(target);
        string service = Path.Combine(target, command.Name + ".service");
        string timer = Path.Combine(target, command.Name + ".timer");
        File.WriteAllText(service, SystemdUnits.Service(command));
        File.WriteAllText(timer, SystemdUnits.Timer(command));
        return [service, timer];
    }

    private void PutBack(Dictionary<string, byte[]?> former, string timer)
    {
        bool hadOne = former.Values.All(content => content is not null);
        if (!hadOne)
        {
            TryAsk("disable", "--now", timer);
        }
        foreach ((string file, byte[]? content) in former)
        {
            try
            {
                if (content is null)
                {
                    File.Delete(file);
                }
                else
                {
                    File.WriteAllBytes(file, content);
                }
            }
            catch (Exception e) when (FileErrors.Covers(e))
            {
                // Of two failures the first is the one to tell.
                continue;
            }
        }
        TryAsk("daemon-reload");
        if (hadOne)
        {
            TryAsk("restart", timer);
        }
    }

    private string[] Files(string name) => [Path.Combine(folder, name + ".service"), Path.Combine(folder, name + ".timer")];

    private void Ask(params string[] arguments)
    {
        ProgramAnswer answer = TryAsk(arguments);
        if (answer.ExitCode != 0)
        {
            throw new HsmBackupException(ErrorCode.ScheduleFailed, $"systemctl {string.Join(' ', arguments)} failed: {answer.Errors}",
                scope == ScheduleScope.System ? "A schedule of the machine is installed by root. -Scope User installs one of your own."
                    : "A schedule of one's own needs a service manager of one's own (loginctl enable-linger); -Scheduler Cron does without.")
            { Target = arguments[^1] };
        }
    }

    private ProgramAnswer TryAsk(params string[] arguments) => run("systemctl", scope == ScheduleScope.User ? ["--user", .. arguments] : arguments, null);
}
