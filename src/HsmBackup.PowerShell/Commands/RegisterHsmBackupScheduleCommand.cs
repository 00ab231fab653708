using System.Management.Automation;
using HsmBackup.Engine;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Handover;
using HsmBackup.Engine.Scheduling;
using HsmBackup.PowerShell.Binding;
using HsmBackup.PowerShell.Output;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Register-HsmBackupSchedule: writes the schedule into the definition of a cluster, and installs it.</summary>
[Cmdlet(VerbsLifecycle.Register, "HsmBackupSchedule", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(BackupSchedule), typeof(FileInfo))]
public sealed class RegisterHsmBackupScheduleCommand : ScheduleCommand
{
    /// <summary>The cluster.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, HelpMessage = "Name or path of the cluster's definition, or the definition itself.")]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>Times of the day.</summary>
    [Parameter(HelpMessage = "Times of the day, such as 02:30; with -Every the first of them.")]
    [ValidateNotNullOrEmpty]
    public TimeSpan[]? At { get; set; }

    /// <summary>The interval.</summary>
    [Parameter(HelpMessage = "Time from one backup to the next, such as 12:00:00; it must divide a day.")]
    public TimeSpan? Every { get; set; }

    /// <summary>Days of the week.</summary>
    [Parameter(HelpMessage = "Days of the week; every day where it is left out.")]
    [ValidateNotNullOrEmpty]
    public DayOfWeek[]? Day { get; set; }

    /// <summary>The times are in UTC.</summary>
    [Parameter(HelpMessage = "The times are in UTC, and not in the time of the computer.")]
    public SwitchParameter Utc { get; set; }

    /// <summary>The node that is backed up.</summary>
    [Parameter(HelpMessage = "Name of the node that is backed up; the first where it is left out.")]
    [ArgumentCompleter(typeof(NodeNameCompleter))]
    public NodeReference? Node { get; set; }

    /// <summary>The stores that backups go to.</summary>
    [Parameter(HelpMessage = "Names of the stores that backups go to; all where it is left out.")]
    [ValidateNotNullOrEmpty]
    public string[]? Store { get; set; }

    /// <summary>Certificates that the one-time keys are sealed for.</summary>
    [Parameter(HelpMessage = "Files with the certificates of officers, each of whom can receive the one-time keys.")]
    [Alias("KeyRecipient")]
    [ValidateNotNullOrEmpty]
    public string[]? KeyRecipientPath { get; set; }

    /// <summary>The folder where keys wait.</summary>
    [Parameter(HelpMessage = "Folder where sealed keys wait, outside of every store; by default in the state folder.")]
    [ValidateNotNullOrEmpty]
    public string? KeyFolder { get; set; }

    /// <summary>The vault that keys are put into.</summary>
    [Parameter(HelpMessage = "SecretManagement vault that one-time keys are put into.")]
    [ValidateNotNullOrEmpty]
    public string? KeyVault { get; set; }

    /// <summary>The account.</summary>
    [Parameter(HelpMessage = UserHelp)]
    [ValidateNotNullOrEmpty]
    public string? User { get; set; }

    /// <summary>Whose schedule it is.</summary>
    [Parameter(HelpMessage = "System: of the machine, run as -User. User: your own.")]
    public ScheduleScope Scope { get; set; } = ScheduleScope.System;

    /// <summary>The scheduler.</summary>
    [Parameter(HelpMessage = "Systemd, Cron or TaskScheduler; what the machine has where it is left out.")]
    public SchedulerKind Scheduler { get; set; } = ScheduleInstaller.Usual;

    /// <summary>More folders that a run writes to.</summary>
    [Parameter(HelpMessage = "More folders that a run must be able to write to, such as that of a software token.")]
    [ValidateNotNullOrEmpty]
    public string[]? WritablePath { get; set; }

    /// <summary>Only write the units.</summary>
    [Parameter(HelpMessage = "Only write what would be installed into this folder, for review.")]
    [ValidateNotNullOrEmpty]
    public string? Destination { get; set; }

