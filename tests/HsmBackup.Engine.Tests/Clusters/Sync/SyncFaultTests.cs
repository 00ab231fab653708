using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters.Sync;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Sync;

/// <summary>What becomes of a synchronisation when one of three real tokens fails on the way. The others are made alike whatever it does.</summary>
public sealed class SyncFaultTests : IDisposable
{
    private readonly SyncTrial _trial = new();

    public SyncFaultTests()
    {
        _trial.Change(0, c =>
        {
            c.Aes("first", 32);
            c.Ec("second", TokenContent.P256);
        });
    }

    public void Dispose() => _trial.Dispose();

    [FaultyLibraryFact]
    public void A_library_that_blocks_for_ever_leaves_a_doubt_about_one_step_and_the_node_is_synchronised_when_it_answers_again()
    {
        FaultyLibrary faulty = PutFaultyLibraryBefore(1, TimeSpan.FromSeconds(2));

        IReadOnlyList<NodeSyncResult> results = _trial.Run(between: _ => faulty.Block("C_UnwrapKey"));

        Assert.Equal([SyncState.AlreadyInSync, SyncState.Unknown, SyncState.Synchronized], results.Select(r => r.State));
        Assert.Equal((null, "it did not answer within 2 s", 0), (results[1].Error, results[1].Reason, results[1].Copied));
        SyncOutcome doubt = Assert.Single(results[1].Steps, s => s.Outcome == CheckOutcome.Failed);
        Assert.Contains("whether it was done is not known", doubt.Detail, StringComparison.Ordinal);
        Assert.All(results[1].Steps.Where(s => s != doubt), s => Assert.Equal(CheckOutcome.NotRun, s.Outcome));

        faulty.Heal();
        SetTimeout(1, TimeSpan.FromSeconds(30));
        Assert.Contains(_trial.Run()[1].State, (SyncState[])[SyncState.Synchronized, SyncState.AlreadyInSync]);
        _trial.AssertAlike();
        Assert.Single(_trial.Cluster.Tokens.Select(t => string.Join('\n', Witness.OfToken(t))).Distinct());
    }

    [FaultyLibraryFact]
    public void A_library_that_blocks_before_the_plan_is_left_out()
    {
        FaultyLibrary faulty = PutFaultyLibraryBefore(1, TimeSpan.FromSeconds(2));
        faulty.Block("C_UnwrapKey");

        IReadOnlyList<NodeSyncResult> results = _trial.Run();

        Assert.Equal([SyncState.AlreadyInSync, SyncState.Failed, SyncState.Synchronized], results.Select(r => r.State));
        Assert.Equal("it did not answer within 2 s", results[1].Reason);
        faulty.Heal();
    }

    [FaultyLibraryTheory]
    // By unwrapping come keys, and the key-encryption key first of all; what cannot be wrapped again was made, and cannot be proven.
    [InlineData("C_UnwrapKey", 0)]
    [InlineData("C_WrapKey", 1)]
    public void A_device_that_refuses_keys_keeps_nothing_of_them_and_each_refusal_is_told(string function, int publicKeys)
    {
        FaultyLibrary faulty = PutFaultyLibraryBefore(1, TimeSpan.FromSeconds(30));
        List<string> before = Witness.OfToken(_trial.Cluster.Tokens[1]);
        List<string> wanted = Witness.OfToken(_trial.Cluster.Tokens[0]);

        IReadOnlyList<NodeSyncResult> results = _trial.Run(between: _ => faulty.Refuse(function, Ckr.DeviceError));

        Assert.Equal([SyncState.AlreadyInSync, SyncState.Incomplete, SyncState.Synchronized], results.Select(r => r.State));
        Assert.Equal(publicKeys, results[1].Copied);
        List<SyncOutcome> refused = [.. results[1].Steps.Where(s => s.Outcome == CheckOutcome.Failed)];
        Assert.Equal(3 - publicKeys, refused.Count);
        Assert.All(refused, s => Assert.Contains($"{function} returned CKR_DEVICE_ERROR", s.Detail, StringComparison.Ordinal));
        faulty.Heal();
        List<string> after = Witness.OfToken(_trial.Cluster.Tokens[1]);
        Assert.Empty(Witness.Missing(before, after));
        Assert.Equal(publicKeys, Witness.Missing(after, before).Count(l => l.StartsWith("CKO_PUBLIC_KEY second", StringComparison.Ordinal)));
        Assert.Equal(before.Count + publicKeys, after.Count);
        Assert.Equal(wanted, Witness.OfToken(_trial.Cluster.Tokens[2]));

        NodeSyncResult healed = _trial.Run()[1];
        Assert.Equal((SyncState.Synchronized, 3 - publicKeys), (healed.State, healed.Copied));
        _trial.AssertAlike();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_token_whose_storage_goes_is_told_and_the_others_are_made_alike(bool betweenPlanAndExecution)
    {
        List<string> wanted = Witness.OfToken(_trial.Cluster.Tokens[0]);
        if (!betweenPlanAndExecution)
        {
            Lose(1);
        }

        IReadOnlyList<NodeSyncResult> results = _trial.Run(between: _ =>
        {
            if (betweenPlanAndExecution)
            {
                Lose(1);
            }
        });

        Assert.Equal([SyncState.AlreadyInSync, SyncState.Failed, SyncState.Synchronized], results.Select(r => r.State));
        Assert.NotNull(results[1].Error);
        Assert.Equal(betweenPlanAndExecution ? 3 : 0, results[1].Steps.Count(s => s.Outcome == CheckOutcome.NotRun));
        Assert.Equal(0, results[1].Copied);
        Assert.Equal(wanted, Witness.OfToken(_trial.Cluster.Tokens[2]));
    }

    [Fact]
    public void A_source_that_is_lost_after_the_plan_takes_nothing_from_the_nodes_that_it_was_to_fill()
    {
        _trial.Change(2, c => c.Generic("odd", 33));
        List<string> before = Witness.OfToken(_trial.Cluster.Tokens[1]);

        IReadOnlyList<NodeSyncResult> results = _trial.Run(between: _ => Lose(0));

        Assert.Equal([SyncState.Failed, SyncState.Synchronized, SyncState.Synchronized], results.Select(r => r.State));
        Assert.Empty(Witness.Missing(before, Witness.OfToken(_trial.Cluster.Tokens[1])));
    }

    private FaultyLibrary PutFaultyLibraryBefore(int node, TimeSpan timeout)
    {
        var faulty = new FaultyLibrary(_trial.Cluster.Tokens[node], _trial.Cluster.Folder);
        _trial.Definition = _trial.Definition with
        {
            Nodes = [.. _trial.Definition.Nodes.Select((n, i) => i == node ? n with { Address = faulty.Address } : n)],
        };
        SetTimeout(node, timeout);
        return faulty;
    }

    private void SetTimeout(int node, TimeSpan timeout) => _trial.Definition = _trial.Definition with
    {
        Nodes = [.. _trial.Definition.Nodes.Select((n, i) => i == node ? n with { Timeout = timeout } : n)],
    };

    /// <summary>As when a disk fails: the files of the token are gone, and the library does not know yet.</summary>
    private void Lose(int node)
    {
        string tokens = Path.Combine(Path.GetDirectoryName(_trial.Cluster.Tokens[node].Address.Library.Path)!, "tokens");
        foreach (string token in Directory.EnumerateDirectories(tokens))
        {
            Directory.Delete(token, recursive: true);
        }
    }
}
