using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Repair;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tests.Clusters.Sync;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Repair;

/// <summary>The second of three HSMs fails, and another takes its place.</summary>
public sealed class ClusterRepairTests : IDisposable
{
    private const int Failed = 1;

    private readonly SoftHsmToken[] _tokens = [.. Enumerable.Range(1, 3).Select(i => new SoftHsmToken($"node-{i}"))];
    private readonly Pin _soPin = Pin.FromChars("so-12345678");
    private readonly SyncTrial _trial;

    public ClusterRepairTests()
    {
        _trial = new SyncTrial(new TestCluster(_tokens));
        _trial.Change(0, c =>
        {
            c.Rsa("rsa", 2048);
            c.Aes("aes", 32);
            c.Generic("odd", 33);
            c.Data("data", isPrivate: true);
            c.Certificate("certificate");
        });
        _trial.Run();
    }

    public void Dispose()
    {
        _soPin.Dispose();
        _trial.Dispose();
    }

    [Fact]
    public void A_blank_token_is_initialised_joined_filled_from_its_peers_and_proven()
    {
        List<string> before = Witness.OfToken(_tokens[0]);
        _tokens[Failed].MakeBlank();

        RepairResult result = Repair(out RepairPlan plan);

        Assert.Equal((InitializationStep.Whole, true, "peers node-1, node-3"), (plan.Initialization, plan.Joins, plan.Source));
        Assert.True(result.State == RepairState.Repaired, string.Join('\n', result.Steps));
        Assert.Equal(["Initialize: Passed", "Join: Passed", "Fill: Passed", "Prove: Passed", "Definition: Skipped"], result.Steps.Select(s => $"{s.Name}: {s.Outcome}"));
        Assert.Equal(plan.Objects, result.Added);
        Assert.True(result.Elapsed >= result.Steps.Aggregate(TimeSpan.Zero, (sum, s) => sum + s.Elapsed));
        Assert.Equal(before, Witness.OfToken(_tokens[Failed]));
        _trial.AssertAlike();
        // Once more: there is nothing to do.
        result = Repair(out plan);
        Assert.Equal((RepairState.Repaired, InitializationStep.None, false, 0), (result.State, plan.Initialization, plan.Joins, result.Added));
    }

    [Fact]
    public void The_definition_gets_the_new_serial_number()
    {
        string file = Path.Combine(_trial.Cluster.Folder, "payments.hsmcluster.json");
        TokenInfo old = InfoOf(Failed);
        _trial.Definition = (_trial.Definition with
        {
            Nodes = [.. _trial.Definition.Nodes.Select((n, i) => i == Failed ? n with { Address = n.Address with { TokenSerial = old.SerialNumber } } : n)],
        }).Save(file);
        _tokens[Failed].MakeBlank();

        RepairResult result = Repair(out _);

        Assert.True(result.State == RepairState.Repaired, string.Join('\n', result.Steps));
        Assert.Equal(CheckOutcome.Passed, result.Steps.Single(s => s.Name == "Definition").Outcome);
        string? serial = ClusterDefinition.Load(file).Node("node-2").Address.TokenSerial;
        Assert.Equal(InfoOf(Failed).SerialNumber, serial);
        Assert.NotEqual(old.SerialNumber, serial);
    }

    [Fact]
    public void A_replacement_that_is_found_elsewhere_takes_the_nodes_place_in_the_definition()
    {
        string file = Path.Combine(_trial.Cluster.Folder, "payments.hsmcluster.json");
        _trial.Definition = _trial.Definition.Save(file);
        using var other = new SoftHsmToken("node-2-new");
        other.MakeBlank();

        RepairResult result = Repair(out _, r => r with
        {
            Replacement = r.Cluster.Node("node-2") with { Address = other.Address },
            OpenPin = n => n.Name == "node-2" ? other.Pin.Clone() : r.OpenPin(n),
        });

        Assert.True(result.State == RepairState.Repaired, string.Join('\n', result.Steps));
        Assert.Equal("node-2-new", ClusterDefinition.Load(file).Node("node-2").Address.TokenLabel);
        Assert.Equal(Witness.OfToken(_tokens[0]), Witness.OfToken(other));
    }

    [Fact]
    public void A_dead_peer_is_told_and_the_other_one_is_enough()
    {
        _tokens[Failed].MakeBlank();

        RepairResult result = Repair(out RepairPlan plan, r => r with { OpenPin = n => n.Name == "node-3" ? Pin.FromChars("wrong") : r.OpenPin(n) });

        Assert.Equal(["node-1"], plan.Peers);
        Assert.Equal(("node-3", ErrorCode.PinIncorrect), (Assert.Single(plan.Unread).Node, plan.Unread[0].Error));
        Assert.Equal(RepairState.Repaired, result.State);
        Assert.Equal(Witness.OfToken(_tokens[0]), Witness.OfToken(_tokens[Failed]));
        // Its PIN was sent once.
        Assert.False(InfoOf(2).IsPinFinalTry);
    }

