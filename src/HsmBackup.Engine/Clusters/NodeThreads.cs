using System.Collections.Concurrent;

namespace HsmBackup.Engine.Clusters;

/// <summary>What became of the work for one node.</summary>
/// <param name="Node">The node.</param>
/// <param name="Value">Its answer; default where it failed or did not answer.</param>
/// <param name="Error">How it failed; null where it answered, or did not answer in time.</param>
/// <param name="TimedOut">True where it did not answer in time.</param>
/// <param name="Elapsed">How long it took, or how long it was waited for.</param>
internal sealed record NodeAnswer<T>(ClusterNode Node, T? Value, Exception? Error, bool TimedOut, TimeSpan Elapsed);

/// <summary>The life of the work for one node: as long as it goes on, it is waited for.</summary>
internal sealed class NodePulse(CancellationToken token)
{
    private long _last = TimeProvider.System.GetTimestamp();

    /// <summary>Is cancelled once nobody waits any more.</summary>
    public CancellationToken Token { get; } = token;

    /// <summary>How long there was no sign of life.</summary>
    public TimeSpan Silence => TimeProvider.System.GetElapsedTime(Interlocked.Read(ref _last));

    /// <summary>Shows that the node has answered something.</summary>
    /// <exception cref="OperationCanceledException">Nobody waits any more.</exception>
    public void Beat()
    {
        Touch();
        Token.ThrowIfCancellationRequested();
    }

    /// <summary>The same for work that looks at <see cref="Token"/> itself, where it may stop.</summary>
    public void Touch() => Interlocked.Exchange(ref _last, TimeProvider.System.GetTimestamp());
}

/// <summary>
/// Asks nodes all at once, each on a thread of its own, and waits for each as long as it is not silent for longer than its timeout. A
/// native call cannot be interrupted: the thread of a library that blocks is left behind, and the node gets no further question until
/// that thread has come back.
/// </summary>
internal static class NodeThreads
{
    // Process-wide, as the libraries are: a blocked call outlives the command that made it.
    private static readonly ConcurrentDictionary<string, SemaphoreSlim> Turns = new(StringComparer.Ordinal);

    /// <summary>Does the work for every node.</summary>
    /// <param name="nodes">The nodes.</param>
    /// <param name="work">The work; it beats the pulse whenever the node has answered.</param>
    /// <param name="cancellationToken">Gives up on all.</param>
    /// <returns>An outcome for each node, in their order. An answer that comes too late is disposed by the thread that made it.</returns>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public static IReadOnlyList<NodeAnswer<T>> Run<T>(
        IReadOnlyList<ClusterNode> nodes, Func<ClusterNode, NodePulse, T> work, CancellationToken cancellationToken)
    {
        List<Question<T>> questions = [.. nodes.Select(node => new Question<T>(node, work, cancellationToken))];
        try
        {
            return [.. questions.Select(q => q.Wait(cancellationToken))];
        }
        catch (OperationCanceledException)
        {
            questions.ForEach(q => q.Forget());
            throw;
        }
    }

    private static string NameOf(ClusterNode node) => string.Join('\n',
        (node.Address.Library.Environment ?? new Dictionary<string, string>()).Select(v => $"{v.Key}={v.Value}").Order(StringComparer.Ordinal)
            .Prepend(node.Address.TokenSerial).Prepend(node.Address.TokenLabel).Prepend(node.Address.Library.Path));

    private sealed class Question<T>
    {
        private readonly ClusterNode _node;
        private readonly Func<ClusterNode, NodePulse, T> _work;
        private readonly CancellationTokenSource _nobodyWaits;
        private readonly NodePulse _pulse;
        private readonly TaskCompletionSource<T> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly long _asked = TimeProvider.System.GetTimestamp();

        public Question(ClusterNode node, Func<ClusterNode, NodePulse, T> work, CancellationToken cancellationToken)
        {
            _node = node;
            _work = work;
            _nobodyWaits = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            _pulse = new NodePulse(_nobodyWaits.Token);
            // A library that never comes back must not keep the process from ending.
            new Thread(Answer) { IsBackground = true, Name = $"node {node.Name}" }.Start();
        }

        public NodeAnswer<T> Wait(CancellationToken cancellationToken)
        {
            Exception? error = null;
            bool answered = false;
            try
            {
                // Its time runs since it was asked, while others were waited for as well; an answer that is there counts in any case.
                answered = _answer.Task.Wait(TimeSpan.Zero, cancellationToken);
                for (TimeSpan left = _node.Timeout - _pulse.Silence; !answered && left > TimeSpan.Zero; left = _node.Timeout - _pulse.Silence)
                {
                    answered = _answer.Task.Wait(left, cancellationToken);
                }
            }
            catch (AggregateException e)
            {
                error = e.InnerException!;
            }
            cancellationToken.ThrowIfCancellationRequested();
            bool timedOut = !answered && error is null && GiveUp();
            if (!answered && error is null && !timedOut)
            {
                // It came in the very moment in which nobody wanted to wait any longer.
                return Wait(cancellationToken);
            }
            return new NodeAnswer<T>(_node, answered ? _answer.Task.Result : default, error, timedOut, TimeProvider.System.GetElapsedTime(_asked));
        }

        /// <summary>Wants no answer any more; one that is there already is disposed.</summary>
        public void Forget()
        {
            if (!GiveUp() && _answer.Task.IsCompletedSuccessfully && _answer.Task.Result is IDisposable answer)
            {
                // To let go of a node takes native calls, which may block as any other; nobody waits for them.
                new Thread(answer.Dispose) { IsBackground = true, Name = $"node {_node.Name}, forgotten" }.Start();
            }
        }

        /// <returns>False where the answer is there.</returns>
        private bool GiveUp()
        {
            if (!_answer.TrySetException(new TimeoutException()))
            {
                return false;
            }
            // Looked at, so that nobody is told of it once more.
            _ = _answer.Task.Exception;
            try
            {
                _nobodyWaits.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // It has come to its end in this very moment.
            }
            return true;
        }

        private void Answer()
        {
            SemaphoreSlim turn = Turns.GetOrAdd(NameOf(_node), _ => new SemaphoreSlim(1, 1));
            bool entered = false;
            try
            {
                turn.Wait(_pulse.Token);
                entered = true;
                T answer = _work(_node, _pulse);
                if (!_answer.TrySetResult(answer))
                {
                    (answer as IDisposable)?.Dispose();
                }
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // Whatever a library does, the others are still answered; the outcome says what it was.
                _answer.TrySetException(e);
                // Looked at, so that nobody is told of it once more when it comes too late.
                _ = _answer.Task.Exception;
            }
            finally
            {
                if (entered)
                {
                    turn.Release();
                }
                _nobodyWaits.Dispose();
            }
        }
    }
}
