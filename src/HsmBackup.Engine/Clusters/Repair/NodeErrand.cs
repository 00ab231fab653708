namespace HsmBackup.Engine.Clusters.Repair;

/// <summary>One piece of work at one node.</summary>
internal static class NodeErrand
{
    /// <summary>Work at the node on a thread of its own, which is waited for as long as the node's timeout allows.</summary>
    /// <param name="node">The node.</param>
    /// <param name="work">The work.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="secrets">
    /// Copies that the work uses, because a node that answers too late must not find them overwritten in its hands. The node's thread
    /// disposes them at its end; where it never had its turn, they are disposed here.
    /// </param>
    public static T Run<T>(ClusterNode node, Func<NodePulse, T> work, CancellationToken cancellationToken, params IDisposable[] secrets)
    {
        var turn = new FirstOfTwo();
        try
        {
            NodeAnswer<T> answer = NodeThreads.Run([node], (_, pulse) =>
            {
                if (!turn.TryBeFirst())
                {
                    throw new OperationCanceledException("The node was given up.");
                }
                try
                {
                    return work(pulse);
                }
                finally
                {
                    Array.ForEach(secrets, s => s.Dispose());
                }
            }, cancellationToken)[0];
            if (answer.TimedOut)
            {
                throw new HsmBackupException(ErrorCode.NodesUnavailable, $"Node '{node.Name}': {NodeFailure.Silence(node)}.",
                    "Look at the HSM and its connection; when it answers, run the same repair again: what is done already is passed over.")
                { Target = node.Name };
            }
            return answer.Error is null ? answer.Value! : throw answer.Error;
        }
        finally
        {
            if (turn.TryBeFirst())
            {
                Array.ForEach(secrets, s => s.Dispose());
            }
        }
    }
}
