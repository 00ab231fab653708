using System.Text;
using HsmBackup.Engine.Clusters;

namespace HsmBackup.Engine.Scheduling;

/// <summary>The Task Scheduler of Windows, by way of schtasks.</summary>
/// <param name="scope">Whose tasks.</param>
/// <param name="clock">The clock.</param>
/// <param name="run">Runs programs.</param>
internal sealed class WindowsScheduler(ScheduleScope scope, TimeProvider clock, Func<string, IReadOnlyList<string>, string?, ProgramAnswer> run) : IScheduler
{
    private const string Program = "schtasks";

    public InstalledSchedule Install(ScheduledCommand command)
    {
        string folder = Directory.CreateTempSubdirectory("hsmbackup-").FullName;
        try
        {
            ProgramAnswer answer = run(Program, ["/Create", "/F", "/TN", TaskOf(command.Cluster), "/XML", WriteTo(folder, command)[0]], null);
            return answer.ExitCode == 0 ? Installed(command.Cluster) : throw Failed("/Create", answer);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public InstalledSchedule? Find(ClusterDefinition cluster) =>
        run(Program, ["/Query", "/TN", TaskOf(cluster)], null).ExitCode == 0 ? Installed(cluster) : null;

    public bool Remove(ClusterDefinition cluster)
    {
        if (Find(cluster) is null)
        {
            return false;
        }
        ProgramAnswer answer = run(Program, ["/Delete", "/F", "/TN", TaskOf(cluster)], null);
        return answer.ExitCode == 0 ? true : throw Failed("/Delete", answer);
    }

    public IReadOnlyList<string> WriteTo(string folder, ScheduledCommand command)
    {
        Directory.CreateDirectory(folder);
        string file = Path.Combine(folder, command.Name + ".xml");
        using var writer = new StreamWriter(file, append: false, Encoding.Unicode);
        TaskXml.Write(command, TimeZoneInfo.ConvertTime(clock.GetUtcNow(), command.Schedule.Utc ? TimeZoneInfo.Utc : clock.LocalTimeZone)).Save(writer);
        return [file];
    }

    private static string TaskOf(ClusterDefinition cluster) => $"\\HsmBackup\\{ScheduledCommand.NameOf(cluster)}";

    private InstalledSchedule Installed(ClusterDefinition cluster) => new(SchedulerKind.TaskScheduler, scope, TaskOf(cluster), Enabled: true);

    private static HsmBackupException Failed(string what, ProgramAnswer answer) => new(ErrorCode.ScheduleFailed,
        $"schtasks {what} failed: {answer.Errors}", "A task that runs under another account is registered by an administrator.");
}
