using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Keys;

public sealed class ClusterKeyRecoveryTests : IDisposable
{
    private readonly TestCluster _cluster = new(2);

    public ClusterKeyRecoveryTests() => _cluster.HoldCeremony(r => r with { MakeIdentity = false });

    public void Dispose() => _cluster.Dispose();

    [Fact]
    public void Any_three_of_five_custodians_bring_a_replaced_token_back_into_the_cluster()
    {
        foreach (int[] numbers in (int[][])[[1, 2, 3], [5, 1, 4], [2, 4, 5]])
        {
            _cluster.Tokens[1].Replace();
            using ShareCombiner custodians = _cluster.Custodians(numbers);
            IReadOnlyList<NodeOutcome> outcomes = Join(custodians, _cluster.Nodes);

            Assert.Equal([NodeState.AlreadyThere, NodeState.Added], outcomes.Select(o => o.State));
            using TokenConnection connection = _cluster.Open(1);
            TokenClusterKey.Require(connection, _cluster.Ceremony.Key);
        }
    }

    [Fact]
    public void Two_custodians_are_not_enough()
    {
        using ShareCombiner two = _cluster.Custodians(2, 4);
        Assert.Equal(ErrorCode.SharesMissing, Assert.Throws<HsmBackupException>(() => Join(two, _cluster.Nodes)).Code);
    }

    [Fact]
    public void The_share_of_another_cluster_is_refused_by_name()
    {
        using var other = new TestCluster(1);
        other.HoldCeremony(r => r with { MakeIdentity = false, UsedSets = [_cluster.Ceremony.ShareSetId] });
        using ShareCombiner custodians = _cluster.Custodians(1, 2);

        ShareAnswer answer = custodians.Add(other.Shares[2]);

        Assert.Equal(ShareAnswerKind.OtherSet, answer.Kind);
        Assert.Contains(other.Shares[2].SetName, answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Shares_of_another_key_are_noticed_by_the_check_value_and_no_node_is_touched()
    {
        using var other = new TestCluster(1);
        other.HoldCeremony(r => r with { MakeIdentity = false });
        _cluster.Tokens[1].Replace();
        using ShareCombiner custodians = other.Custodians(1, 2, 3);

        Assert.Equal(ErrorCode.ClusterKeyMismatch, Assert.Throws<HsmBackupException>(() => Join(custodians, _cluster.Nodes)).Code);
        using TokenConnection connection = _cluster.Open(1);
        Assert.Empty(connection.Session.FindTokenObjects());
    }

    [Fact]
    public void A_node_that_fails_is_reported_and_the_others_go_on()
    {
        _cluster.Tokens[0].Replace();
        _cluster.Tokens[1].Replace();
        using var wrong = Pin.FromChars("no such pin");
        using ShareCombiner custodians = _cluster.Custodians(1, 2, 3);

        IReadOnlyList<NodeOutcome> outcomes = Join(custodians, [_cluster.Node(0) with { Pin = wrong }, _cluster.Node(1)]);

        Assert.Equal([NodeState.Failed, NodeState.Added], outcomes.Select(o => o.State));
        Assert.Contains("PIN", outcomes[0].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_node_with_another_cluster_key_keeps_it_unless_told_otherwise()
    {
        using var other = new TestCluster(1);
        string foreign = other.HoldCeremony(r => r with { MakeIdentity = false }).Key.Check;
        using ShareCombiner custodians = _cluster.Custodians(1, 2, 3);

        NodeOutcome refused = Assert.Single(Join(custodians, other.Nodes));
        Assert.Equal(NodeState.Failed, refused.State);
        Assert.Contains(foreign, refused.Detail, StringComparison.Ordinal);
        using (TokenConnection connection = other.Open())
        {
            TokenClusterKey.Require(connection, other.Ceremony.Key);
        }

        Assert.Equal(NodeState.Added, Assert.Single(Join(custodians, other.Nodes, replace: true)).State);
        using (TokenConnection connection = other.Open())
        {
            TokenClusterKey.Require(connection, _cluster.Ceremony.Key);
            Assert.Equal([_cluster.Ceremony.Key.Check], TokenClusterKey.Labelled(connection));
        }
    }

    [Fact]
    public void After_a_resplit_old_shares_are_named_as_such_and_the_new_ones_give_the_same_key()
    {
        Share old = Copy(_cluster.Shares[0]);
        ClusterKeyInfo before = _cluster.Info;
        ClusterKeyInfo? written = null;
        using (ShareCombiner custodians = _cluster.Custodians(1, 2, 3))
        {
            ClusterKeyRecovery.Resplit(custodians, before, 2, 4, _cluster.Keep, i => written = i);
        }

        Assert.Equal((before.Check, 2, 4), (written!.Check, written.Threshold, written.Shares));
        Assert.NotEqual(before.ShareSetId, written.ShareSetId);
        Assert.Equal([before.ShareSetId], written.RetiredShareSets);
        using var renewed = new ShareCombiner(written.ShareSetId, written.RetiredShareSets.ToArray());
        ShareAnswer answer = renewed.Add(old);
        Assert.Equal(ShareAnswerKind.RetiredSet, answer.Kind);
        Assert.Contains("old one", answer.Message, StringComparison.Ordinal);
        renewed.Add(_cluster.Shares[3]).ThrowIfRefused();
        renewed.Add(_cluster.Shares[1]).ThrowIfRefused();
        using ClusterKey key = ClusterKey.Rebuild(renewed, before.Check);
        old.Dispose();
    }

    [Fact]
    public void A_resplit_that_is_broken_off_leaves_the_old_shares_valid()
    {
        using ShareCombiner custodians = _cluster.Custodians(1, 2, 3);
        bool written = false;
        Assert.Throws<OperationCanceledException>(() => ClusterKeyRecovery.Resplit(
            custodians, _cluster.Info, 2, 4, _ => throw new OperationCanceledException(), _ => written = true));
        Assert.False(written);
    }

    private static Share Copy(Share share)
    {
        Span<char> text = stackalloc char[Share.MaxTextLength];
        return Share.Parse(text[..share.CopyText(text)]);
    }

    private IReadOnlyList<NodeOutcome> Join(ShareCombiner shares, IReadOnlyList<NodeAccess> nodes, bool replace = false) =>
        ClusterKeyRecovery.Join(shares, _cluster.Ceremony.Key.Check, nodes, replace, null, CancellationToken.None);
}
