using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Restore;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Restore;

/// <summary>Three real tokens at a time.</summary>
public sealed class ClusterRestoreOperationTests : IDisposable
{
    private readonly SoftHsmToken[] _tokens = [.. Enumerable.Range(1, 3).Select(i => new SoftHsmToken($"node-{i}"))];
    private readonly TestCluster _cluster;
    private readonly Pin _soPin = Pin.FromChars("so-12345678");
    private readonly TokenAddress[] _addresses;
    private TimeSpan _timeout = TimeSpan.FromSeconds(20);

    public ClusterRestoreOperationTests()
    {
        _cluster = new TestCluster(_tokens);
        _addresses = [.. _tokens.Select(t => t.Address)];
    }

    private string Backups => Path.Combine(_cluster.Folder, "backups");

    public void Dispose()
    {
        _soPin.Dispose();
        _cluster.Dispose();
    }

    [Fact]
    public void All_nodes_hold_the_backup_afterwards_and_each_says_so()
    {
        BackupResult backup = BackUp(bound: true);
        IReadOnlyList<NodeRestoreOutcome> outcomes = Restore(backup);

        Assert.Equal(["node-1", "node-2", "node-3"], outcomes.Select(o => o.Node));
        Assert.All(outcomes, o =>
        {
            Assert.Null(o.Error);
            Assert.Equal((true, backup.Verdicts.Count, o.Node), (o.Result!.Exact, o.Result.Proven, o.Result.Node));
        });
        Assert.Equal([backup.Verdicts.Count, 0, 0], outcomes.Select(o => o.Result!.Kept));
    }

    [Fact]
    public void Plans_of_all_nodes_are_there_before_anything_is_done_and_only_what_is_agreed_to_is_done()
    {
        BackupResult backup = BackUp(bound: true);
        using (ClusterRestoreOperation operation = Prepare(backup))
        {
            Assert.Equal([0, backup.Verdicts.Count, backup.Verdicts.Count], operation.Plans.Select(p => p.Plan!.Add));
            Assert.Equal(["node-3"], operation.Execute(["node-3"], null, null, null, CancellationToken.None).Select(o => o.Node));
        }
        Assert.Equal([backup.Verdicts.Count, 0, backup.Verdicts.Count], Enumerable.Range(0, 3).Select(Count));
    }

    [Fact]
    public void Destroyed_tokens_are_initialised_get_the_cluster_key_from_shares_and_hold_everything_again()
    {
        BackupResult backup = BackUp(bound: true);
        Array.ForEach(_tokens, t => t.MakeBlank());

        IReadOnlyList<NodeRestoreOutcome> outcomes = Recover(backup, out IReadOnlyList<NodeRestorePlan> plans);

        Assert.All(plans, p => Assert.Equal((InitializationStep.Whole, true, backup.Verdicts.Count), (p.Initialization, p.Joins, p.Plan!.Add)));
        Assert.All(outcomes, o =>
        {
            Assert.Null(o.Error);
            Assert.Equal((InitializationStep.Whole, true, true), (o.Initialized, o.Joined, o.Result!.Exact));
        });
        // Once more: there is nothing to initialise, and nothing to do.
        Assert.All(Recover(backup, out plans), o => Assert.Equal((InitializationStep.None, false, backup.Verdicts.Count), (o.Initialized, o.Joined, o.Result!.Kept)));
        Assert.All(plans, p => Assert.Equal((InitializationStep.None, false, true), (p.Initialization, p.Joins, p.Plan!.ChangesNothing)));
    }

    [Fact]
    public void A_token_that_was_initialised_by_a_run_that_was_cut_off_gets_its_key_and_its_objects()
    {
        BackupResult backup = BackUp(bound: true);
        _tokens[1].Replace();

        IReadOnlyList<NodeRestoreOutcome> outcomes = Recover(backup, out IReadOnlyList<NodeRestorePlan> plans);

        Assert.Equal([false, true, false], plans.Select(p => p.Joins));
        Assert.Equal([false, true, false], outcomes.Select(o => o.Joined));
        Assert.All(outcomes, o => Assert.True(o.Result!.Exact));
    }

