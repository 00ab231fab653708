using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>Operations that are cancelled in each of their phases, and tokens that vanish under them.</summary>
public sealed class InterruptedOperationTests : IDisposable
{
    private readonly BackupFixture _fixture = new();

    public InterruptedOperationTests() => _fixture.Fill(c =>
    {
        for (int i = 0; i < 5; i++)
        {
            c.Aes($"key {i}", 32);
        }
        c.Data("data", isPrivate: true);
    });

    private string KeyPath => Path.Combine(_fixture.Folder, "key");

    public void Dispose() => _fixture.Dispose();

    [Theory]
    [InlineData("Opening the token", 0)]
    [InlineData("Capturing objects", 0)]
    [InlineData("Capturing objects", 3)]
    [InlineData("Capturing objects", 6)]
    public void A_backup_that_is_cancelled_leaves_nothing_behind(string phase, int done)
    {
        using var stop = new CancellationTokenSource();

        Assert.ThrowsAny<OperationCanceledException>(() => BackUp(At(phase, done, stop.Cancel), stop.Token));

        Assert.True(stop.IsCancellationRequested);
        Assert.Empty(Refusal.Everything(_fixture.Folder));
    }

    [Theory]
    [InlineData("Authenticating the backup")]
    [InlineData("Reading the token")]
    [InlineData("Trying every object")]
    [InlineData("Saving what the token holds")]
    [InlineData("Adding and proving")]
    public void A_restore_that_is_cancelled_before_it_removes_leaves_the_token_as_it_was(string phase)
    {
        BackupResult backup = BackUpThenDrift();
        List<string> before = Witness.OfToken(_fixture.Token);
        using var stop = new CancellationTokenSource();

        Assert.ThrowsAny<OperationCanceledException>(() => Restore(backup, At(phase, 1, stop.Cancel), stop.Token));

        Assert.True(stop.IsCancellationRequested);
        Assert.Equal(before, Witness.OfToken(_fixture.Token));
        AssertNoJournal();
        Assert.True(_fixture.Restore(backup).Exact);
    }

    [Theory]
    [InlineData("Removing what the backup does not have")]
    [InlineData("Comparing the token with the backup")]
    public void A_restore_that_is_cancelled_later_is_finished_or_says_that_it_is_not(string phase)
    {
        BackupResult backup = BackUpThenDrift();
        using var stop = new CancellationTokenSource();

        Refusal.Of(ErrorCode.RestoreInterrupted, () => Restore(backup, At(phase, 1, stop.Cancel), stop.Token));

        RestoreResult result = _fixture.Restore(backup);
        Assert.True(result is { Exact: true, Resumed: true });
        AssertNoJournal();
    }

