using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Sync;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Sync;

/// <summary>Three real tokens that drift apart and are made alike again.</summary>
public sealed class SyncOperationTests : IDisposable
{
    private readonly SyncTrial _trial = new();

    public void Dispose() => _trial.Dispose();

    [Fact]
    public void Every_kind_of_object_reaches_every_node()
    {
        using (TokenConnection connection = _trial.Cluster.Open(1))
        {
            TokenContent.FillAll(connection);
        }
        List<string> full = Witness.OfToken(_trial.Cluster.Tokens[1]);

        IReadOnlyList<NodeSyncResult> results = _trial.Run();

        // SoftHSM has no way of wrapping Ed25519 keys, and their values may not pass through this process.
        Assert.Equal([(SyncState.Incomplete, 0), (SyncState.Incomplete, 1), (SyncState.Incomplete, 0)], results.Select(r => (r.State, r.Uncompared)));
        Assert.Empty(results[1].Steps);
        foreach (int node in (int[])[0, 2])
        {
            SyncOutcome left = Assert.Single(results[node].Steps, s => s.Outcome != CheckOutcome.Passed);
            Assert.Equal((SyncAction.NotPossible, "CKK_EC_EDWARDS"), (left.Item.Action, left.Item.Object.KeyType));
            Assert.DoesNotContain(results[node].Steps, s => s.Detail is not null);
            string line = Assert.Single(Witness.Missing(full, Witness.OfToken(_trial.Cluster.Tokens[node])));
            Assert.Contains("ed25519", line, StringComparison.Ordinal);
            Assert.Empty(Witness.Missing(Witness.OfToken(_trial.Cluster.Tokens[node]), full));
        }
        Assert.All(_trial.Look(), n => Assert.DoesNotContain(n.Drift, d => d.Object.KeyType != "CKK_EC_EDWARDS"));
    }

    [Fact]
    public void What_each_node_has_alone_all_have_in_the_end_and_a_second_run_does_nothing()
    {
        for (int node = 0; node < 3; node++)
        {
            string name = $"of-{node}";
            _trial.Change(node, c => c.Aes(name, 32));
            _trial.Change(node, c => c.Generic(name + "-odd", 33));
        }

        IReadOnlyList<NodeSyncResult> results = _trial.Run();

        Assert.All(results, r => Assert.Equal((SyncState.Synchronized, 4, 0), (r.State, r.Copied, r.Failed)));
        _trial.AssertAlike();
        Assert.Single(_trial.Cluster.Tokens.Select(t => string.Join('\n', Witness.OfToken(t))).Distinct());
        Assert.True(_trial.Plan().ChangesNothing);
        Assert.All(_trial.Run(), r => Assert.Equal((SyncState.AlreadyInSync, ""), (r.State, r.Reason)));
    }

    [Fact]
    public void A_plan_changes_nothing()
    {
        _trial.Change(0, c => c.Aes("new", 32));
        List<string>[] before = [.. _trial.Cluster.Tokens.Select(Witness.OfToken)];

        SyncPlan plan = _trial.Plan();

        Assert.Equal((2, 0, 0), (plan.Copy, plan.Replace, plan.Remove));
        Assert.Equal(["node-2", "node-3"], plan.Items.Select(i => i.Node));
        Assert.All(plan.Items, i => Assert.Equal("node-1", i.From));
        Assert.Equal(before, _trial.Cluster.Tokens.Select(Witness.OfToken));
    }