    [Fact]
    public void What_is_on_such_a_token_is_not_removed_by_a_plan_that_did_not_show_it()
    {
        BackupResult backup = BackUp(bound: true);
        _tokens[1].Replace();
        Fill(1, "stranger");

        NodeRestoreOutcome failed = Recover(backup, out _)[1];

        Assert.Equal((ErrorCode.RestoreFailed, true), (Code(failed), failed.Joined));
        // The next run can read it, and shows it.
        using ClusterRestoreOperation operation = Prepare(backup, initialize: true);
        Assert.Equal(1, operation.Plans[1].Plan!.Remove);
    }

    [Fact]
    public void Without_shares_or_with_another_clusters_no_token_is_touched()
    {
        BackupResult backup = BackUp(bound: true);
        Array.ForEach(_tokens, t => t.MakeBlank());
        using ClusterRestoreOperation operation = Prepare(backup, initialize: true);
        string[] all = [.. operation.Plans.Select(p => p.Node)];

        Refusal.Of(ErrorCode.SharesMissing, () => operation.Execute(all, _soPin, null, null, CancellationToken.None));
        Refusal.Of(ErrorCode.PinRequired, () => operation.Execute(all, null, null, null, CancellationToken.None));
        using (ShareCombiner two = _cluster.Custodians(1, 2))
        {
            Refusal.Of(ErrorCode.SharesMissing, () => operation.Execute(all, _soPin, two, null, CancellationToken.None));
        }
        Assert.All(_tokens, t => Assert.Empty(Directory.GetDirectories(t.Storage)));
    }

    [Fact]
    public void A_failing_node_is_reported_and_the_others_finish()
    {
        BackupResult backup = BackUp(bound: true);
        _tokens[1].MakeBlank();

        IReadOnlyList<NodeRestorePlan> plans;
        IReadOnlyList<NodeRestoreOutcome> outcomes;
        using (ClusterRestoreOperation operation = Prepare(backup))
        {
            plans = operation.Plans;
            outcomes = operation.Execute(["node-1", "node-2", "node-3"], null, null, null, CancellationToken.None);
        }

        Assert.Equal(ErrorCode.TokenNotFound, Assert.IsType<HsmBackupException>(plans[1].Error).Code);
        Assert.Equal(["node-1", "node-3"], outcomes.Select(o => o.Node));
        Assert.All(outcomes, o => Assert.True(o.Result!.Exact));
    }

    [Fact]
    public void A_wrong_PIN_is_sent_once_to_its_node()
    {
        BackupResult backup = BackUp(bound: true);
        long before = Logins(1);
        using ClusterRestoreOperation operation = Prepare(backup, r => r with { OpenPin = n => n.Name == "node-2" ? Pin.FromChars("wrong-1234") : PinOf(n) });

        Assert.Equal(ErrorCode.PinIncorrect, Assert.IsType<HsmBackupException>(operation.Plans[1].Error).Code);
        Assert.Equal(["node-1", "node-3"], operation.Execute(["node-1", "node-2", "node-3"], null, null, null, CancellationToken.None).Select(o => o.Node));
        Assert.Equal(before + 1, Logins(1));
    }

    [Fact]
    public void One_PIN_for_all_that_is_wrong_is_sent_to_one_node_only()
    {
        BackupResult backup = BackUp(bound: true);
        long[] before = [.. Enumerable.Range(0, 3).Select(Logins)];
        Refusal.Of(ErrorCode.PinIncorrect, () => Prepare(backup, r => r with { OpenPin = _ => Pin.FromChars("wrong-1234"), OnePinForAll = true }));
        Assert.Equal([before[0] + 1, before[1], before[2]], Enumerable.Range(0, 3).Select(Logins));
    }

