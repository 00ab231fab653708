using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Scheduling;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Scheduling;

public sealed class ScheduledCommandTests
{
    private static readonly ScheduledCommand Plain = TestCommand.Plain;

    public static TheoryData<string> Private => ["/tmp/state", "/tmp", "/var/tmp/x", "/srv/../tmp/x"];

    [Theory]
    [MemberData(nameof(Private))]
    public void A_service_with_a_temporary_folder_of_its_own_has_nothing_in_that_of_others(string path)
    {
        Refused(Plain with { StateFolder = path });
        Refused(Plain with { WritablePaths = [path] });
        Refused(TestCommand.With(Plain.Cluster.Schedule! with { KeyFolder = path }));
        Refused(TestCommand.With(Plain.Cluster.Schedule! with { KeyRecipients = [path + "/officer.pem"] }));
        Refused(Plain with { Cluster = Plain.Cluster with { DefinitionPath = path + "/payments.hsmcluster.json" } });
        Refused(Plain with
        {
            Cluster = Plain.Cluster with { Stores = [new ClusterStore { Name = "offline", Kind = StoreKind.Offline, Location = path }] },
        });
    }

    [Fact]
    public void Nor_behind_a_link()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        string link = Path.Combine(AppContext.BaseDirectory, Path.GetRandomFileName());
        Directory.CreateSymbolicLink(link, "/tmp");
        try
        {
            Refused(Plain with { StateFolder = link + "/state" });
        }
        finally
        {
            Directory.Delete(link);
        }
    }

    [Fact]
    public void Those_who_share_the_temporary_folder_may_use_it()
    {
        Plain.Check(SchedulerKind.Systemd);
        (Plain with { StateFolder = "/tmporary" }).Check(SchedulerKind.Systemd);
        (Plain with { StateFolder = "/tmp/state" }).Check(SchedulerKind.Cron);
        (Plain with { StateFolder = "/tmp/state", Scope = ScheduleScope.User }).Check(SchedulerKind.Systemd);
    }

    private static void Refused(ScheduledCommand command) =>
        Assert.Contains("/tmp", Refusal.Of(ErrorCode.ScheduleInvalid, () => command.Check(SchedulerKind.Systemd)).Message, StringComparison.Ordinal);
}
