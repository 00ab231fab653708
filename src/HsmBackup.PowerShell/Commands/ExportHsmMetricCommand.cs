using System.Management.Automation;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Monitoring.Metrics;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Export-HsmMetric: writes the state of a cluster for the textfile collector of Prometheus' node exporter.</summary>
[Cmdlet(VerbsData.Export, "HsmMetric", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(FileInfo))]
public sealed class ExportHsmMetricCommand : StatusCommand
{
    /// <summary>The file.</summary>
    [Parameter(Position = 1, HelpMessage = "The file to write, whose name ends with .prom; by default the one that the definition names.")]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>The file is given back.</summary>
    [Parameter(HelpMessage = "Give the file that was written.")]
    public SwitchParameter PassThru { get; set; }

    private protected override void ProcessInput()
    {
        ClusterDefinition cluster = Cluster!.Find(Paths);
        string path = Path is not null ? Paths.Literal(Path) : cluster.Metrics?.Path
            ?? throw Errors.InvalidArgument($"It is not said where the metrics of cluster '{cluster.Name}' go.",
                "Give -Path, or add \"metrics\" with a path to the definition.", cluster.Name);
        if (!path.EndsWith(".prom", StringComparison.Ordinal))
        {
            throw Errors.InvalidArgument($"The name '{path}' does not end with .prom, and the collector would not read the file.",
                "Name another one.", path);
        }
        if (!ShouldProcess(path, $"Write the metrics of cluster '{cluster.Name}'"))
        {
            return;
        }
        MetricFile.Write(path, ReadStatus(cluster));
        if (PassThru)
        {
            WriteObject(new FileInfo(path));
        }
    }
}
