using System.Management.Automation;
using HsmBackup.Engine;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Test-HsmAuditLog: whether the audit log is what was written, and all of it.</summary>
[Cmdlet(VerbsDiagnostic.Test, "HsmAuditLog")]
[OutputType(typeof(AuditTestResult), typeof(bool))]
public sealed class TestHsmAuditLogCommand : HsmCommand
{
    /// <summary>Clusters whose certificates and stores are known.</summary>
    [Parameter(Position = 0, HelpMessage = "Names or paths of cluster definitions, or definitions: their certificates verify checkpoints, their stores know how long the log was.")]
    [Cluster(TakesSeveral = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference[] Cluster { get; set; } = [];

    /// <summary>Folders with backups.</summary>
    [Parameter(HelpMessage = "Folders with backups, whose headers know how long the log was; by default the stores of the clusters.")]
    [ValidateNotNullOrEmpty]
    public string[]? BackupPath { get; set; }

    /// <summary>Logs of other machines.</summary>
    [Parameter(HelpMessage = "Ids of other logs that backups may speak of: those of other machines, or one that was put aside.")]
    [ValidateNotNullOrEmpty]
    public string[] OtherLog { get; set; } = [];

    /// <summary>The state folder.</summary>
    [Parameter(HelpMessage = "State folder whose log is tested; by default state in HSMBACKUP_HOME, or the user's own.")]
    [ValidateNotNullOrEmpty]
    public string? StatePath { get; set; }

    /// <summary>Output is true or false.</summary>
    [Parameter(HelpMessage = "Give only true or false, and no error for a log that fails.")]
    public SwitchParameter Quiet { get; set; }

    private protected override string? NamedState => StatePath;

    private protected override void ProcessInput()
    {
        List<ClusterDefinition> clusters = [.. Cluster.Select(c => c.Find(Paths))];
        var facts = new AuditFacts
        {
            Signers = clusters.DistinctBy(c => c.Id).ToDictionary(c => c.Id, c => c.ForBackup(c.Nodes[0]).IdentityCertificate, StringComparer.Ordinal),
            Heads = [.. BackupPath is null ? clusters.SelectMany(FactsIn) : FactsIn(cluster: null)],
            OtherLogs = OtherLog,
        };
        AuditTestResult result = Audit.Test(facts, StopToken);
        WriteVerbose(result.Summary);
        if (Quiet)
        {
            WriteObject(result.Passed);
            return;
        }
        WriteObject(result);
        if (!result.Passed)
        {
            int faults = result.Findings.Count(f => f.IsFault);
            WriteError(Errors.From(new HsmBackupException(ErrorCode.AuditDamaged,
                $"The audit log in '{result.Path}' did not pass its test. {result.Summary}" + (faults > 1 ? $" And {faults - 1} more." : ""),
                "Look at the result's Findings, and find out who did that. What the log was may be told by backups' headers and by copies of it.")
            { Target = result.Path }));
        }
    }

    private IEnumerable<AuditFact> FactsIn(ClusterDefinition? cluster)
    {
        using var stores = StoreSet.Of(BackupPath?.Select(Paths.Literal), cluster, Pins.Asker);
        ClusterCatalogue catalogue = stores.Read(clusterId: null, CatalogueRequest.DefaultProofAge, WriteWarning, e => WriteWarning($"What it knows of the log does not count: {e.Exception.Message}"), StopToken);
        return catalogue.Backups.Where(b => b.Audit is not null).Select(b => new AuditFact($"The backup '{b.Path}'", b.Audit!));
    }
}
