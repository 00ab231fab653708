using System.Collections.Concurrent;
using System.Globalization;

namespace HsmBackup.Engine.Clusters;

/// <summary>
/// What several nodes tell of their progress on threads of their own, as one line for who waits for them: only that one's thread may draw.
/// </summary>
internal sealed class ClusterProgress(string activity)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<string, OperationProgress> _nodes = new(StringComparer.Ordinal);

    /// <summary>All nodes at this moment.</summary>
    public OperationProgress Now
    {
        get
        {
            List<KeyValuePair<string, OperationProgress>> nodes = [.. _nodes.OrderBy(n => n.Key, StringComparer.Ordinal)];
            return new OperationProgress(activity,
                string.Join("; ", nodes.Select(n => string.Create(CultureInfo.InvariantCulture,
                    $"{n.Key}: {n.Value.Status}{(n.Value.Total > 0 ? $" {n.Value.Done}/{n.Value.Total}" : "")}"))),
                nodes.Sum(n => n.Value.Done), nodes.Sum(n => n.Value.Total));
        }
    }

    /// <summary>Where a node reports; each report is a sign of life.</summary>
    public IProgress<OperationProgress> Of(ClusterNode node, NodePulse pulse) => new NodeReporter(this, node.Name, pulse);

    /// <summary>Does work elsewhere, and tells of the nodes' progress meanwhile on the calling thread.</summary>
    public T Follow<T>(Func<T> work, IProgress<OperationProgress>? progress)
    {
        Task<T> task = Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        bool draws = progress is not null;
        while (!((IAsyncResult)task).AsyncWaitHandle.WaitOne(Interval))
        {
            try
            {
                if (draws && !_nodes.IsEmpty)
                {
                    progress!.Report(Now);
                }
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // Whoever draws has gone. The nodes are at work all the same, and what becomes of them must be known.
                draws = false;
            }
        }
        return task.GetAwaiter().GetResult();
    }

    private sealed class NodeReporter(ClusterProgress all, string node, NodePulse pulse) : IProgress<OperationProgress>
    {
        public void Report(OperationProgress value)
        {
            pulse.Touch();
            all._nodes[node] = value;
        }
    }
}
