using System.Management.Automation;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Scheduling;
using HsmBackup.PowerShell.Output;

namespace HsmBackup.PowerShell.Commands;

/// <summary>A cmdlet about what is done for a cluster when nobody attends.</summary>
public abstract class ScheduleCommand : HsmCommand
{
    private protected const string UserHelp = "Account that the scheduled runs are made as.";
    private protected const string StateHelp = "The state folder of the scheduled runs, where records and waiting keys are; by default state in HSMBACKUP_HOME, or the user's own.";

    /// <summary>The state folder.</summary>
    [Parameter(HelpMessage = StateHelp)]
    [ValidateNotNullOrEmpty]
    public string? StatePath { get; set; }

    private protected sealed override string? NamedState => StatePath;

    /// <summary>The state folder as a full path; null for the one that is found by itself.</summary>
    private protected string? State => Paths.LiteralOrNull(StatePath);

    /// <summary>The schedule of a cluster as this machine has it.</summary>
    private protected static BackupSchedule Describe(ClusterDefinition cluster, IReadOnlyList<InstalledSchedule> installed, string? state) =>
        new(cluster, installed, RunRecords.Of(state, cluster.Id).List() is [.., BackupRun last] ? last : null, TimeProvider.System);
}
