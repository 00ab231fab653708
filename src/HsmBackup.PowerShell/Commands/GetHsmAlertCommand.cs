using System.Management.Automation;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Monitoring.Alerts;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Get-HsmAlert: the alerts of a cluster that are open, or of which not everybody has been told yet.</summary>
[Cmdlet(VerbsCommon.Get, "HsmAlert")]
[OutputType(typeof(Alert))]
public sealed class GetHsmAlertCommand : HsmCommand
{
    /// <summary>The cluster.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true,
        HelpMessage = "Name or path of the cluster's definition, or the definition itself.")]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>Names.</summary>
    [Parameter(Position = 1, HelpMessage = "Only alerts of these names.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Name { get; set; }

    /// <summary>How bad they are.</summary>
    [Parameter(HelpMessage = "Only alerts of these severities.")]
    [ValidateNotNullOrEmpty]
    public AlertSeverity[]? Severity { get; set; }

    /// <summary>Those that are over too.</summary>
    [Parameter(HelpMessage = "Give alerts of the last 90 days as well that are over and of which everybody was told.")]
    public SwitchParameter IncludeResolved { get; set; }

    /// <summary>The state folder.</summary>
    [Parameter(HelpMessage = "State folder of the scheduled runs, with their alerts; by default state in HSMBACKUP_HOME, or the user's own.")]
    [ValidateNotNullOrEmpty]
    public string? StatePath { get; set; }

    private protected override string? NamedState => StatePath;

    private protected override void ProcessInput()
    {
        var outbox = AlertOutbox.Of(Paths.LiteralOrNull(StatePath), Cluster!.Find(Paths).Id);
        WildcardPattern[]? names = Name is null ? null : [.. Name.Select(n =>
            WildcardPattern.Get(n, WildcardOptions.IgnoreCase | WildcardOptions.CultureInvariant))];
        WriteObject((IncludeResolved ? outbox.List() : outbox.ListUnfinished())
            .Where(a => names is null || Array.Exists(names, n => n.IsMatch(a.Name))).Where(a => Severity?.Contains(a.Severity) != false),
            enumerateCollection: true);
    }
}