    [Fact]
    public void Other_keys_of_one_name_stay_until_a_node_is_named_and_then_are_saved_before_they_go()
    {
        _trial.ChangeAll(c => c.Aes("pay", 32, t => t.Set(Cka.Id, [1])));
        List<string>[] before = [.. _trial.Cluster.Tokens.Select(Witness.OfToken)];

        Assert.All(_trial.Run(), r => Assert.Equal(0, r.Replaced));
        Assert.Equal(before, _trial.Cluster.Tokens.Select(Witness.OfToken));

        Refusal.Of(ErrorCode.KeyDestinationRequired, () => _trial.Run(r => r with { Resolve = "NODE-2" }));
        Assert.Equal(before, _trial.Cluster.Tokens.Select(Witness.OfToken));

        IReadOnlyList<NodeSyncResult> results = _trial.Run(r => r with { Resolve = "NODE-2", KeyPath = _trial.KeyPath });

        Assert.Equal([1, 0, 1], results.Select(r => r.Replaced));
        Assert.All(_trial.Cluster.Tokens, t => Assert.Equal(before[1], Witness.OfToken(t)));
        _trial.AssertAlike();
        Assert.Null(results[1].SafetyBackupPath);
        using OneTimeKey key = KeyFile.Read(_trial.KeyPath);
        foreach (int node in (int[])[0, 2])
        {
            // The replaced key comes back into its node.
            RestoreRequest request = RestoreOf(results[node].SafetyBackupPath!, key, node);
            using (RestoreOperation restore = RestoreOperation.Prepare(request, null, CancellationToken.None))
            {
                restore.Execute(null, CancellationToken.None);
            }
            Assert.Equal(before[node], Witness.OfToken(_trial.Cluster.Tokens[node]));
        }
    }

    [Fact]
    public void Extra_objects_go_only_if_asked()
    {
        _trial.ChangeAll(c => c.Data("everywhere", isPrivate: true));
        _trial.Change(2, c => c.Aes("extra", 32));

        IReadOnlyList<NodeSyncResult> results = _trial.Run(r => r with { RemoveExtra = true, KeyPath = _trial.KeyPath });

        Assert.Equal([0, 0, 1], results.Select(r => r.Removed));
        Assert.Equal(0, results.Sum(r => r.Copied));
        Assert.True(File.Exists(results[2].SafetyBackupPath));
        _trial.AssertAlike();
    }

    [Fact]
    public void An_attribute_that_drifted_is_set_right_from_the_named_node()
    {
        _trial.Change(0, c => c.Aes("pay", 32, t => t.Set(Cka.Id, [1])));
        _trial.Run();
        using (TokenConnection connection = _trial.Cluster.Open(1))
        {
            ulong handle = Assert.Single(connection.Session.FindObjects(new AttributeMap().Set(Cka.Label, "pay")));
            Assert.Equal(Ckr.Ok, connection.Session.TrySetAttributes(handle, new AttributeMap().Set(Cka.Derive, true)));
        }

        SyncItem told = Assert.Single(_trial.Plan().Items);
        Assert.Equal(("node-2", SyncAction.Different), (told.Node, told.Action));
        Assert.Contains("CKA_DERIVE", told.Reason, StringComparison.Ordinal);

        Assert.Equal(1, _trial.Run(r => r with { Resolve = "node-1", KeyPath = _trial.KeyPath })[1].Replaced);
        _trial.AssertAlike();
    }

    [Fact]
    public void Only_the_nodes_that_are_named_are_changed()
    {
        _trial.Change(0, c => c.Aes("new", 32));

        NodeSyncResult result = Assert.Single(_trial.Run(r => r with { Only = ["node-3"] }));

        Assert.Equal(("node-3", SyncState.Synchronized), (result.Node, result.State));
        Assert.Equal(1, Assert.Single(_trial.Look(), n => n.Node == "node-2").Missing);
    }

    [Fact]
    public void A_node_without_the_cluster_key_is_told_and_the_others_are_made_alike()
    {
        _trial.Change(0, c => c.Aes("new", 32));
        using (TokenConnection connection = _trial.Cluster.Open(1))
        {
            Assert.True(TokenClusterKey.Require(connection, _trial.Cluster.Ceremony.Key).TryRemove(connection));
        }

        IReadOnlyList<NodeSyncResult> results = _trial.Run();

        Assert.Equal([SyncState.AlreadyInSync, SyncState.Failed, SyncState.Synchronized], results.Select(r => r.State));
        Assert.Equal(ErrorCode.ClusterKeyMissing, results[1].Error);
    }

