using HsmBackup.Engine.Scheduling;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Scheduling;

public sealed class SystemdSchedulerTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly List<string> _calls = [];
    private string? _refused;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Units_are_written_and_the_timer_is_started()
    {
        SystemdScheduler scheduler = Scheduler(ScheduleScope.System);
        InstalledSchedule installed = scheduler.Install(TestCommand.Plain);
        Assert.Equal(_folder.File("hsmbackup-payments-89abcdef.timer"), installed.Location);
        Assert.Equal(["daemon-reload", "enable hsmbackup-payments-89abcdef.timer", "restart hsmbackup-payments-89abcdef.timer"], _calls);
        Assert.NotNull(scheduler.Find(TestCommand.Plain.Cluster));
        Assert.True(scheduler.Remove(TestCommand.Plain.Cluster));
        Assert.Empty(Directory.GetFiles(_folder.Root));
        Assert.False(scheduler.Remove(TestCommand.Plain.Cluster));
    }

    [Fact]
    public void Ones_own_units_are_for_ones_own_manager()
    {
        Scheduler(ScheduleScope.User).Install(TestCommand.Plain with { Scope = ScheduleScope.User, User = null });
        Assert.All(_calls, c => Assert.StartsWith("--user ", c, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("daemon-reload")]
    [InlineData("enable")]
    [InlineData("restart")]
    public void What_cannot_be_installed_whole_is_not_there_at_all(string refused)
    {
        _refused = refused;
        Refusal.Of(ErrorCode.ScheduleFailed, () => Scheduler(ScheduleScope.System).Install(TestCommand.Plain));
        Assert.Empty(Directory.GetFiles(_folder.Root));
        Assert.Equal("daemon-reload", _calls[^1]);
    }

    [Fact]
    public void What_cannot_be_replaced_stays()
    {
        SystemdScheduler scheduler = Scheduler(ScheduleScope.System);
        scheduler.Install(TestCommand.Plain);
        string[] before = Content();
        _refused = "restart";
        Refusal.Of(ErrorCode.ScheduleFailed, () => scheduler.Install(TestCommand.Plain with { StateFolder = "/other" }));
        Assert.Equal(before, Content());
    }

    [Fact]
    public void Who_runs_a_schedule_of_the_machine_must_be_said() => Refusal.Of(ErrorCode.ScheduleInvalid,
        () => new ScheduleInstaller().WriteTo(_folder.Root, TestCommand.Plain with { User = null }, SchedulerKind.Systemd));

    private string[] Content() => [.. Directory.GetFiles(_folder.Root).Order(StringComparer.Ordinal).Select(File.ReadAllText)];

    private SystemdScheduler Scheduler(ScheduleScope scope) => new(scope, _folder.Root, (_, arguments, _) =>
    {
        _calls.Add(string.Join(' ', arguments));
        bool refuse = _refused is not null && arguments.Contains(_refused) && _calls.Count(c => c == _calls[^1]) < 3;
        if (refuse && _refused == "daemon-reload")
        {
            _refused = null;
        }
        return new ProgramAnswer(refuse ? 1 : 0, "", refuse ? "refused" : "");
    });
}
