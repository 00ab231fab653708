using System.Diagnostics;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Drills;

/// <summary>Work on several targets.</summary>
public sealed class TargetThreadsTests
{
    [Fact]
    public void A_target_that_cannot_be_let_go_of_keeps_nobody_waiting_after_another_failed()
    {
        using var pin = Pin.FromChars("12345678");
        using var blocked = new Blocked();
        using var free = new Free();
        DrillTargetNode[] targets = [.. ((string[])["blocked", "free", "failing"]).Select(name => new DrillTargetNode(new ClusterNode
        {
            Name = name,
            Address = new TokenAddress(new LibraryLocation("/nowhere.so"), Guid.NewGuid().ToString()),
            Timeout = TimeSpan.FromSeconds(1),
        }, pin, null))];
        var watch = Stopwatch.StartNew();
        var refused = Assert.Throws<HsmBackupException>(() =>
            TargetThreads.Run<IDisposable>(targets, NoProgress.Instance, (target, _, _) => target.Node.Name switch
        {
            "blocked" => blocked,
            "free" => free,
            _ => throw new HsmBackupException(ErrorCode.TokenError, "It failed.", "Look at it."),
        }, CancellationToken.None));
        Assert.Equal((ErrorCode.TokenError, "failing"), (refused.Code, refused.Target));
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(20));
        Assert.True(free.IsDisposed);
        Assert.Equal([true, false, false], targets.Select(t => t.IsAbandoned));
    }

    private sealed class Free : IDisposable
    {
        public bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }

    /// <summary>As a native call that does not come back for half a minute.</summary>
    private sealed class Blocked : IDisposable
    {
        private readonly ManualResetEventSlim _end = new();
        private int _calls;

        public void Dispose()
        {
            if (Interlocked.Increment(ref _calls) == 1)
            {
                _end.Wait(TimeSpan.FromSeconds(30));
            }
            else
            {
                _end.Set();
            }
        }
    }
}