    [Fact]
    public void A_token_that_is_made_anew_is_written_down_with_its_new_serial_number()
    {
        BackupResult backup = BackUp(bound: false);
        string old = TokenInitialization.Look(_addresses[2]).Token.SerialNumber;
        _addresses[2] = _addresses[2] with { TokenSerial = old };
        _tokens[2].MakeBlank();

        using ClusterRestoreOperation operation = Prepare(backup, initialize: true);
        NodeRestoreOutcome outcome = operation.Execute(["node-3"], _soPin, null, null, CancellationToken.None).Single();

        Assert.True(outcome.Result!.Exact);
        string now = TokenInitialization.Look(_tokens[2].Address).Token.SerialNumber;
        Assert.NotEqual(old, now);
        Assert.Equal([null, null, now], operation.Cluster!.Nodes.Select(n => n.Address.TokenSerial));
    }

    [Fact]
    public void A_backup_of_another_cluster_initialises_nothing()
    {
        BackupResult backup = BackUp(bound: false);
        _tokens[0].MakeBlank();
        using ClusterRestoreOperation operation = Prepare(backup, r => r with { Cluster = r.Cluster! with { Id = "cluster-fedcba9876543210" } }, initialize: true);
        Assert.All(operation.Plans, p => Assert.Equal(ErrorCode.TokenMismatch, Assert.IsType<HsmBackupException>(p.Error).Code));
    }

    [FaultyLibraryTheory]
    [InlineData("C_UnwrapKey")]
    public void A_node_that_falls_silent_before_anything_is_written_keeps_no_other_and_is_never_written_to(string function)
    {
        BackupResult backup = BackUp(bound: true);
        var faulty = new FaultyLibrary(_tokens[1], _cluster.Folder);
        _addresses[1] = faulty.Address;
        _timeout = TimeSpan.FromSeconds(3);
        using (ClusterRestoreOperation operation = Prepare(backup))
        {
            // The trial with session objects comes first.
            faulty.Block(function);
            IReadOnlyList<NodeRestoreOutcome> outcomes = operation.Execute(["node-1", "node-2", "node-3"], null, null, null, CancellationToken.None);

            Assert.Equal([true, false, true], outcomes.Select(o => o.Result?.Exact ?? false));
            Assert.Equal((true, false, ErrorCode.RestoreFailed), (outcomes[1].TimedOut, outcomes[1].StateUnknown, Code(outcomes[1])));
            faulty.Heal();
        }
        // Whoever opens the token waits until the thread that was given up has let go of it.
        Assert.Equal(0, Count(1));
        Assert.All(Restore(backup), o => Assert.True(o.Result!.Exact));
    }

    [FaultyLibraryTheory]
    [InlineData("C_Login")]
    public void A_node_that_falls_silent_while_it_is_written_to_is_said_to_be_in_an_unknown_state(string function)
    {
        BackupResult backup = BackUp(bound: true);
        _tokens[1].MakeBlank();
        var faulty = new FaultyLibrary(_tokens[1], _cluster.Folder);
        _addresses[1] = faulty.Address;
        _timeout = TimeSpan.FromSeconds(3);
        using (ClusterRestoreOperation operation = Prepare(backup, initialize: true))
        {
            faulty.Block(function);
            using ShareCombiner shares = _cluster.Custodians(1, 3, 5);
            IReadOnlyList<NodeRestoreOutcome> outcomes = operation.Execute(["node-1", "node-2", "node-3"], _soPin, shares, null, CancellationToken.None);

            Assert.Equal([true, false, true], outcomes.Select(o => o.Result?.Exact ?? false));
            Assert.Equal((true, true, ErrorCode.RestoreInterrupted), (outcomes[1].TimedOut, outcomes[1].StateUnknown, Code(outcomes[1])));
            Assert.Contains("nobody knows", outcomes[1].Error!.Message, StringComparison.Ordinal);
            faulty.Heal();
        }
        Assert.All(Recover(backup, out _), o => Assert.True(o.Result!.Exact));
    }

