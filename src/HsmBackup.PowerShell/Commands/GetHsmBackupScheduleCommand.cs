using System.Management.Automation;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Scheduling;
using HsmBackup.PowerShell.Binding;
using HsmBackup.PowerShell.Output;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Get-HsmBackupSchedule: when clusters are backed up, where that is installed, and how it goes.</summary>
[Cmdlet(VerbsCommon.Get, "HsmBackupSchedule")]
[OutputType(typeof(BackupSchedule))]
public sealed class GetHsmBackupScheduleCommand : ScheduleCommand
{
    /// <summary>The cluster.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, HelpMessage = "Name or path of a cluster's definition, or the definition itself; all that are found where it is left out.")]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>The account.</summary>
    [Parameter(HelpMessage = "Account whose crontab is looked at beside your own.")]
    [ValidateNotNullOrEmpty]
    public string? User { get; set; }

    private protected override void ProcessInput()
    {
        if (Cluster is not null)
        {
            Write(Cluster.Find(Paths), named: true);
            return;
        }
        foreach (string file in DefinitionSearch.Files(Paths.Current))
        {
            TryItem(file, () => Write(DefinitionSearch.Load(file, Paths.Current), named: false));
        }
    }

    private void Write(ClusterDefinition cluster, bool named)
    {
        if (cluster.Schedule is not null)
        {
            WriteObject(Describe(cluster, new ScheduleInstaller().Find(cluster, User), State));
        }
        else if (named)
        {
            throw ScheduledRun.NoSchedule(cluster);
        }
    }
}
