using System.Management.Automation;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Scheduling;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Get-HsmBackupRun: the records of scheduled runs, newest first.</summary>
[Cmdlet(VerbsCommon.Get, "HsmBackupRun")]
[OutputType(typeof(BackupRun))]
public sealed class GetHsmBackupRunCommand : ScheduleCommand
{
    /// <summary>The cluster.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        HelpMessage = "Name or path of the cluster's definition, or the definition itself.")]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>How many.</summary>
    [Parameter(HelpMessage = "How many of the newest runs; all where it is left out.")]
    [ValidateRange(1, 1000)]
    public int? Newest { get; set; }

    /// <summary>How they ended.</summary>
    [Parameter(HelpMessage = "Only runs with one of these results.")]
    [ValidateNotNullOrEmpty]
    public RunResult[]? RunResult { get; set; }

    /// <summary>When they began.</summary>
    [Parameter(HelpMessage = "Only runs that began at this time or later.")]
    public DateTimeOffset? Since { get; set; }

    private protected override void ProcessInput()
    {
        ClusterDefinition cluster = Cluster!.Find(Paths);
        IEnumerable<BackupRun> runs = RunRecords.Of(State, cluster.Id).List().Reverse()
            .Where(run => (RunResult is null || RunResult.Contains(run.Result)) && (Since is null || run.Started >= Since));
        WriteObject(Newest is { } count ? runs.Take(count) : runs, enumerateCollection: true);
    }
}
