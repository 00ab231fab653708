using System.Globalization;
using System.Management.Automation;
using HsmBackup.Engine;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Retention;
using HsmBackup.PowerShell.Binding;

namespace HsmBackup.PowerShell.Commands;

/// <summary>What the cmdlets have in common that keep backups or give them up: the cluster, its stores, and one way to carry a plan out.</summary>
public abstract class RetentionCommand : HsmCommand
{
    private protected const string ClusterSet = "Cluster";

    /// <summary>How many copies an entry of the audit log names.</summary>
    private const int NamedCopies = 50;

    /// <summary>The cluster.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ClusterSet, HelpMessage = "Name or path of a cluster definition, or the definition itself.")]
    [Cluster]
    [ArgumentCompleter(typeof(ClusterNameCompleter))]
    public ClusterReference? Cluster { get; set; }

    /// <summary>Names of the stores that are worked on.</summary>
    [Parameter(ParameterSetName = ClusterSet, HelpMessage = "Names of the cluster's stores that are worked on; wildcards are permitted. All by default.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(StoreNameCompleter))]
    public string[]? Store { get; set; }

    /// <summary>The backups of which retention gives up a copy, or has begun to.</summary>
    internal static HashSet<string> FindExpired(ClusterDefinition cluster, StoreSet stores, CancellationToken stop) => [.. RetentionOperation.Prepare(
        new RetentionRequest { Stores = stores.All, ClusterId = cluster.Id, Policy = cluster.RetentionPolicy }, stop).Plan.Copies
        .Where(c => c.Decision is RetentionDecision.MarkForRemoval or RetentionDecision.Remove || c.Reason == RetentionReason.RemovalPending).Select(c => c.BackupId)];

    /// <summary>Shows a plan, asks, and carries it out.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="cluster">The cluster; null for a lone token.</param>
    /// <param name="target">What it is about, for people.</param>
    /// <param name="force">Do not ask.</param>
    private protected void CarryOut(RetentionRequest request, ClusterDefinition? cluster, string target, bool force)
    {
        var operation = RetentionOperation.Prepare(request, StopToken);
        RetentionResult plan = operation.Plan;
        foreach (string warning in plan.Warnings)
        {
            WriteWarning(warning);
        }
        bool carriesOut = Question(plan) is not { } question ? !IsWhatIf : (force && !IsWhatIf) || ShouldProcess(target, question);
        if (carriesOut)
        {
            Audited(target, cluster, record => Apply(operation, plan, record));
        }
        else if (IsWhatIf)
        {
            TellMissing(plan);
            WriteObject(plan.Copies, enumerateCollection: true);
        }
    }

    /// <summary>The names of the stores that were chosen; null for all.</summary>
    private protected IReadOnlyCollection<string>? ChosenStores(ClusterDefinition cluster)
    {
        if (Store is null)
        {
            return null;
        }
        using var chosen = StoreSet.Of(cluster, Store, Pins.Asker);
        return [.. chosen.All.Select(s => s.Name)];
    }

    private void Apply(RetentionOperation operation, RetentionResult plan, AuditedAction record)
    {
        TellMissing(plan);
        RetentionResult result = WithProgress((progress, stop) => operation.Apply(progress, stop));
        foreach (RetentionOutcome outcome in new[] { RetentionOutcome.Marked, RetentionOutcome.Removed, RetentionOutcome.Unmarked })
        {
            record.Note(outcome.ToString().ToLowerInvariant(), Names(result.Copies, outcome));
        }
        WriteObject(result.Copies, enumerateCollection: true);
        foreach (HsmBackupException error in result.Errors)
        {
            WriteError(Errors.From(error));
        }
    }

    // A medium that is away is nothing special; a store that is down is.
    private void TellMissing(RetentionResult plan)
    {
        foreach (MissingStore missing in plan.MissingStores)
        {
            if (missing.Error.Code == ErrorCode.StoreUnmounted)
            {
                WriteWarning($"{missing.Error.Message} Its backups do not count, and stay as they are.");
            }
            else
            {
                WriteError(Errors.From(missing.Error, missing.Store));
            }
        }
    }

    private static string? Question(RetentionResult plan)
    {
        (RetentionDecision Decision, string Words)[] parts =
        [
            (RetentionDecision.Remove, "remove {0} for good"), (RetentionDecision.MarkForRemoval, "mark {0} for removal"), (RetentionDecision.Unmark, "unmark {0}"),
        ];
        string[] said = [.. parts.Select(p => (p.Words, Count: plan.Copies.Count(c => c.Decision == p.Decision))).Where(p => p.Count > 0)
            .Select(p => string.Format(CultureInfo.InvariantCulture, p.Words, p.Count == 1 ? "1 copy" : $"{p.Count} copies"))];
        return said.Length == 0 ? null : char.ToUpperInvariant(said[0][0]) + string.Join(", ", said)[1..];
    }

    private static string? Names(IReadOnlyList<CopyRetention> copies, RetentionOutcome outcome)
    {
        string[] names = [.. copies.Where(c => c.Outcome == outcome).Select(c => $"{c.BackupId} in {c.Store}")];
        return names.Length == 0 ? null
            : string.Join(", ", names.Take(NamedCopies)) + (names.Length > NamedCopies ? string.Create(CultureInfo.InvariantCulture, $" and {names.Length - NamedCopies} more") : "");
    }
}