    private protected override void ProcessInput()
    {
        ClusterDefinition before = Cluster!.Find(Paths);
        ClusterDefinition after = (before with { Schedule = NewSchedule(before) }).Check();
        CheckHandover(after);
        ScheduledCommand command = CommandFor(after);
        command.Check(Scheduler);
        var installer = new ScheduleInstaller();
        if (!ShouldProcess(Destination ?? $"{Scheduler}", $"Register backups of cluster '{after.Name}'"))
        {
            return;
        }
        if (Destination is not null)
        {
            WriteObject(installer.WriteTo(Paths.Literal(Destination), command, Scheduler).Select(f => new FileInfo(f)), enumerateCollection: true);
            return;
        }
        Audited($"schedule of cluster '{after.Name}'", after, _ => Install(before, after, command, installer));
    }

    private void Install(ClusterDefinition before, ClusterDefinition after, ScheduledCommand command, ScheduleInstaller installer)
    {
        ClusterDefinition saved = after.Save(after.DefinitionPath!);
        InstalledSchedule installed;
        try
        {
            installed = installer.Install(command, Scheduler);
        }
        catch
        {
            // The definition says again what is installed.
            (saved with { Schedule = before.Schedule }).Save(saved.DefinitionPath!);
            throw;
        }
        WriteObject(Describe(saved, [installed], command.StateFolder));
    }

    // What is not said stays as it is.
    private ClusterSchedule NewSchedule(ClusterDefinition cluster)
    {
        ClusterSchedule? former = cluster.Schedule;
        ClusterSchedule schedule = At is null && Every is null && former is not null ? former
            : (former ?? new ClusterSchedule { Times = [] }) with { Times = ScheduleTimes.From(At ?? [], Every) };
        return schedule with
        {
            Days = Day is null ? schedule.Days : [.. Day.Distinct()],
            Utc = MyInvocation.BoundParameters.ContainsKey(nameof(Utc)) ? Utc : schedule.Utc,
            Node = Node is null ? schedule.Node : cluster.Node(Node.Name).Name,
            Stores = Store is null ? schedule.Stores : [.. Store.Select(name => StoreOf(cluster, name))],
            KeyRecipients = KeyRecipientPath is null ? schedule.KeyRecipients : [.. KeyRecipientPath.Select(Paths.Literal)],
            KeyFolder = KeyFolder is null ? schedule.KeyFolder : Paths.Literal(KeyFolder),
            KeyVault = KeyVault ?? schedule.KeyVault,
        };
    }

    private static string StoreOf(ClusterDefinition cluster, string name) =>
        cluster.Stores.FirstOrDefault(s => s.Name.Equals(name, StringComparison.OrdinalIgnoreCase))?.Name
        ?? throw Errors.InvalidArgument($"The cluster '{cluster.Name}' has no store '{name}'.", $"It has these: {string.Join(", ", cluster.Stores.Select(s => s.Name))}.", name);

    // Now, and not in the night of the first run. Whether the folder can be written to, the account of the runs alone can tell.
    private void CheckHandover(ClusterDefinition cluster)
    {
        WaitingKeys waiting = WaitingKeys.Of(cluster, State, SecretVault.ForKeys, TimeProvider.System);
        using UnattendedHandover handover = UnattendedHandover.Of(cluster, waiting);
        handover.CheckApart(cluster.StoreFolders());
        if (cluster.Stores.Count == 0)
        {
            throw new HsmBackupException(ErrorCode.ScheduleInvalid, $"The cluster '{cluster.Name}' has no store that a scheduled backup could go to.",
                "Add the places where its backups live to \"stores\" in the definition.")
            { Target = cluster.Name };
        }
    }

    private ScheduledCommand CommandFor(ClusterDefinition cluster) => new()
    {
        Cluster = cluster,
        PowerShell = PowerShellProgram.Path,
        Module = Path.Combine(MyInvocation.MyCommand.Module.ModuleBase, "HsmBackup.psd1"),
        StateFolder = State ?? ScheduledCommand.UsualState(Scope),
        Scope = Scope,
        User = User,
        WritablePaths = [.. (WritablePath ?? []).Select(Paths.Literal)],
    };
}
