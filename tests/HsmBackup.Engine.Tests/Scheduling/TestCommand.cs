using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Scheduling;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Scheduling;

/// <summary>Commands with everything in their paths that needs quoting somewhere.</summary>
internal static class TestCommand
{
    private const string Awkward = "/srv/it's 100% \"quoted\" $HOME \\ \u2019x";

    public static ScheduledCommand Plain => With(new ClusterSchedule { Times = [new TimeOnly(2, 30), new TimeOnly(14, 30)] });

    public static ScheduledCommand Difficult
    {
        get
        {
            ScheduledCommand plain = Plain;
            return plain with
            {
                Module = Awkward + "/HsmBackup.psd1",
                StateFolder = Awkward + "/state",
                Cluster = plain.Cluster with { DefinitionPath = Awkward + "/payments.hsmcluster.json", Schedule = plain.Schedule with { KeyFolder = Awkward + "/keys" } },
            };
        }
    }

    public static ScheduledCommand With(ClusterSchedule schedule) => new()
    {
        Cluster = new ClusterDefinition
        {
            Id = "cluster-0123456789abcdef",
            Name = "payments",
            Nodes = [new ClusterNode { Name = "node", Address = new TokenAddress(new LibraryLocation("/usr/lib/softhsm/libsofthsm2.so"), "payments") }],
            Stores =
            [
                new ClusterStore { Name = "local", Kind = StoreKind.Directory, Location = "/srv/hsm backups" },
                new ClusterStore { Name = "remote", Kind = StoreKind.WebDav, Location = "https://dav.example.com/hsm/" },
            ],
            Schedule = schedule,
            DefinitionPath = "/etc/hsmbackup/clusters/payments.hsmcluster.json",
        },
        // Any program that is there: systemd looks whether it is.
        PowerShell = "/usr/bin/env",
        Module = "/usr/local/share/powershell/Modules/HsmBackup/HsmBackup.psd1",
        StateFolder = "/var/lib/hsmbackup/state",
        User = "backup",
    };
}