    [Fact]
    public void A_wrong_pin_is_sent_once_and_is_its_nodes_affair()
    {
        _trial.Change(0, c => c.Aes("new", 32));

        IReadOnlyList<NodeSyncResult> results = _trial.Run(r => r with
        {
            OpenPin = node => node.Name == "node-1" ? Pin.FromChars("wrong") : r.OpenPin(node),
        });

        Assert.Equal([SyncState.Failed, SyncState.AlreadyInSync, SyncState.AlreadyInSync], results.Select(r => r.State));
        Assert.Equal(ErrorCode.PinIncorrect, results[0].Error);
    }

    [Fact]
    public void Too_few_nodes_are_refused_with_the_reason_of_each()
    {
        HsmBackupException refusal = Refusal.Of(ErrorCode.NodesUnavailable, () => _trial.Run(r => r with
        {
            OpenPin = node => node.Name == "node-3" ? r.OpenPin(node) : Pin.FromChars("wrong"),
        }));

        Assert.Equal(["node-1", "node-2"], Assert.IsAssignableFrom<IEnumerable<UnreadNode>>(refusal.Result).Select(u => u.Node));
    }

    [Fact]
    public void One_token_under_two_names_is_named()
    {
        _trial.Definition = _trial.Definition with
        {
            Nodes = [_trial.Definition.Nodes[0], _trial.Definition.Nodes[1], _trial.Definition.Nodes[0] with { Name = "twin-1" }],
        };

        NodeSyncResult[] results = [.. _trial.Run().Where(r => r.State == SyncState.Failed)];

        Assert.Contains("is the same token as node", Assert.Single(results).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_that_somebody_changed_since_the_plan_is_left_alone()
    {
        _trial.Change(0, c => c.Aes("new", 32));

        IReadOnlyList<NodeSyncResult> results = _trial.Run(between: _ => _trial.WriteFromOutside(1));

        Assert.Equal([SyncState.AlreadyInSync, SyncState.Failed, SyncState.Synchronized], results.Select(r => r.State));
        Assert.Equal((ErrorCode.Busy, 1), (results[1].Error, results[1].Steps.Count(s => s.Outcome == CheckOutcome.NotRun)));
    }

    [Fact]
    public void A_node_with_an_interrupted_restore_is_left_out()
    {
        _trial.Change(0, c => c.Aes("new", 32));
        using (TokenConnection connection = _trial.Cluster.Open(1))
        {
            string folder = Path.Combine(_trial.Cluster.Folder, "state");
            StateFolder.Create(folder);
            new RestoreJournal("20260101T000000Z-payments-00000000", "00", [], []).Save(folder, connection.Token);
        }

        IReadOnlyList<NodeSyncResult> results = _trial.Run();

        Assert.Equal([SyncState.AlreadyInSync, SyncState.Failed, SyncState.Synchronized], results.Select(r => r.State));
        Assert.Equal(ErrorCode.RestoreInterrupted, results[1].Error);
    }

    [Fact]
    public void What_may_not_leave_its_node_is_told_as_not_possible()
    {
        _trial.Change(0, c => c.Aes("locked", 32, t => t.Set(Cka.Extractable, false)));

        IReadOnlyList<NodeSyncResult> results = _trial.Run();

        Assert.All(results, r => Assert.Equal(SyncState.Incomplete, r.State));
        Assert.Equal(1, results[0].Uncompared);
        Assert.Contains("NotExtractable", Assert.Single(results[1].Steps).Item.Reason, StringComparison.Ordinal);
    }

    private RestoreRequest RestoreOf(string path, OneTimeKey key, int node) => new()
    {
        Path = path,
        Key = key,
        Token = _trial.Cluster.Tokens[node].Address,
        Pin = _trial.Cluster.Tokens[node].Pin,
        Cluster = _trial.Definition.ForBackup(_trial.Definition.Nodes[node]),
        StateFolder = Path.Combine(_trial.Cluster.Folder, "state"),
    };
}