    [Fact]
    public void Without_a_peer_it_says_how_to_go_on()
    {
        _tokens[Failed].MakeBlank();

        HsmBackupException refusal = Refusal.Of(ErrorCode.NodesUnavailable, () => Repair(out _, r => r with
        {
            OpenPin = n => n.Name == "node-2" ? r.OpenPin(n) : Pin.FromChars("wrong"),
        }));

        Assert.Contains("-Path", refusal.RecommendedAction, StringComparison.Ordinal);
    }

    [Fact]
    public void A_backup_fills_it_where_no_peer_is_left()
    {
        BackupResult backup = BackupOperation.Run(_trial.Cluster.BackupRequest() with { Cluster = _trial.Definition.ForBackup(_trial.Definition.Nodes[0]) }, null, CancellationToken.None);
        List<string> before = Witness.OfToken(_tokens[0]);
        Array.ForEach(_tokens, t => t.MakeBlank());

        RepairResult result = Repair(out RepairPlan plan, r => r with { BackupPath = backup.Path, BackupKey = backup.Key });

        Assert.Equal((backup.Id.ToString(), true), (plan.BackupId, plan.Joins));
        Assert.True(result.State == RepairState.Repaired, string.Join('\n', result.Steps));
        Assert.Equal(before, Witness.OfToken(_tokens[Failed]));
    }

    [Fact]
    public void A_backup_under_its_one_time_key_alone_makes_a_member_too_even_where_only_the_join_was_left()
    {
        BackupResult backup = BackupOperation.Run(_trial.Cluster.BackupRequest() with { Mode = BackupMode.OneTimeKey }, null, CancellationToken.None);
        _tokens[Failed].MakeBlank();
        TokenInitialization.Initialize(_tokens[Failed].Address, _soPin, _tokens[Failed].Pin, null, CancellationToken.None);

        RepairResult result = Repair(out RepairPlan plan, r => r with { BackupPath = backup.Path, BackupKey = backup.Key });

        Assert.Equal((InitializationStep.None, true), (plan.Initialization, plan.Joins));
        Assert.True(result.State == RepairState.Repaired, string.Join('\n', result.Steps));
        Assert.Equal(CheckOutcome.Passed, result.Steps.Single(s => s.Name == "Join").Outcome);
        Assert.Equal(plan.Objects, result.Added);
        _trial.AssertAlike();
    }

