using System.Security.Cryptography;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Health;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Health;

/// <summary>Three real tokens that hold the same objects, and what becomes of that.</summary>
public sealed class ClusterHealthTests : IDisposable
{
    private static readonly byte[] Key = RandomNumberGenerator.GetBytes(32);

    private readonly string _folder = Directory.CreateTempSubdirectory("hsmbackup-test-").FullName;
    private readonly SoftHsmToken[] _tokens = [.. Enumerable.Range(1, 3).Select(i => new SoftHsmToken($"node-{i}"))];
    private readonly TokenAddress[] _addresses;
    private TimeSpan _timeout = TimeSpan.FromSeconds(20);

    public ClusterHealthTests()
    {
        _addresses = [.. _tokens.Select(t => t.Address)];
        for (int i = 0; i < _tokens.Length; i++)
        {
            Write(i, session =>
            {
                Make(session, Secret("aes"));
                Make(session, Data("note", "the same everywhere"));
            });
        }
    }

    public void Dispose()
    {
        Array.ForEach(_tokens, t => t.Dispose());
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Nodes_that_hold_the_same_are_online()
    {
        IReadOnlyList<NodeHealth> nodes = Look();

        Assert.Equal(["node-1", "node-2", "node-3"], nodes.Select(n => n.Node));
        Assert.All(nodes, n =>
        {
            Assert.Equal((HealthState.Online, "", HealthState.Online, 2), (n.State, n.Reason, n.ClusterState, n.Objects));
            Assert.True(n.LoggedIn);
            Assert.NotNull(n.Latency);
            Assert.Equal(n.Node, n.TokenLabel);
        });
    }

    [Fact]
    public void What_one_node_lacks_has_beyond_or_has_otherwise_is_told_against_the_majority()
    {
        Write(0, s => s.TryDestroyObject(Find(s, "note")));
        Write(1, s => Make(s, Data("extra", "of one node")));
        Write(2, s => s.TrySetAttributes(Find(s, "aes"), new AttributeMap().Set(Cka.Encrypt, false)));

        IReadOnlyList<NodeHealth> nodes = Look();

        Assert.All(nodes, n => Assert.Equal((HealthState.OutOfSync, HealthState.OutOfSync), (n.State, n.ClusterState)));
        Assert.Equal("Missing: CKO_DATA 'note'", Assert.Single(nodes[0].Drift).ToString());
        Assert.Equal("Extra: CKO_DATA 'extra'", Assert.Single(nodes[1].Drift).ToString());
        Assert.Equal("Different: CKO_SECRET_KEY CKK_AES 'aes' (id 61): CKA_ENCRYPT: expected true, found nothing", Assert.Single(nodes[2].Drift).ToString());
        Assert.Contains("1 missing: CKO_DATA 'note'", nodes[0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Looking_changes_no_token_and_calls_nothing_that_could()
    {
        string[] before = [.. _tokens.Select(Storage)];
        Look();
        Look(noLogin: true);
        Assert.Equal(before, _tokens.Select(Storage));
    }

    [Fact]
    public void Without_a_login_only_public_objects_are_seen_and_compared()
    {
        Write(0, s => s.TryDestroyObject(Find(s, "note")));
        Write(1, s => Make(s, Data("public", "for all").Set(Cka.Private, false)));

        IReadOnlyList<NodeHealth> nodes = Look(noLogin: true);

        Assert.All(nodes, n => Assert.False(n.LoggedIn));
        Assert.Equal([0, 1, 0], nodes.Select(n => n.Objects));
        Assert.Equal([0, 1, 0], nodes.Select(n => n.Extra));
    }

    [Fact]
    public void A_wrong_PIN_is_sent_once_and_never_again_while_the_token_remembers_it()
    {
        NodeHealth first = Look(pinOf: n => n.Name == "node-2" ? Pin.FromChars("000000") : PinOf(n))[1];
        Assert.Equal((HealthState.PinProblem, ErrorCode.PinIncorrect, HealthState.Degraded), (first.State, first.Error, first.ClusterState));

        long logins = Logins();
        NodeHealth second = Look(pinOf: n => n.Name == "node-2" ? Pin.FromChars("000000") : PinOf(n))[1];
        Assert.Equal((HealthState.PinProblem, true), (second.State, second.PinCountLow));
        Assert.Contains("No PIN was sent", second.Reason, StringComparison.Ordinal);
        Assert.Equal(logins, Logins());

        long Logins()
        {
            using Pkcs11Library library = Pkcs11Library.Open(_addresses[1].Library);
            return library.Functions.CallsOf(FunctionIndex.C_Login);
        }
    }

    [Fact]
    public void A_token_whose_storage_is_gone_is_unreachable_and_the_others_keep_their_answers()
    {
        foreach (string token in Directory.EnumerateDirectories(TokensOf(_tokens[2])))
        {
            Directory.Delete(token, recursive: true);
        }

        IReadOnlyList<NodeHealth> nodes = Look();

        Assert.Equal([HealthState.Online, HealthState.Online, HealthState.Unreachable], nodes.Select(n => n.State));
        Assert.Contains("No token with label 'node-3'", nodes[2].Reason, StringComparison.Ordinal);
        Assert.Equal(HealthState.Degraded, nodes[0].ClusterState);
        Assert.Equal("node-3 is Unreachable", nodes[0].ClusterReason);
        _tokens[2].Replace();
        Assert.Equal((HealthState.OutOfSync, 2), (Look()[2].State, Look()[2].Missing));
    }

    [FaultyLibraryTheory]
    [InlineData("C_Initialize", Ckr.DeviceError)]
    [InlineData("C_GetSlotList", Ckr.GeneralError)]
    [InlineData("C_GetTokenInfo", Ckr.DeviceRemoved)]
    [InlineData("C_OpenSession", Ckr.DeviceError)]
    [InlineData("C_FindObjectsInit", Ckr.DeviceRemoved)]
    [InlineData("C_FindObjects", Ckr.GeneralError)]
    [InlineData("C_GetAttributeValue", Ckr.DeviceRemoved)]
    [InlineData("C_Login", Ckr.DeviceError)]
    public void A_device_that_fails_is_unreachable_until_it_heals(string function, ulong returnValue)
    {
        FaultyLibrary faulty = PutFaultyLibraryBefore(1);
        Assert.All(Look(), n => Assert.Equal(HealthState.Online, n.State));

        faulty.Refuse(function, returnValue);
        IReadOnlyList<NodeHealth> nodes = Look();
        Assert.Equal([HealthState.Online, HealthState.Unreachable, HealthState.Online], nodes.Select(n => n.State));
        if (function != "C_GetTokenInfo")
        {
            Assert.Contains(Names.OfReturnValue(returnValue), nodes[1].Reason, StringComparison.Ordinal);
        }

        faulty.Heal();
        Assert.All(Look(), n => Assert.Equal(HealthState.Online, n.State));
    }

    [FaultyLibraryTheory]
    [InlineData("C_GetSlotList")]
    [InlineData("C_GetTokenInfo")]
    [InlineData("C_OpenSession")]
    [InlineData("C_Login")]
    [InlineData("C_FindObjectsInit")]
    [InlineData("C_FindObjects")]
    [InlineData("C_GetAttributeValue")]
    public void A_device_that_answers_nonsense_is_never_online(string function)
    {
        FaultyLibrary faulty = PutFaultyLibraryBefore(1);
        faulty.Garble(function);

        IReadOnlyList<NodeHealth> nodes = Look();

        Assert.NotEqual(HealthState.Online, nodes[1].State);
        Assert.NotEqual("", nodes[1].Reason);
        Assert.Equal([HealthState.Online, HealthState.Online], new[] { nodes[0].State, nodes[2].State });
        faulty.Heal();
        Assert.All(Look(), n => Assert.Equal(HealthState.Online, n.State));
    }

    [FaultyLibraryTheory]
    [InlineData("C_Initialize")]
    [InlineData("C_GetTokenInfo")]
    [InlineData("C_Login")]
    [InlineData("C_GetAttributeValue")]
    public void A_library_that_blocks_for_ever_is_reported_and_holds_nobody_up(string function)
    {
        FaultyLibrary faulty = PutFaultyLibraryBefore(1);
        faulty.Block(function);
        _timeout = TimeSpan.FromSeconds(2);

        // Asked twice: the thread that is left behind must not answer for the next question, nor hold it up.
        for (int i = 0; i < 2; i++)
        {
            IReadOnlyList<NodeHealth> nodes = Look();
            Assert.Equal([HealthState.Online, HealthState.Unreachable, HealthState.Online], nodes.Select(n => n.State));
            Assert.Equal("it did not answer within 2 s", nodes[1].Reason);
        }

        faulty.Heal();
        _timeout = TimeSpan.FromSeconds(20);
        Assert.All(Look(), n => Assert.Equal(HealthState.Online, n.State));
    }

    private FaultyLibrary PutFaultyLibraryBefore(int node)
    {
        var faulty = new FaultyLibrary(_tokens[node], _folder);
        _addresses[node] = faulty.Address;
        return faulty;
    }

    private IReadOnlyList<NodeHealth> Look(bool noLogin = false, Func<ClusterNode, Pin>? pinOf = null) => ClusterHealthOperation.Run(new ClusterHealthRequest
    {
        Cluster = new ClusterDefinition
        {
            Id = "cluster-0123456789abcdef",
            Name = "payments",
            Nodes = [.. _addresses.Select((a, i) => new ClusterNode { Name = $"node-{i + 1}", Address = a, Timeout = _timeout })],
        },
        OpenPin = noLogin ? null : pinOf ?? PinOf,
    }, CancellationToken.None);

    private Pin PinOf(ClusterNode node) => _tokens[node.Name[^1] - '1'].Pin.Clone();

    private void Write(int node, Action<Pkcs11Session> change)
    {
        using var connection = TokenConnection.Open(_tokens[node].Address, _tokens[node].Pin, readWrite: true, CancellationToken.None);
        change(connection.Session);
    }

    private static void Make(Pkcs11Session session, AttributeMap template) => Assert.Equal(Ckr.Ok, session.TryCreateObject(template, out _));

    private static ulong Find(Pkcs11Session session, string label) =>
        Assert.Single(session.FindObjects(new AttributeMap().Set(Cka.Token, true).Set(Cka.Label, label)));

    private static AttributeMap Secret(string label) => new AttributeMap().Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.Aes)
        .Set(Cka.Token, true).Set(Cka.Private, true).Set(Cka.Label, label).Set(Cka.Id, "a"u8).Set(Cka.Value, Key).Set(Cka.Encrypt, true)
        .Set(Cka.Sensitive, true).Set(Cka.Extractable, true);

    private static AttributeMap Data(string label, string value) => new AttributeMap().Set(Cka.Class, Cko.Data).Set(Cka.Token, true)
        .Set(Cka.Private, true).Set(Cka.Label, label).Set(Cka.Value, System.Text.Encoding.UTF8.GetBytes(value));

    private static string TokensOf(SoftHsmToken token) => Path.Combine(Path.GetDirectoryName(token.Address.Library.Path)!, "tokens");

    /// <summary>Every object's file with its bytes; SoftHSM itself writes into the file of the token at each login.</summary>
    private static string Storage(SoftHsmToken token) => string.Join('\n', Directory.EnumerateFiles(TokensOf(token), "*", SearchOption.AllDirectories)
        .Where(f => Path.GetFileName(f) != "token.object").Order(StringComparer.Ordinal).Select(f => $"{f} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f)))}"));
}
