using System.Management.Automation;
using HsmBackup.Engine;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Scheduling;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Unregister-HsmBackupSchedule: takes the schedule of a cluster off this machine. Its definition and its records stay.</summary>
[Cmdlet(VerbsLifecycle.Unregister, "HsmBackupSchedule", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(InstalledSchedule))]
public sealed class UnregisterHsmBackupScheduleCommand : ScheduleCommand
{
    /// <summary>The cluster.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        HelpMessage = "Name or path of the cluster's definition, or the definition itself.")]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>The account.</summary>
    [Parameter(HelpMessage = "Account whose crontab is looked at beside your own.")]
    [ValidateNotNullOrEmpty]
    public string? User { get; set; }

    private protected override void ProcessInput()
    {
        ClusterDefinition cluster = Cluster!.Find(Paths);
        var installer = new ScheduleInstaller();
        IReadOnlyList<InstalledSchedule> installed = installer.Find(cluster, User);
        if (installed.Count == 0)
        {
            throw new HsmBackupException(ErrorCode.ScheduleNotFound, $"No schedule of cluster '{cluster.Name}' is installed here.",
                "Run the command on the machine and as the user that it was registered by; of another account's crontab, name the account with -User.")
            { Target = cluster.Name };
        }
        if (ShouldProcess(string.Join(", ", installed), $"Remove the schedule of cluster '{cluster.Name}'"))
        {
            Audited($"schedule of cluster '{cluster.Name}'", cluster, _ => WriteObject(installer.Remove(cluster, User), enumerateCollection: true));
        }
    }
}
