using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Drills;

/// <summary>Work on targets, all at a time, each on a thread of its own as the nodes of a cluster are worked on.</summary>
internal static class TargetThreads
{
    /// <summary>Does it.</summary>
    /// <returns>What came out of each, in their order.</returns>
    /// <exception cref="HsmBackupException">What the first of them failed with; what the others gave is disposed.</exception>
    /// <exception cref="OperationCanceledException">Somebody stopped it.</exception>
    public static IReadOnlyList<T> Run<T>(IReadOnlyList<DrillTargetNode> targets, IProgress<OperationProgress> told,
        Func<DrillTargetNode, IProgress<OperationProgress>, CancellationToken, T> work, CancellationToken cancellationToken)
    {
        Dictionary<ClusterNode, DrillTargetNode> byNode = new(ReferenceEqualityComparer.Instance);
        foreach (DrillTargetNode target in targets)
        {
            byNode.Add(target.Node, target);
        }
        var board = new ClusterProgress("");
        IReadOnlyList<NodeAnswer<T>> answers = board.Follow(() => NodeThreads.Run([.. byNode.Keys], (node, pulse) =>
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(pulse.Token, cancellationToken);
            return work(byNode[node], board.Of(node, pulse), stop.Token);
        }, CancellationToken.None), told);
        foreach (NodeAnswer<T> silent in answers.Where(a => a.TimedOut))
        {
            byNode[silent.Node].IsAbandoned = true;
        }
        if (answers.FirstOrDefault(a => a.TimedOut || a.Error is not null) is not { } failed)
        {
            return [.. answers.Select(a => a.Value!)];
        }
        LetGo(answers, byNode);
        cancellationToken.ThrowIfCancellationRequested();
        throw failed.TimedOut
            ? new HsmBackupException(ErrorCode.NodesUnavailable, $"Target '{failed.Node.Name}': {NodeFailure.Silence(failed.Node)}.",
                "Look at the HSM and its connection.")
            { Target = failed.Node.Name }
            : Named(failed.Node.Name, failed.Error!);
    }

    /// <summary>
    /// To let go of a target takes native calls, which may block as any other: each is waited for as long as its timeout allows.
    /// </summary>
    private static void LetGo<T>(IReadOnlyList<NodeAnswer<T>> answers, Dictionary<ClusterNode, DrillTargetNode> byNode)
    {
        Dictionary<ClusterNode, IDisposable> open = new(ReferenceEqualityComparer.Instance);
        foreach (NodeAnswer<T> answer in answers)
        {
            if (answer.Value is IDisposable value)
            {
                open.Add(answer.Node, value);
            }
        }
        foreach (NodeAnswer<bool> silent in NodeThreads.Run([.. open.Keys], (node, _) =>
        {
            open[node].Dispose();
            return true;
        }, CancellationToken.None).Where(a => a.TimedOut))
        {
            byNode[silent.Node].IsAbandoned = true;
        }
    }

    /// <summary>The error of a target, which says of which.</summary>
    public static Exception Named(string node, Exception error) => error switch
    {
        HsmBackupException own when own.Message.Contains($"'{node}'", StringComparison.Ordinal) => own,
        HsmBackupException own =>
            new HsmBackupException(own.Code, $"Target '{node}': {own.Message}", own.RecommendedAction, own) { Target = node },
        Pkcs11Exception native =>
            new HsmBackupException(ErrorCode.TokenError, $"Target '{node}': {NodeFailure.ReasonOf(native)}.",
                "Look at the HSM and its log.", native)
            { Target = node },
        _ => error,
    };
}
