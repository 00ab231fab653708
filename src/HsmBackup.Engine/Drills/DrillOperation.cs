using System.Security.Cryptography;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Drills.Scenarios;

namespace HsmBackup.Engine.Drills;

/// <summary>
/// Rehearses the recovery of a cluster on tokens that are none of its own, and tells how it went, step by step and key by key. Once it has
/// begun it ends in a report, whatever fails, and leaves nothing behind; what a killed drill has left is removed by the next.
/// </summary>
public static class DrillOperation
{
    /// <summary>Runs a drill.</summary>
    /// <param name="request">Which.</param>
    /// <param name="progress">Told how far it is, on the calling thread.</param>
    /// <param name="cancellationToken">Ends it; it then cleans up, and its result is Interrupted.</param>
    /// <returns>The report. Nothing is written; that is done by who has the pages for it.</returns>
    /// <exception cref="HsmBackupException">
    /// DrillNotPossible: there is nowhere to recover to, or what there is holds something. Busy: another drill of the cluster is under way.
    /// InvalidArgument; of the drill cluster's tokens and their PINs. The drill has not begun.
    /// </exception>
    public static DrillReport Run(DrillRequest request, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        Check(request);
        using IDisposable turn = DrillTurn.Take(request);
        using var work = StagingFolder.Create(request.StateFolder);
        using DrillGround ground = Prepare(request, cancellationToken);
        DateTimeOffset started = request.Clock.GetUtcNow().ToUniversalTime();
        var steps = new DrillSteps($"Drill {request.Scenario} of cluster '{request.Cluster.Name}'", request.Clock, progress,
            cancellationToken);
        using var run = new DrillRun(request, ground, steps, work.Path, request.Seed ?? RandomNumberGenerator.GetInt32(int.MaxValue),
            cancellationToken);
        DrillEnvironment environment;
        try
        {
            Rehearsal rehearsal = Rehearse(run);
            run.RecoversFromBackup = rehearsal.RecoversFromBackup;
            rehearsal.Go();
        }
        finally
        {
            environment = DrillSummary.Environment(run);
            steps.RunAlways(DrillStep.CleanUp, told => CleanUp(run, told), isRecovery: false);
        }
        return DrillSummary.Report(run, environment, started);
    }

    /// <summary>A target that cannot be let go of keeps none of the others from being cleared.</summary>
    private static string CleanUp(DrillRun run, IProgress<OperationProgress> told)
    {
        string done;
        try
        {
            run.CloseTargets(told);
        }
        finally
        {
            done = run.Ground.CleanUp();
        }
        return done;
    }

    private static Rehearsal Rehearse(DrillRun run) => run.Request.Scenario switch
    {
        DrillScenario.ClusterLoss => new ClusterLossRehearsal(run),
        DrillScenario.NodeLoss => new NodeLossRehearsal(run),
        DrillScenario.KeyLoss => new KeyLossRehearsal(run),
        DrillScenario.BackupVerification => new BackupVerificationRehearsal(run),
        DrillScenario.StoreLoss => new StoreLossRehearsal(run),
        _ => throw new HsmBackupException(ErrorCode.InvalidArgument, $"There is no scenario {run.Request.Scenario}.", "Choose another."),
    };

    private static void Check(DrillRequest request)
    {
        if (request.Cluster.Stores.Count == 0)
        {
            throw new HsmBackupException(ErrorCode.DrillNotPossible,
                $"The definition of cluster '{request.Cluster.Name}' names no stores, so there is nothing to recover from.",
                "Add the places where its backups live to \"stores\" in the definition.")
            { Target = request.Cluster.Name };
        }
        if (request.Scenario == DrillScenario.StoreLoss)
        {
            StoreLossRehearsal.LostStore(request);
        }
        else if (request.LostStore is not null)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, "A store is lost in a drill of the scenario StoreLoss only.",
                "Leave the store out, or choose that scenario.");
        }
        if (request.Selection is { IsEmpty: false } && request.Scenario != DrillScenario.KeyLoss)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, "Keys are lost one by one in a drill of the scenario KeyLoss only.",
                "Leave -Label and -Id out, or choose that scenario.");
        }
        if (request.DrillCluster is { } ground)
        {
            // Before the turns are taken: a cluster that is its own drill cluster would wait for itself.
            Untouchable.CheckDefinition(request.Cluster, ground);
        }
    }

    private static DrillGround Prepare(DrillRequest request, CancellationToken cancellationToken)
    {
        List<ClusterNode> places = PlacesFor(request);
        if (request.DrillCluster is not null)
        {
            return ClusterGround.Open(request, places, cancellationToken);
        }
        return request.Cluster.Drill is { Cluster: null, SoftwareTargets: true }
            ? SoftwareGround.Make(places, request.SoftwareLibrary)
            : throw new HsmBackupException(ErrorCode.DrillNotPossible,
                $"The definition of cluster '{request.Cluster.Name}' names no drill cluster and does not allow software targets, "
                + "so there is nowhere to recover to.",
                "Name a cluster of blank tokens in the definition (\"drill\": { \"cluster\": \"payments-drill\" }), "
                + "or allow throw-away software tokens (\"softwareTargets\": true).")
            { Target = request.Cluster.Name };
    }

    /// <summary>The nodes whose places are taken: as many as the scenario needs.</summary>
    private static List<ClusterNode> PlacesFor(DrillRequest request) => request.Scenario switch
    {
        DrillScenario.ClusterLoss => [.. request.Cluster.Nodes],
        DrillScenario.NodeLoss when request.Cluster.FillsFromPeers => [request.Cluster.Nodes[0], request.Cluster.Nodes[^1]],
        _ => [request.Cluster.Nodes[0]],
    };
}