    [Fact]
    public void A_live_test_that_is_cancelled_is_no_result()
    {
        BackupResult backup = BackUp(null, CancellationToken.None);
        using var stop = new CancellationTokenSource();
        var request = new TestRequest { Path = backup.Path, Level = TestLevel.Live, Key = backup.Key, Token = _fixture.Token.Address, Pin = _fixture.Token.Pin };

        Assert.ThrowsAny<OperationCanceledException>(() => TestOperation.Run(request, At("Comparing with the live token", 1, stop.Cancel), stop.Token));
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    [InlineData(false, 6)]
    [InlineData(true, 6)]
    public void A_token_that_vanishes_during_a_backup_ends_it(bool allowPartial, int done)
    {
        var vanish = new Vanishing(_fixture.Token);

        Refusal.Of(ErrorCode.TokenError, () => BackUp(At("Capturing objects", done, vanish.Vanish), CancellationToken.None, allowPartial));

        Assert.True(vanish.HasVanished);
        Assert.Empty(Refusal.Everything(_fixture.Folder));
        vanish.ComeBack();
        Assert.True(BackUp(null, CancellationToken.None).Complete);
    }

    [Fact]
    public void A_token_that_vanishes_before_its_objects_are_listed_is_not_an_empty_token()
    {
        var vanish = new Vanishing(_fixture.Token);
        using var faults = new NativeFaults(_fixture.Token.Address.Library);
        faults.Before = call =>
        {
            if (call.Function == FunctionIndex.C_FindObjects)
            {
                vanish.Vanish();
            }
            return null;
        };

        Refusal.Of(ErrorCode.TokenError, () => BackUp(null, CancellationToken.None, allowPartial: true));

        Assert.Empty(Refusal.Everything(_fixture.Folder));
    }

    [Theory]
    [InlineData("Reading the token")]
    [InlineData("Trying every object")]
    [InlineData("Saving what the token holds")]
    public void A_token_that_vanishes_before_a_restore_changes_it_is_as_it_was_when_it_comes_back(string phase)
    {
        BackupResult backup = BackUpThenDrift();
        List<string> before = Witness.OfToken(_fixture.Token);
        var vanish = new Vanishing(_fixture.Token);

        Assert.NotNull(Record.Exception(() => Restore(backup, At(phase, 1, vanish.Vanish), CancellationToken.None)));

        Assert.True(vanish.HasVanished);
        vanish.ComeBack();
        Assert.Equal(before, Witness.OfToken(_fixture.Token));
        Assert.True(_fixture.Restore(backup).Exact);
    }

    [Theory]
    [InlineData("Adding and proving")]
    [InlineData("Removing what the backup does not have")]
    [InlineData("Comparing the token with the backup")]
    public void A_token_that_vanishes_while_a_restore_changes_it_can_be_finished_when_it_comes_back(string phase)
    {
        BackupResult backup = BackUpThenDrift();
        List<string> before = Witness.OfToken(_fixture.Token);
        var vanish = new Vanishing(_fixture.Token);

        Refusal.Of(ErrorCode.RestoreInterrupted, () => Restore(backup, At(phase, 2, vanish.Vanish), CancellationToken.None));

        vanish.ComeBack();
        List<string> inBackup = Witness.OfBackup(backup.Path, backup.Key!);
        List<string> now = Witness.OfToken(_fixture.Token);
        Assert.Empty(Witness.Missing(Witness.Missing(before, Witness.Missing(before, inBackup)), now));
        RestoreResult result = _fixture.Restore(backup);
        Assert.True(result is { Exact: true, Resumed: true });
        Assert.Equal(inBackup, Witness.OfToken(_fixture.Token));
    }

    /// <summary>Does something once, when a phase has come so far.</summary>
    private static Watch At(string phase, int done, Action action)
    {
        bool did = false;
        return new Watch(p =>
        {
            if (!did && p.Status == phase && (p.Done >= done || p.Total == 0))
            {
                did = true;
                action();
            }
        });
    }

    private BackupResult BackUp(Watch? progress, CancellationToken cancellationToken, bool allowPartial = false) => BackupOperation.Run(
        new BackupRequest
        {
            Token = _fixture.Token.Address,
            Pin = _fixture.Token.Pin,
            Destination = _fixture.Backups,
            KeyPath = KeyPath,
            AllowPartial = allowPartial,
        }, progress, cancellationToken);

    private void Restore(BackupResult backup, Watch progress, CancellationToken cancellationToken)
    {
        var request = new RestoreRequest
        {
            Path = backup.Path,
            Key = backup.Key!,
            Token = _fixture.Token.Address,
            Pin = _fixture.Token.Pin,
            StateFolder = _fixture.State,
        };
        using RestoreOperation restore = RestoreOperation.Prepare(request, progress, cancellationToken);
        restore.Execute(progress, cancellationToken);
    }

    /// <summary>Two objects are to be removed, three to be added and the others to be kept.</summary>
    private BackupResult BackUpThenDrift()
    {
        BackupResult backup = BackUp(null, CancellationToken.None);
        using (TokenConnectionScope scope = new(_fixture))
        {
            scope.Destroy("key 0", "key 1", "key 2");
        }
        _fixture.Fill(c =>
        {
            c.Aes("extra 0", 32);
            c.Aes("extra 1", 32);
        });
        return backup;
    }

    private void AssertNoJournal()
    {
        if (Directory.Exists(_fixture.State))
        {
            Assert.Empty(Directory.GetFiles(_fixture.State, "*.json*"));
        }
    }
}
