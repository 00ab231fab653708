using System.Management.Automation;
using HsmBackup.Engine;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Monitoring;
using HsmBackup.Engine.Monitoring.Alerts;
using HsmBackup.Engine.Monitoring.Status;
using HsmBackup.Engine.Scheduling;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>
/// Invoke-HsmBackupSchedule: what a scheduler runs. One backup to all stores, its key to where it waits, retention, and a record.
/// </summary>
[Cmdlet(VerbsLifecycle.Invoke, "HsmBackupSchedule", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(BackupRun))]
public sealed class InvokeHsmBackupScheduleCommand : ScheduleCommand
{
    /// <summary>The cluster.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true,
        HelpMessage = "Name or path of the cluster's definition, or the definition itself.")]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>Run only what was missed or is due.</summary>
    [Parameter(HelpMessage = "Do nothing unless a run was missed or is due.")]
    public SwitchParameter IfDue { get; set; }

    private protected override void ProcessInput()
    {
        ClusterDefinition cluster = Cluster!.Find(Paths);
        if (!ShouldProcess($"cluster '{cluster.Name}'", "Make the scheduled backup"))
        {
            return;
        }
        var request = new ScheduledRunRequest
        {
            Cluster = cluster,
            OpenPin = node => Pins.Require(node, null, "A run that nobody attends needs a source of the PIN in the definition of its node, such as file:PATH."),
            OpenStore = store => BackupStores.Open(store, Pins.Asker),
            AfterRun = AfterRun.Of(Look(cluster), new AlertRequest { Cluster = cluster, Asker = Pins.Asker, StateFolder = State },
                StopToken),
            Vault = SecretVault.ForKeys,
            Audit = Audit,
            IfDue = IfDue,
            StateFolder = State,
        };
        Audited($"scheduled backup of cluster '{cluster.Name}'", cluster, action => Run(request, action), refused =>
        {
            // No backup is made, and whoever breaks the audit log must not keep people from hearing of it.
            Run(request with { Obstacle = refused }, null);
            throw refused;
        });
    }

    // Where the PIN of a node would have to be asked for, nobody is logged in anywhere: a look in the night asks nobody.
    private ClusterStatusRequest Look(ClusterDefinition cluster) => new()
    {
        Cluster = cluster,
        OpenStore = store => BackupStores.Open(store, Pins.Asker),
        OpenPin = cluster.Nodes.All(n => n.Pin is not (null or PromptPin)) ? node =>
            node.Pin!.Open(Pins.Asker, $"node '{node.Name}'") : null,
        StateFolder = State,
    };

    private void Run(ScheduledRunRequest request, AuditedAction? action)
    {
        ClusterDefinition cluster = request.Cluster;
        BackupRun run = WithProgress((progress, stop) => ScheduledRun.Run(request, progress, stop));
        action?.Note("run", run.Id);
        action?.Note("result", run.Result.ToString());
        action?.Note("backup", run.BackupId);
        if (run.Result is RunResult.Failed or RunResult.Interrupted)
        {
            string ended = run.Result == RunResult.Interrupted ? "was interrupted" : "failed";
            string backup = run.BackupId is null ? "and there is no backup" : $"and there is a backup {run.BackupId}";
            ErrorCode code = run.ErrorCode ?? ErrorCode.RunFailed;
            // PowerShell shows the advice last: that is the last line of the scheduler's log. And the error makes pwsh -Command end with 1.
            throw new HsmBackupException(code, $"The scheduled backup of cluster '{cluster.Name}' {ended}, {backup}: {run.Error}",
                $"See to it, then run Invoke-HsmBackupSchedule. Run {run.Id} of cluster '{cluster.Name}' {ended} ({code}), {backup}.")
            {
                Target = run.Id,
                Result = run,
            };
        }
        // Only now: a table is shown when the pipeline ends, after the error, whose line is to be the last one in the scheduler's log.
        WriteObject(run);
    }
}
