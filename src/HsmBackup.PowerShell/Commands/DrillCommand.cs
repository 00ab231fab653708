using System.Management.Automation;
using HsmBackup.Engine.Clusters;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>A cmdlet about drills of a cluster.</summary>
public abstract class DrillCommand : HsmCommand
{
    /// <summary>The cluster.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        HelpMessage = "Name or path of the cluster's definition, or the definition itself.")]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>The state folder.</summary>
    [Parameter(HelpMessage = "The state folder, where the reports of drills are; by default state in HSMBACKUP_HOME, or the user's own.")]
    [ValidateNotNullOrEmpty]
    public string? StatePath { get; set; }

    private protected sealed override string? NamedState => StatePath;

    /// <summary>The state folder as a full path; null for the one that is found by itself.</summary>
    private protected string? State => Paths.LiteralOrNull(StatePath);

    /// <summary>The certificate by which reports of a cluster are checked; null where it has no identity key.</summary>
    private protected static ReadOnlyMemory<byte>? CertificateOf(ClusterDefinition cluster) =>
        cluster.IdentityCertificate is { } text ? Convert.FromBase64String(text) : (ReadOnlyMemory<byte>?)null;
}