    private static ErrorCode? Code(NodeRestoreOutcome outcome) => (outcome.Error as HsmBackupException)?.Code;

    /// <summary>Only node 1 holds anything, beside the cluster key that all get.</summary>
    private BackupResult BackUp(bool bound)
    {
        if (bound)
        {
            _cluster.HoldCeremony(r => r with { MakeIdentity = false });
        }
        Fill(0, "aes");
        Fill(0, "other");
        return BackupOperation.Run(new BackupRequest
        {
            Token = _tokens[0].Address,
            Pin = _tokens[0].Pin,
            Destination = Backups,
            Mode = bound ? Engine.Format.BackupMode.ClusterBound : Engine.Format.BackupMode.OneTimeKey,
            Cluster = Definition(bound).ForBackup(Definition(bound).Nodes[0]),
        }, null, CancellationToken.None);
    }

    private ClusterDefinition Definition(bool bound) => new()
    {
        Id = "cluster-0123456789abcdef",
        Name = "payments",
        Nodes = [.. _addresses.Select((a, i) => new ClusterNode { Name = $"node-{i + 1}", Address = a, Timeout = _timeout })],
        ClusterKey = bound ? _cluster.Info : null,
    };

    private ClusterRestoreRequest Request(BackupResult backup, bool initialize = false)
    {
        ClusterDefinition definition = Definition(_cluster.Ceremony is not null);
        return new ClusterRestoreRequest
        {
            Cluster = definition,
            Nodes = definition.Nodes,
            Path = backup.Path,
            Key = backup.Key!,
            OpenPin = PinOf,
            InitializeBlank = initialize,
            StateFolder = Path.Combine(_cluster.Folder, "state"),
        };
    }

    private ClusterRestoreOperation Prepare(BackupResult backup, bool initialize = false) => Prepare(backup, r => r, initialize);

    private ClusterRestoreOperation Prepare(BackupResult backup, Func<ClusterRestoreRequest, ClusterRestoreRequest> change, bool initialize = false) =>
        ClusterRestoreOperation.Prepare(change(Request(backup, initialize)), null, CancellationToken.None);

    private IReadOnlyList<NodeRestoreOutcome> Restore(BackupResult backup)
    {
        using ClusterRestoreOperation operation = Prepare(backup);
        return operation.Execute(["node-1", "node-2", "node-3"], null, null, null, CancellationToken.None);
    }

    private IReadOnlyList<NodeRestoreOutcome> Recover(BackupResult backup, out IReadOnlyList<NodeRestorePlan> plans)
    {
        using ClusterRestoreOperation operation = Prepare(backup, initialize: true);
        plans = operation.Plans;
        using ShareCombiner shares = _cluster.Custodians(2, 3, 4);
        return operation.Execute(["node-1", "node-2", "node-3"], _soPin, shares, null, CancellationToken.None);
    }

    private Pin PinOf(ClusterNode node) => _tokens[node.Name[^1] - '1'].Pin.Clone();

    private void Fill(int index, string label)
    {
        using TokenConnection connection = _cluster.Open(index);
        new TokenContent(connection.Session).Aes(label, 32);
    }

    private int Count(int index)
    {
        using TokenConnection connection = _cluster.Open(index);
        return connection.Session.FindTokenObjects().Count(h => !IsClusterKey(connection, h));
    }

    private static bool IsClusterKey(TokenConnection connection, ulong handle) => TokenClusterKey.FindLabelled(connection).Contains(handle);

    private long Logins(int index)
    {
        using var library = Pkcs11Library.Open(_addresses[index].Library);
        return library.Functions.CallsOf(FunctionIndex.C_Login);
    }
}
