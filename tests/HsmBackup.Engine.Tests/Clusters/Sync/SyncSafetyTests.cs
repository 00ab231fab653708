using System.Security.Cryptography;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Clusters.Sync;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Sync;

/// <summary>Keys that a synchronisation could take away, and does not.</summary>
public sealed class SyncSafetyTests : IDisposable
{
    private readonly SyncTrial _trial = new();

    public void Dispose() => _trial.Dispose();

    [Fact]
    public void A_key_that_all_nodes_have_under_different_names_is_not_extra()
    {
        byte[] key = RandomNumberGenerator.GetBytes(32);
        foreach ((int node, string label) in (ReadOnlySpan<(int, string)>)[(0, "pay"), (1, "Pay"), (2, "pay key")])
        {
            _trial.Change(node, c => c.Known(label, Ckk.Aes, key));
        }
        List<string>[] before = Contents();

        IReadOnlyList<NodeSyncResult> results = _trial.Run(r => r with { RemoveExtra = true, KeyPath = _trial.KeyPath });

        Assert.Equal(before, Contents());
        Assert.All(results, r => Assert.Equal((SyncState.Incomplete, 0, 1), (r.State, r.Removed, r.Conflicts)));
        Assert.Contains("3 nodes have this key", results[0].Steps[0].Item.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_nameless_key_with_other_attributes_on_each_node_is_not_extra()
    {
        byte[] key = RandomNumberGenerator.GetBytes(32);
        ulong[] uses = [Cka.Decrypt, Cka.Sign, Cka.Derive];
        for (int node = 0; node < 3; node++)
        {
            ulong use = uses[node];
            _trial.Change(node, c => c.Known("", Ckk.Aes, key, t =>
            {
                t.Remove(Cka.Id);
                t.Set(use, true);
            }));
        }
        List<string>[] before = Contents();

        Assert.All(_trial.Run(r => r with { RemoveExtra = true, KeyPath = _trial.KeyPath }), r => Assert.Equal(0, r.Removed));

        Assert.Equal(before, Contents());
    }

    [Fact]
    public void Keys_that_cannot_be_compared_are_not_called_alike()
    {
        _trial.ChangeAll(c => c.Aes("closed", 32, t => t.Set(Cka.Id, [1]).Set(Cka.Extractable, false)));
        Assert.All(_trial.Run(), r =>
        {
            Assert.Equal((SyncState.Incomplete, 1), (r.State, r.Uncompared));
            Assert.Contains("could not be compared", r.Reason, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void A_token_that_is_reached_by_two_libraries_is_one()
    {
        TokenAddress first = _trial.Cluster.Tokens[0].Address;
        string copy = Path.Combine(_trial.Cluster.Folder, "another.so");
        File.Copy(first.Library.Path, copy);
        _trial.Definition = _trial.Definition with
        {
            Nodes = [.. _trial.Definition.Nodes, _trial.Definition.Nodes[0] with { Name = "twin-1", Address = first with { Library = first.Library with { Path = copy } } }],
        };
        _trial.Change(0, c => c.Aes("extra", 32));

        SyncPlan plan = _trial.Plan();

        Assert.Equal("twin-1", Assert.Single(plan.Unread).Node);
        Assert.Contains("the same token as node node-1", plan.Unread[0].Reason, StringComparison.Ordinal);
        NodeHealth twin = _trial.Look().Single(n => n.Node == "twin-1");
        Assert.Equal(HealthState.Unreachable, twin.State);
        Assert.Contains("the same token", twin.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_node_that_is_named_to_be_right_must_be_there()
    {
        _trial.ChangeAll(c => c.Aes("pay", 32, t => t.Set(Cka.Id, [1])));
        HsmBackupException refusal = Refusal.Of(ErrorCode.NodesUnavailable, () => _trial.Plan(r => r with
        {
            Resolve = "node-2",
            OpenPin = n => n.Name == "node-2" ? Pin.FromChars("wrong") : r.OpenPin(n),
        }));
        Assert.Equal("node-2", refusal.Target);
    }

    [Fact]
    public void One_PIN_for_all_that_is_wrong_is_heard_by_one_node()
    {
        Refusal.Of(ErrorCode.NodesUnavailable, () => _trial.Plan(r => r with { OpenPin = _ => Pin.FromChars("wrong"), OnePinForAll = true }));
        Assert.Equal([true, false, false], LowCounts());

        using (_trial.Cluster.Open(0))
        {
            // The right PIN clears the warning.
        }
        IReadOnlyList<NodeHealth> seen = ClusterHealthOperation.Run(
            new ClusterHealthRequest { Cluster = _trial.Definition, OpenPin = _ => Pin.FromChars("wrong"), OnePinForAll = true }, CancellationToken.None);
        Assert.All(seen, n => Assert.Equal(HealthState.PinProblem, n.State));
        Assert.Equal([true, false, false], LowCounts());
    }

    [FaultyLibraryFact]
    public void What_was_to_go_stays_where_its_replacement_did_not_come()
    {
        _trial.Change(0, c => c.Aes("k", 32, t => t.Set(Cka.Id, [1])));
        _trial.Change(1, c =>
        {
            c.Aes("k", 32, t => t.Set(Cka.Id, [1]));
            c.Aes("k", 32, t => t.Set(Cka.Id, [1]));
        });
        FaultyLibrary faulty = Before(1, TimeSpan.FromSeconds(30));
        List<string> before = Witness.OfToken(_trial.Cluster.Tokens[1]);

        NodeSyncResult result = _trial.Run(r => r with { Resolve = "node-1", KeyPath = _trial.KeyPath, Only = ["node-2"] }, _ => faulty.FailAfter(0, "C_UnwrapKey", Ckr.DeviceError)).Single();
        faulty.Heal();

        Assert.Equal((0, 0), (result.Replaced, result.Removed));
        Assert.Equal(before, Witness.OfToken(_trial.Cluster.Tokens[1]));
    }

    [FaultyLibraryFact]
    public void A_token_that_denies_what_it_holds_is_not_believed()
    {
        _trial.ChangeAll(c => c.Aes("k", 32, t => t.Set(Cka.Id, [1])));
        FaultyLibrary faulty = Before(1, TimeSpan.FromSeconds(30));

        NodeSyncResult result = _trial.Run(r => r with { Resolve = "node-1", KeyPath = _trial.KeyPath, Only = ["node-2"] },
            _ => faulty.Refuse("C_DestroyObject", Ckr.ObjectHandleInvalid)).Single();
        faulty.Heal();

        Assert.Equal((SyncState.Incomplete, 0), (result.State, result.Replaced));
    }

    [FaultyLibraryFact]
    public void A_library_that_blocks_when_it_is_let_go_of_does_not_hold_the_command()
    {
        FaultyLibrary faulty = Before(1, TimeSpan.FromSeconds(1));
        SyncOperation operation = SyncOperation.Prepare(_trial.Request, null, CancellationToken.None);
        faulty.Block("C_DestroyObject");
        var closing = new Thread(operation.Dispose);
        closing.Start();
        bool closed = closing.Join(TimeSpan.FromSeconds(30));
        faulty.Heal();
        Assert.True(closed);
    }

    private FaultyLibrary Before(int node, TimeSpan timeout)
    {
        var faulty = new FaultyLibrary(_trial.Cluster.Tokens[node], _trial.Cluster.Folder);
        _trial.Definition = _trial.Definition with
        {
            Nodes = [.. _trial.Definition.Nodes.Select((n, i) => i == node ? n with { Address = faulty.Address, Timeout = timeout } : n)],
        };
        return faulty;
    }

    private List<string>[] Contents() => [.. _trial.Cluster.Tokens.Select(Witness.OfToken)];

    private bool[] LowCounts() => [.. _trial.Cluster.Tokens.Select(t =>
    {
        using Pkcs11Library library = Pkcs11Library.Open(t.Address.Library);
        return library.FindToken(t.Address.TokenLabel, null).IsPinCountLow;
    })];
}

/// <summary>The same on a token that has room for one key of an id only.</summary>
[Collection(NssToken.Collection)]
public sealed class UniqueNamesTests
{
    [NssFact]
    public void A_key_that_may_not_be_changed_does_not_overwrite_another_with_its_id()
    {
        using var trial = new SyncTrial(new TestCluster(new SoftHsmToken("soft"), new NssToken("nss")));
        trial.Change(0, c => c.Aes("of-soft", 32, t => t.Set(Cka.Id, [77]).Set(Cka.Modifiable, false)));
        trial.Change(1, c => c.Aes("only-on-nss", 32, t => t.Set(Cka.Id, [77])));
        List<string> before = Witness.OfToken(trial.Cluster.Tokens[1]);

        NodeSyncResult result = trial.Run(r => r with { Only = ["node-2"] }).Single();

        Assert.Equal(before, Witness.OfToken(trial.Cluster.Tokens[1]));
        Assert.Equal(CheckOutcome.Skipped, Assert.Single(result.Steps, s => s.Item.Object.Label == "of-soft").Outcome);
        Assert.Equal(SyncAction.NotPossible, Assert.Single(result.Steps, s => s.Item.Object.Label == "of-soft").Item.Action);
    }
}
