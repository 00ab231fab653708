using System.Xml.Linq;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Scheduling;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Scheduling;

/// <summary>The document for Windows. No Task Scheduler has ever read it in these tests, which run elsewhere.</summary>
public sealed class TaskXmlTests : IDisposable
{
    private static readonly XNamespace Tasks = "http://schemas.microsoft.com/windows/2004/02/mit/task";

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void It_is_well_formed_and_says_when_what_and_as_whom()
    {
        var schedule = new ClusterSchedule { Times = [new TimeOnly(2, 30), new TimeOnly(14, 30)], Days = [DayOfWeek.Thursday, DayOfWeek.Monday], Utc = true };
        var installer = new ScheduleInstaller(new SetClock(new DateTimeOffset(2026, 11, 22, 0, 0, 0, TimeSpan.Zero)));
        XDocument task = XDocument.Load(installer.WriteTo(_folder.Root, TestCommand.With(schedule), SchedulerKind.TaskScheduler)[0]);
        Assert.Equal(["2026-11-22T02:30:00Z", "2026-11-22T14:30:00Z"], task.Descendants(Tasks + "StartBoundary").Select(e => e.Value));
        Assert.Equal(["Monday", "Thursday"], task.Descendants(Tasks + "DaysOfWeek").First().Elements().Select(e => e.Name.LocalName));
        Assert.Equal("true", task.Descendants(Tasks + "StartWhenAvailable").Single().Value);
        Assert.Equal("backup", task.Descendants(Tasks + "UserId").Single().Value);
        Assert.Equal("/usr/bin/env", task.Descendants(Tasks + "Command").Single().Value);
        Assert.EndsWith("-ErrorAction Stop\"", task.Descendants(Tasks + "Arguments").Single().Value, StringComparison.Ordinal);
    }
}
