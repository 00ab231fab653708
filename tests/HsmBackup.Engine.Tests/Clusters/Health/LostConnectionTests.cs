using System.Security.Cryptography;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Health;

/// <summary>Three tokens, each behind a server of p11-kit, one of which is killed in the middle of what is done with it.</summary>
public sealed class LostConnectionTests : IDisposable
{
    private const int Objects = 5;
    private static readonly byte[] Key = RandomNumberGenerator.GetBytes(32);

    private readonly string _folder = Directory.CreateTempSubdirectory("hsmbackup-test-").FullName;
    private readonly List<RemoteToken> _tokens = [];
    private readonly List<TokenAddress> _addresses = [];
    private TimeSpan _timeout = TimeSpan.FromSeconds(20);

    private RemoteToken Second => _tokens[1];

    public void Dispose()
    {
        _tokens.ForEach(t => t.Dispose());
        Directory.Delete(_folder, recursive: true);
    }

    [RemoteTokenFact]
    public void A_server_that_is_killed_between_two_looks_is_named_and_seen_again_once_it_is_back()
    {
        Connect();

        for (int i = 0; i < 2; i++)
        {
            Second.Kill();
            NodeHealth lost = AssertOnlySecondUnreachable(Look());
            Assert.Contains("No token with label 'node-2'", lost.Reason, StringComparison.Ordinal);
            Second.Start();
            AssertAllOnline();
        }
    }

    [RemoteTokenTheory]
    [InlineData("C_GetSlotList")]
    [InlineData("C_OpenSession")]
    [InlineData("C_Login")]
    [InlineData("C_FindObjects")]
    [InlineData("C_GetAttributeValue")]
    public void A_server_that_is_killed_in_the_middle_of_a_look_is_named_and_seen_again_once_it_is_back(string function)
    {
        FaultyLibrary client = null!;
        Connect(before: token => client = new FaultyLibrary(token, _folder));

        client.Block(function);
        IReadOnlyList<NodeHealth> nodes = LookUntilCalled(Enum.Parse<FunctionIndex>(function), () =>
        {
            Second.Kill();
            client.Heal();
        });

        NodeHealth lost = AssertOnlySecondUnreachable(nodes);
        Assert.Contains("CKR_DEVICE_ERROR", lost.Reason, StringComparison.Ordinal);
        Second.Start();
        AssertAllOnline();
    }

    [RemoteTokenFact]
    public void A_server_that_is_killed_while_it_works_on_an_answer_is_named_and_seen_again_once_it_is_back()
    {
        FaultyLibrary behind = null!;
        Connect(behind: token => behind = new FaultyLibrary(token, _folder));

        behind.Block("C_GetAttributeValue");
        IReadOnlyList<NodeHealth> nodes = LookUntilCalled(FunctionIndex.C_GetAttributeValue, Second.Kill);

        NodeHealth lost = AssertOnlySecondUnreachable(nodes);
        Assert.Contains("CKR_DEVICE_ERROR", lost.Reason, StringComparison.Ordinal);
        behind.Heal();
        Second.Start();
        AssertAllOnline();
    }

    [RemoteTokenFact]
    public void A_server_that_hangs_is_reported_in_time_and_seen_again_once_it_was_killed_and_is_back()
    {
        FaultyLibrary behind = null!;
        Connect(behind: token => behind = new FaultyLibrary(token, _folder));

        behind.Block("C_GetAttributeValue");
        _timeout = TimeSpan.FromSeconds(2);
        NodeHealth silent = AssertOnlySecondUnreachable(Look());
        Assert.Equal("it did not answer within 2 s", silent.Reason);

        // What waits for the server's answer gets none any more, and makes way for the next look.
        Second.Kill();
        behind.Heal();
        Second.Start();
        _timeout = TimeSpan.FromSeconds(20);
        AssertAllOnline();
    }

    [RemoteTokenFact]
    public void A_node_is_seen_again_although_somebody_else_held_its_dead_connection_for_a_while()
    {
        Connect();
        using (TokenConnection elsewhere = TokenConnection.Open(_addresses[1], Second.Pin, readWrite: false, CancellationToken.None))
        {
            Second.Kill();
            Second.Start();
            // The library is not started anew under the feet of those who are in it.
            NodeHealth lost = AssertOnlySecondUnreachable(Look());
            Assert.Contains("CKR_DEVICE_ERROR", lost.Reason, StringComparison.Ordinal);
            Assert.Throws<HsmBackupException>(elsewhere.CheckPresent);
        }
        AssertAllOnline();
    }

