using System.Management.Automation;
using HsmBackup.Engine;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Drills;
using HsmBackup.PowerShell.Output;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Get-HsmDrill: the drills of a cluster, newest first; the digests and the signature of each are checked anew.</summary>
[Cmdlet(VerbsCommon.Get, "HsmDrill")]
[OutputType(typeof(Drill))]
public sealed class GetHsmDrillCommand : DrillCommand
{
    /// <summary>Where reports were copied to.</summary>
    [Parameter(Position = 1, HelpMessage = "Folder of reports that were copied elsewhere, or of one of them; by default the drills of the state folder.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string? Path { get; set; }

    /// <summary>What was rehearsed.</summary>
    [Parameter(HelpMessage = "Only drills of these scenarios.")]
    [ValidateNotNullOrEmpty]
    public DrillScenario[]? Scenario { get; set; }

    /// <summary>How they ended.</summary>
    [Parameter(HelpMessage = "Only drills with one of these results.")]
    [ValidateNotNullOrEmpty]
    public DrillResult[]? DrillResult { get; set; }

    /// <summary>The newest only.</summary>
    [Parameter(HelpMessage = "Only the newest of those that the other parameters leave.")]
    public SwitchParameter Latest { get; set; }

    /// <summary>Reports without a signature are shown.</summary>
    [Parameter(HelpMessage = "Show drills whose report nobody signed, too: of a cluster with an identity key they prove nothing, and count as no drill.")]
    public SwitchParameter AllowUnsigned { get; set; }

    private protected override void ProcessInput()
    {
        ClusterDefinition cluster = Cluster!.Find(Paths);
        foreach (DrillRecord record in Find(cluster).Reverse())
        {
            if (Check(record, cluster) is not { } drill || Scenario?.Contains(drill.Scenario) == false
                || DrillResult?.Contains(drill.Result) == false)
            {
                continue;
            }
            WriteObject(drill);
            if (Latest)
            {
                return;
            }
        }
    }

    private IEnumerable<DrillRecord> Find(ClusterDefinition cluster)
    {
        ReadOnlyMemory<byte>? certificate = CertificateOf(cluster);
        if (Path is null)
        {
            return DrillRecords.Of(State, cluster.Id).List(certificate);
        }
        IReadOnlyList<string> folders = Paths.Matches(Path);
        return folders.Count == 0
            ? throw Errors.InvalidArgument($"There is no folder '{Path}'.", "Name a folder of reports.", Path)
            : DrillRecords.InOrder(folders.Where(Directory.Exists).SelectMany(f =>
                File.Exists(System.IO.Path.Combine(f, DrillRecords.DigestFile))
                    || File.Exists(System.IO.Path.Combine(f, DrillRecords.JsonFile))
                    ? [DrillRecords.Read(f, certificate)] : DrillRecords.In(f).List(certificate)));
    }

    /// <returns>Null for a drill whose files were changed, or of another cluster: nothing in them is believed.</returns>
    private Drill? Check(DrillRecord record, ClusterDefinition cluster)
    {
        if (record.DoubtFor(cluster, AllowUnsigned) is { } problem)
        {
            if (record.DoubtFor(cluster, allowUnsigned: true) is null)
            {
                problem += " (-AllowUnsigned shows it all the same)";
            }
            WriteError(Errors.From(new HsmBackupException(ErrorCode.DrillAltered,
                $"The report of drill {record.Id} in '{record.Folder}' is not believed: {problem}.",
                "Find out who changed it; a copy elsewhere may be whole (Get-HsmDrill -Path). It counts as no drill.")
            { Target = record.Folder }));
            return null;
        }
        return new Drill(record);
    }
}
