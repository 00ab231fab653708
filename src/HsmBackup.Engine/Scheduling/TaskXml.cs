using System.Globalization;
using System.Xml.Linq;

namespace HsmBackup.Engine.Scheduling;

/// <summary>A schedule as a task of the Windows Task Scheduler, for <c>schtasks /Create /XML</c>.</summary>
public static class TaskXml
{
    private static readonly XNamespace Tasks = "http://schemas.microsoft.com/windows/2004/02/mit/task";

    /// <summary>The document.</summary>
    /// <param name="command">What is run.</param>
    /// <param name="now">The time: the task begins on this day.</param>
    public static XDocument Write(ScheduledCommand command, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(command);
        IReadOnlyList<string> arguments = command.Arguments(ifDue: false);
        return new XDocument(new XDeclaration("1.0", "UTF-16", null), new XElement(Tasks + "Task", new XAttribute("version", "1.4"),
            new XElement(Tasks + "RegistrationInfo",
                new XElement(Tasks + "Description", $"HsmBackup of cluster {command.Cluster.Name} ({command.Cluster.Id})")),
            new XElement(Tasks + "Triggers", command.Schedule.Times.Select(time => Trigger(command, DateOnly.FromDateTime(now.Date), time))),
            new XElement(Tasks + "Principals", new XElement(Tasks + "Principal", new XAttribute("id", "Author"),
                command.User is null ? null : new XElement(Tasks + "UserId", command.User),
                // S4U: it runs whether or not the account is logged in, and no password is stored.
                new XElement(Tasks + "LogonType", command.Scope == ScheduleScope.System ? "S4U" : "InteractiveToken"),
                new XElement(Tasks + "RunLevel", "LeastPrivilege"))),
            new XElement(Tasks + "Settings",
                new XElement(Tasks + "MultipleInstancesPolicy", "IgnoreNew"),
                new XElement(Tasks + "DisallowStartIfOnBatteries", false),
                new XElement(Tasks + "StopIfGoingOnBatteries", false),
                new XElement(Tasks + "StartWhenAvailable", true),
                new XElement(Tasks + "ExecutionTimeLimit", "PT0S")),
            new XElement(Tasks + "Actions", new XAttribute("Context", "Author"), new XElement(Tasks + "Exec",
                new XElement(Tasks + "Command", arguments[0]),
                new XElement(Tasks + "Arguments", string.Join(' ', arguments.Skip(1).Select(Quote)))))));
    }

    private static XElement Trigger(ScheduledCommand command, DateOnly today, TimeOnly time)
    {
        string start = today.ToDateTime(time).ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture) + (command.Schedule.Utc ? "Z" : "");
        return new XElement(Tasks + "CalendarTrigger",
            new XElement(Tasks + "StartBoundary", start),
            new XElement(Tasks + "Enabled", true),
            command.Schedule.Days.Count == 0
                ? new XElement(Tasks + "ScheduleByDay", new XElement(Tasks + "DaysInterval", 1))
                : new XElement(Tasks + "ScheduleByWeek",
                    new XElement(Tasks + "WeeksInterval", 1),
                    new XElement(Tasks + "DaysOfWeek", command.Schedule.Days.Order().Select(day => new XElement(Tasks + day.ToString())))));
    }

    // Paths of Windows have no quotation marks; a backslash before the closing one would take its meaning away.
    private static string Quote(string text) => text.Contains(' ', StringComparison.Ordinal)
        ? $"\"{text}{(text.EndsWith('\\') ? "\\" : "")}\"" : text;
}