    [RemoteTokenFact]
    public void What_a_connection_does_not_carry_is_named_where_a_node_differs_for_it()
    {
        Connect();
        _addresses[0] = _tokens[0].Behind;
        _addresses[2] = _tokens[2].Behind;

        NodeHealth remote = Look()[1];

        Assert.Equal((HealthState.OutOfSync, Objects), (remote.State, remote.Different));
        Assert.All(remote.Drift, d => Assert.Contains("CKA_WRAP_TEMPLATE cannot be read on this node", d.Differences));
    }

    /// <summary>Makes the cluster, and sees that all is well.</summary>
    /// <param name="before">A library that stands before the client of the second node.</param>
    /// <param name="behind">A library that stands before the token of the second node, in its server.</param>
    private void Connect(Func<RemoteToken, FaultyLibrary>? before = null, Func<SoftHsmToken, FaultyLibrary>? behind = null)
    {
        for (int node = 1; node <= 3; node++)
        {
            var token = new SoftHsmToken($"node-{node}");
            using (var connection = TokenConnection.Open(token.Address, token.Pin, readWrite: true, CancellationToken.None))
            {
                for (byte i = 0; i < Objects; i++)
                {
                    Assert.Equal(Ckr.Ok, connection.Session.TryCreateObject(Secret(i), out _));
                }
            }
            _tokens.Add(new RemoteToken(token, _folder, node == 2 ? behind?.Invoke(token).Address.Library.Path : null));
            _addresses.Add(node == 2 && before is not null ? before(_tokens[^1]).Address : _tokens[^1].Address);
        }
        AssertAllOnline();
    }

    private void AssertAllOnline() => Assert.All(Look(), n => Assert.Equal((HealthState.Online, "", Objects), (n.State, n.Reason, n.Objects)));

    private NodeHealth AssertOnlySecondUnreachable(IReadOnlyList<NodeHealth> nodes)
    {
        Assert.Equal([HealthState.Online, HealthState.Unreachable, HealthState.Online], nodes.Select(n => n.State));
        Assert.Equal([Objects, Objects], new[] { nodes[0].Objects, nodes[2].Objects });
        Assert.Equal("node-2 is Unreachable", nodes[0].ClusterReason);
        // That a node is named in time is what is promised of it.
        Assert.InRange(nodes[1].Elapsed, TimeSpan.Zero, _timeout + TimeSpan.FromSeconds(1));
        return nodes[1];
    }

    /// <summary>Looks, and does something once the second node was called.</summary>
    private IReadOnlyList<NodeHealth> LookUntilCalled(FunctionIndex function, Action then)
    {
        FunctionTable functions;
        using (Pkcs11Library library = Pkcs11Library.Open(_addresses[1].Library))
        {
            functions = library.Functions;
        }
        long before = functions.CallsOf(function);
        Task<IReadOnlyList<NodeHealth>> looking = Task.Run(Look);
        SpinWait.SpinUntil(() => functions.CallsOf(function) > before || looking.IsCompleted);
        then();
        return looking.GetAwaiter().GetResult();
    }

    private IReadOnlyList<NodeHealth> Look() => ClusterHealthOperation.Run(new ClusterHealthRequest
    {
        Cluster = new ClusterDefinition
        {
            Id = "cluster-0123456789abcdef",
            Name = "payments",
            Nodes = [.. _addresses.Select((a, i) => new ClusterNode { Name = $"node-{i + 1}", Address = a, Timeout = _timeout })],
        },
        OpenPin = node => _tokens[node.Name[^1] - '1'].Pin.Clone(),
    }, CancellationToken.None);

    private static AttributeMap Secret(byte id) => new AttributeMap().Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.Aes)
        .Set(Cka.Token, true).Set(Cka.Private, true).Set(Cka.Label, "aes").Set(Cka.Id, [id]).Set(Cka.Value, Key).Set(Cka.Encrypt, true)
        .Set(Cka.Sensitive, true).Set(Cka.Extractable, true);
}
