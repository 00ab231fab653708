using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Repair;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Repair;

/// <summary>Who disposes the secrets that a node's thread was given.</summary>
public sealed class NodeErrandTests
{
    private readonly ClusterNode _node = new()
    {
        Name = "node",
        Address = new TokenAddress(new LibraryLocation($"/nowhere/{Guid.NewGuid()}.so"), "token"),
        Timeout = TimeSpan.FromMilliseconds(200),
    };

    [Fact]
    public void A_thread_that_comes_back_has_disposed_them_and_gives_its_answer()
    {
        var secret = new Secret();

        Assert.True(NodeErrand.Run(_node, _ => !secret.IsDisposed, CancellationToken.None, secret));

        Assert.True(secret.IsDisposed);
    }

    [Fact]
    public void A_thread_that_fails_has_disposed_them_too()
    {
        var secret = new Secret();

        Refusal.Of(ErrorCode.Busy, () => NodeErrand.Run<bool>(_node, _ => throw new HsmBackupException(ErrorCode.Busy, "Busy.", "Wait."), CancellationToken.None, secret));

        Assert.True(secret.IsDisposed);
    }

    [Fact]
    public void A_thread_that_hangs_keeps_them_until_it_comes_back()
    {
        var secret = new Secret();
        using var hangs = new ManualResetEventSlim();
        using var ended = new ManualResetEventSlim();

        Refusal.Of(ErrorCode.NodesUnavailable, () => NodeErrand.Run(_node, _ =>
        {
            hangs.Wait();
            Assert.False(secret.IsDisposed);
            return true;
        }, CancellationToken.None, secret, new Signal(ended)));

        Assert.False(secret.IsDisposed);
        hangs.Set();
        Assert.True(ended.Wait(TimeSpan.FromMinutes(1)));
        Assert.True(secret.IsDisposed);
    }

    [Fact]
    public async Task Where_the_thread_never_had_its_turn_they_are_disposed_all_the_same()
    {
        var secret = new Secret();
        bool worked = false;
        using var hangs = new ManualResetEventSlim();
        using var begun = new ManualResetEventSlim();
        // Somebody else's work at the same token.
        var other = Task.Run(() => NodeThreads.Run([_node with { Timeout = TimeSpan.FromMinutes(1) }], (_, _) =>
        {
            begun.Set();
            hangs.Wait();
            return true;
        }, CancellationToken.None));
        begun.Wait();

        Refusal.Of(ErrorCode.NodesUnavailable, () => NodeErrand.Run(_node, _ => worked = true, CancellationToken.None, secret));

        Assert.True(secret.IsDisposed);
        hangs.Set();
        await other;
        Assert.False(worked);
    }

    private sealed class Secret : IDisposable
    {
        public bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }

    private sealed class Signal(ManualResetEventSlim ended) : IDisposable
    {
        public void Dispose() => ended.Set();
    }
}