    [Fact]
    public void A_backup_that_is_bound_to_another_cluster_key_is_refused()
    {
        BackupResult backup = BackupOperation.Run(_trial.Cluster.BackupRequest() with { Cluster = _trial.Definition.ForBackup(_trial.Definition.Nodes[0]) }, null, CancellationToken.None);
        _tokens[Failed].MakeBlank();

        // When the plan is made: nobody is asked for shares that would be of no use.
        Refusal.Of(ErrorCode.ClusterKeyMismatch, () => ClusterRepairOperation.Prepare(Request with
        {
            BackupPath = backup.Path,
            BackupKey = backup.Key,
            Cluster = _trial.Definition with { ClusterKey = _trial.Definition.ClusterKey! with { Check = new string('0', 32) } },
        }, null, CancellationToken.None).Dispose());

        Assert.Equal(InitializationStep.Whole, TokenInitialization.Look(_tokens[Failed].Address).Step);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Shares_of_another_key_are_refused_before_the_token_is_touched(bool fromBackup)
    {
        BackupResult backup = BackupOperation.Run(_trial.Cluster.BackupRequest() with { Cluster = _trial.Definition.ForBackup(_trial.Definition.Nodes[0]) }, null, CancellationToken.None);
        _tokens[Failed].MakeBlank();
        using ClusterRepairOperation operation = ClusterRepairOperation.Prepare(
            fromBackup ? Request with { BackupPath = backup.Path, BackupKey = backup.Key } : Request, null, CancellationToken.None);
        using var foreign = new ShareCombiner();
        using (var other = ShareSet.Split(new byte[32], threshold: 2, count: 2))
        {
            other.Shares.ToList().ForEach(s => foreign.Add(s).ThrowIfRefused());
        }

        Refusal.Of(ErrorCode.ClusterKeyMismatch, () => operation.Execute(_soPin, foreign, null, CancellationToken.None));

        Assert.Equal(InitializationStep.Whole, TokenInitialization.Look(_tokens[Failed].Address).Step);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Progress_is_told_on_the_callers_thread_and_by_the_name_of_the_repair(bool fromBackup)
    {
        BackupResult backup = BackupOperation.Run(_trial.Cluster.BackupRequest() with { Cluster = _trial.Definition.ForBackup(_trial.Definition.Nodes[0]) }, null, CancellationToken.None);
        _tokens[Failed].MakeBlank();
        var told = new Told();
        using ClusterRepairOperation operation = ClusterRepairOperation.Prepare(
            fromBackup ? Request with { BackupPath = backup.Path, BackupKey = backup.Key } : Request, told, CancellationToken.None);
        using ShareCombiner shares = _trial.Cluster.Custodians(1, 3, 5);

        Assert.Equal(RepairState.Repaired, operation.Execute(_soPin, shares, told, CancellationToken.None).State);

        Assert.NotEmpty(told.Reports);
        Assert.All(told.Reports, r => Assert.Equal((Environment.CurrentManagedThreadId, "Repairing node 'NODE-2' of cluster 'payments'"), r));
    }

    [Fact]
    public void What_a_node_has_beyond_its_peers_keeps_it_from_being_called_repaired()
    {
        _trial.Change(Failed, c => c.Aes("stale", 32));

        RepairResult result = Repair(out _);

        Assert.Equal(RepairState.Incomplete, result.State);
        Assert.Contains("'stale'", result.Steps.Single(s => s.Name == "Prove").Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_key_of_the_same_name_is_told_and_stays()
    {
        _trial.Destroy(Failed, "aes");
        _trial.Change(Failed, c => c.Aes("aes", 32, t => t.Set(Cka.Id, [0xA0, 0x00, 0x02])));
        List<string> before = Witness.OfToken(_tokens[Failed]);

        RepairResult result = Repair(out _);

        Assert.Equal(RepairState.Incomplete, result.State);
        Assert.Contains("conflict", result.Reason, StringComparison.Ordinal);
        Assert.Equal(before, Witness.OfToken(_tokens[Failed]));
    }

    [Fact]
    public void Without_an_officers_pin_or_shares_nothing_is_touched()
    {
        _tokens[Failed].MakeBlank();
        using ClusterRepairOperation operation = ClusterRepairOperation.Prepare(Request, null, CancellationToken.None);
        using ShareCombiner shares = _trial.Cluster.Custodians(1, 2, 3);

        Refusal.Of(ErrorCode.PinRequired, () => operation.Execute(null, shares, null, CancellationToken.None));
        Refusal.Of(ErrorCode.SharesMissing, () => operation.Execute(_soPin, null, null, CancellationToken.None));
        Assert.Equal(InitializationStep.Whole, TokenInitialization.Look(_tokens[Failed].Address).Step);
    }

    [Fact]
    public void A_repair_that_stopped_after_the_initialisation_goes_on()
    {
        _tokens[Failed].MakeBlank();
        TokenInitialization.Initialize(_tokens[Failed].Address, _soPin, _tokens[Failed].Pin, null, CancellationToken.None);

        RepairResult result = Repair(out RepairPlan plan);

        Assert.Equal((InitializationStep.None, true), (plan.Initialization, plan.Joins));
        Assert.Equal(RepairState.Repaired, result.State);
    }

    private RepairRequest Request => new()
    {
        Cluster = _trial.Definition,
        Node = "NODE-2",
        OpenPin = _trial.Request.OpenPin,
        StateFolder = _trial.Request.StateFolder,
    };

    private RepairResult Repair(out RepairPlan plan, Func<RepairRequest, RepairRequest>? change = null)
    {
        using ClusterRepairOperation operation = ClusterRepairOperation.Prepare(change?.Invoke(Request) ?? Request, null, CancellationToken.None);
        plan = operation.Plan;
        using ShareCombiner shares = _trial.Cluster.Custodians(1, 3, 5);
        return operation.Execute(_soPin, shares, null, CancellationToken.None);
    }

    private TokenInfo InfoOf(int node)
    {
        TokenAddress address = _tokens[node].Address;
        using Pkcs11Library library = Pkcs11Library.Open(address.Library);
        return library.FindToken(address.TokenLabel, null);
    }

    private sealed class Told : IProgress<OperationProgress>
    {
        public List<(int Thread, string Activity)> Reports { get; } = [];

        public void Report(OperationProgress value)
        {
            lock (Reports)
            {
                Reports.Add((Environment.CurrentManagedThreadId, value.Activity));
            }
        }
    }
}
