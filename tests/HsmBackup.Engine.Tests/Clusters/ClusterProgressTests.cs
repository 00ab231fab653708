using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters;

/// <summary>Progress of several threads, drawn by one.</summary>
public sealed class ClusterProgressTests
{
    [Fact]
    public void What_nodes_tell_on_their_threads_is_shown_together_on_the_thread_that_waits()
    {
        var board = new ClusterProgress("Restoring cluster payments");
        using var shown = new ManualResetEventSlim();
        var listener = new Listener(() => shown.Set());

        int other = board.Follow(() =>
        {
            Tell(board, "b", new OperationProgress("", "Adding", 3, 8));
            Tell(board, "a", new OperationProgress("", "Authenticating", 0, 0));
            Assert.True(shown.Wait(TimeSpan.FromSeconds(20)));
            return Environment.CurrentManagedThreadId;
        }, listener);

        Assert.NotEqual(other, Environment.CurrentManagedThreadId);
        Assert.All(listener.Told, t => Assert.Equal(Environment.CurrentManagedThreadId, t.Thread));
        Assert.Equal(new OperationProgress("Restoring cluster payments", "a: Authenticating; b: Adding 3/8", 3, 8), listener.Told[^1].Progress);
    }

    [Fact]
    public void Who_cannot_draw_any_more_does_not_end_the_work()
    {
        var board = new ClusterProgress("Restoring");
        using var shown = new ManualResetEventSlim();
        int result = board.Follow(() =>
        {
            Tell(board, "a", new OperationProgress("", "Adding", 1, 2));
            Assert.True(shown.Wait(TimeSpan.FromSeconds(20)));
            return 7;
        }, new Listener(() =>
        {
            shown.Set();
            throw new InvalidOperationException("The pipeline is going down.");
        }));
        Assert.Equal(7, result);
    }

    [Fact]
    public void A_report_is_a_sign_of_life()
    {
        var pulse = new NodePulse(CancellationToken.None);
        SpinWait.SpinUntil(() => pulse.Silence > TimeSpan.FromMilliseconds(50));
        TimeSpan before = pulse.Silence;
        new ClusterProgress("").Of(Node("a"), pulse).Report(new OperationProgress("", "Adding", 1, 2));
        Assert.True(pulse.Silence < before);
    }

    private static void Tell(ClusterProgress board, string node, OperationProgress progress) =>
        board.Of(Node(node), new NodePulse(CancellationToken.None)).Report(progress);

    private static ClusterNode Node(string name) => new() { Name = name, Address = new TokenAddress(new LibraryLocation("/lib"), name) };

    private sealed class Listener(Action then) : IProgress<OperationProgress>
    {
        public List<(int Thread, OperationProgress Progress)> Told { get; } = [];

        public void Report(OperationProgress value)
        {
            Told.Add((Environment.CurrentManagedThreadId, value));
            if (value.Status.Contains("Adding", StringComparison.Ordinal))
            {
                then();
            }
        }
    }
}
