using System.Management.Automation;
using HsmBackup.Engine;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Monitoring.Alerts;
using HsmBackup.Engine.Monitoring.Status;

namespace HsmBackup.PowerShell.Commands;

/// <summary>Send-HsmAlert: looks what is wrong with a cluster and tells who must know; or raises, ends or tests an alert.</summary>
[Cmdlet(VerbsCommunications.Send, "HsmAlert", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low,
    DefaultParameterSetName = LookSet)]
[OutputType(typeof(Alert))]
public sealed class SendHsmAlertCommand : StatusCommand
{
    private const string LookSet = "Look";
    private const string RaiseSet = "Raise";
    private const string ResolveSet = "Resolve";
    private const string TestSet = "Test";

    /// <summary>Name of an alert of one's own.</summary>
    [Parameter(Mandatory = true, ParameterSetName = RaiseSet, HelpMessage = "Name of an alert of your own, as one word.")]
    [Parameter(Mandatory = true, ParameterSetName = ResolveSet, HelpMessage = "Name of an alert of your own, as one word.")]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    /// <summary>How bad it is.</summary>
    [Parameter(ParameterSetName = RaiseSet, HelpMessage = "How bad it is.")]
    public AlertSeverity Severity { get; set; } = AlertSeverity.Warning;

    /// <summary>What is wrong.</summary>
    [Parameter(Mandatory = true, ParameterSetName = RaiseSet, HelpMessage = "What is wrong, in a sentence; no secrets.")]
    [ValidateNotNullOrEmpty]
    [ValidateLength(1, 2000)]
    public string Message { get; set; } = "";

    /// <summary>It is over.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ResolveSet, HelpMessage = "Say that the alert of that name is over.")]
    public SwitchParameter Resolved { get; set; }

    /// <summary>Only a test.</summary>
    [Parameter(Mandatory = true, ParameterSetName = TestSet,
        HelpMessage = "Send a notice that says that nothing is wrong, through every channel.")]
    public SwitchParameter Test { get; set; }

    private protected override void ProcessInput()
    {
        ClusterDefinition cluster = Cluster!.Find(Paths);
        if (cluster.Alerts is null)
        {
            throw Errors.InvalidArgument($"The definition of cluster '{cluster.Name}' names nobody who could be told.",
                "Add \"alerts\" with channels to it; docs/alerts.md says how.", cluster.Name);
        }
        if (!ShouldProcess($"cluster '{cluster.Name}'", ParameterSetName == LookSet
            ? "Look what is wrong, and send alerts" : "Send alerts"))
        {
            return;
        }
        var operation = new AlertOperation(new AlertRequest { Cluster = cluster, Asker = Pins.Asker, StateFolder = State });
        var outbox = AlertOutbox.Of(State, cluster.Id);
        ClusterStatus? status = ParameterSetName == LookSet ? ReadStatus(cluster) : null;
        // It may run every few minutes: what changes nothing and tells nobody leaves nothing in the audit log.
        if (status is not null && operation.Plan(status).Count == 0 && outbox.ListUnfinished().All(a => a.Pending == 0))
        {
            return;
        }
        Audited($"alerts of cluster '{cluster.Name}'", cluster, action => Send(cluster, operation, outbox, status, action), refused =>
        {
            // Whoever breaks the audit log must not keep people from hearing of it.
            Send(cluster, operation, outbox, status, null);
            WriteError(Errors.From(refused));
        });
    }

    private void Send(ClusterDefinition cluster, AlertOperation operation, AlertOutbox outbox, ClusterStatus? status, AuditedAction? action)
    {
        HashSet<string> concerned = [.. outbox.ListUnfinished().Where(a => a.Pending > 0).Select(a => a.Id)];
        IReadOnlyList<Alert> changed = Change(operation, status);
        concerned.UnionWith(changed.Select(a => a.Id));
        action?.Note("alerts", string.Join(", ", changed.Select(a => $"{a.Key} {a.State}")));
        IReadOnlyList<AlertFailure> failures = operation.Deliver(StopToken);
        WriteObject(outbox.List().Where(a => concerned.Contains(a.Id)), enumerateCollection: true);
        foreach (AlertFailure failure in failures.DistinctBy(f => (f.Channel, f.Reason)))
        {
            WriteError(Errors.From(Engine.Monitoring.AfterRun.Undelivered(cluster, [failure])));
        }
    }

    private IReadOnlyList<Alert> Change(AlertOperation operation, ClusterStatus? status) => ParameterSetName switch
    {
        RaiseSet => [operation.Raise(Name, Severity, Message)],
        ResolveSet => operation.Resolve(Name) is { } resolved ? [resolved] : throw new HsmBackupException(ErrorCode.InvalidArgument,
            $"No alert '{Name}' of your own is open.", "Get-HsmAlert shows what is. What HsmBackup sees by itself is over when it sees that it is.")
        { Target = Name },
        TestSet => [operation.Test()],
        _ => operation.Evaluate(status!),
    };
}
