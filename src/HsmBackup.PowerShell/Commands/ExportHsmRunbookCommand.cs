using System.Management.Automation;
using System.Reflection;
using HsmBackup.Engine;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Handover;
using HsmBackup.Engine.Reporting;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Export-HsmRunbook: the recovery runbook of a cluster, from its live configuration.</summary>
[Cmdlet(VerbsData.Export, "HsmRunbook", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(ExportedRunbook))]
public sealed class ExportHsmRunbookCommand : HsmCommand
{
    /// <summary>The cluster.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true,
        HelpMessage = "Name or path of the cluster's definition, or the definition itself.")]
    [Cluster]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference Cluster { get; set; } = null!;

    /// <summary>The folder.</summary>
    [Parameter(Position = 1, HelpMessage = "Folder for the runbook; the current location where it is left out.")]
    [ValidateNotNullOrEmpty]
    public string Destination { get; set; } = ".";

    /// <summary>The forms.</summary>
    [Parameter(HelpMessage = "Forms to write: Html, Markdown or both, which is usual.")]
    [ValidateNotNullOrEmpty]
    public RunbookFormat[] Format { get; set; } = [RunbookFormat.Html, RunbookFormat.Markdown];

    /// <summary>Whatever stands there is replaced.</summary>
    [Parameter(HelpMessage = "Replace a file that is not a runbook of this cluster as it was exported, such as one that was edited.")]
    public SwitchParameter Force { get; set; }

    /// <summary>The state folder.</summary>
    [Parameter(HelpMessage = "State folder, in which drills, waiting keys and exports are remembered; by default state in HSMBACKUP_HOME, or the user's own.")]
    [ValidateNotNullOrEmpty]
    public string? StatePath { get; set; }

    private protected override string? NamedState => StatePath;

    private protected override void ProcessInput()
    {
        ClusterDefinition cluster = Cluster.Find(Paths);
        string folder = Paths.Literal(Destination);
        if (!ShouldProcess($"runbook of cluster '{cluster.Name}' in '{folder}'", "Export"))
        {
            return;
        }
        Audited($"cluster '{cluster.Name}'", cluster, action =>
        {
            foreach (ExportedRunbook runbook in Runbook.Export(Look(cluster), folder, Format, Force, Paths.LiteralOrNull(StatePath)))
            {
                action.Note(runbook.Format.ToString().ToLowerInvariant(), runbook.Digest);
                WriteObject(runbook);
            }
        });
    }

    // What cannot be looked into is told of, and is told in the runbook: one with a gap is better than none.
    private RunbookSource Look(ClusterDefinition cluster)
    {
        string? state = Paths.LiteralOrNull(StatePath);
        (IReadOnlyList<BackupInfo> backups, IReadOnlyList<MissingStore> missing) = ReadStores(cluster);
        IReadOnlyList<DrillRecord> drills = [];
        IReadOnlyList<WaitingKey> waiting = [];
        _ = TryItem(cluster.Name, () => drills = DrillRecords.Of(state, cluster.Id)
            .List(cluster.IdentityCertificate is null ? null : Convert.FromBase64String(cluster.IdentityCertificate)));
        _ = TryItem(cluster.Name, () => waiting = WaitingKeys.Of(cluster, state, null, TimeProvider.System).List());
        foreach (DrillRecord drill in drills.Where(d => d.Integrity == DrillIntegrity.Altered))
        {
            WriteWarning($"The files of drill {drill.Id} are not what was written: {drill.Problem}. It does not count.");
        }
        return new RunbookSource
        {
            Cluster = cluster,
            Backups = backups,
            MissingStores = missing,
            Drills = drills,
            WaitingKeys = waiting,
            KeyFolder = WaitingKeys.Of(cluster, state, null, TimeProvider.System).Folder,
            StatePath = state ?? NameableState(),
            Made = DateTimeOffset.UtcNow,
            ToolVersion = typeof(Runbook).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0],
            Computer = Environment.MachineName,
        };
    }

    // What a variable of this session says is not known in the session of the night.
    private static string? NameableState() => Environment.GetEnvironmentVariable("HSMBACKUP_HOME") is { Length: > 0 } home
        ? System.IO.Path.GetFullPath(System.IO.Path.Combine(home, "state")) : null;

    private (IReadOnlyList<BackupInfo> Backups, IReadOnlyList<MissingStore> Missing) ReadStores(ClusterDefinition cluster)
    {
        try
        {
            using var stores = StoreSet.Of(null, cluster, Pins.Asker);
            var catalogue = stores.Read(cluster.Id, cluster.RetentionPolicy.MaximumVerificationAge, WriteWarning, WriteError, StopToken);
            return (catalogue.Backups, catalogue.MissingStores);
        }
        catch (HsmBackupException e) when (e.Code is ErrorCode.PinUnavailable or ErrorCode.PinSourceRefused or ErrorCode.StoreUntrusted)
        {
            WriteError(Errors.From(e, cluster.Name));
            return ([], [.. cluster.Stores.Select(s => new MissingStore(s.Name, e))]);
        }
    }
}
