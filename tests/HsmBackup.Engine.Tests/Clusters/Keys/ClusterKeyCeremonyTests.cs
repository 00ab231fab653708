using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Clusters.Keys;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Pkcs11.Native;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Keys;

[Collection(NssToken.Collection)]
public sealed class ClusterKeyCeremonyTests : IDisposable
{
    private readonly TestCluster _cluster = new();

    public void Dispose() => _cluster.Dispose();

    [Fact]
    public void Every_node_gets_the_key_as_one_that_wraps_and_does_nothing_else_and_never_leaves()
    {
        CeremonyResult result = _cluster.HoldCeremony();

        Assert.Equal(3, result.RandomSources);
        Assert.All(result.Nodes, n => Assert.Equal((NodeState.Added, null), (n.State, n.Detail)));
        for (int node = 0; node < 3; node++)
        {
            using TokenConnection connection = _cluster.Open(node);
            ulong handle = TokenClusterKey.Find(connection, result.Key)!.Handle;
            AttributeMap key = connection.Session.GetAttributes(handle, Cka.Class, Cka.KeyType, Cka.Label, Cka.Id, Cka.ValueLen, Cka.Token, Cka.Private,
                Cka.Sensitive, Cka.Extractable, Cka.Modifiable, Cka.Wrap, Cka.Unwrap, Cka.Encrypt, Cka.Decrypt, Cka.Sign, Cka.Verify, Cka.Derive, Cka.Value);
            Assert.Equal((Cko.SecretKey, Ckk.Aes, 32UL), (key.Number(Cka.Class), key.Number(Cka.KeyType), key.Number(Cka.ValueLen)));
            Assert.Equal("HsmBackup cluster key", key.Text(Cka.Label));
            Assert.Equal(result.Key.Check, Convert.ToHexStringLower(key.Bytes(Cka.Id)!));
            Assert.All((ulong[])[Cka.Token, Cka.Private, Cka.Sensitive, Cka.Wrap, Cka.Unwrap], a => Assert.True(key.Boolean(a), Names.OfAttribute(a)));
            Assert.All((ulong[])[Cka.Extractable, Cka.Modifiable, Cka.Encrypt, Cka.Decrypt, Cka.Sign, Cka.Verify, Cka.Derive],
                a => Assert.False(key.Boolean(a), Names.OfAttribute(a)));
            Assert.False(key.Contains(Cka.Value));
        }
    }

    [Fact]
    public void One_token_under_two_names_is_refused_and_does_not_wait_for_itself()
    {
        string serial;
        using (TokenConnection connection = _cluster.Open(0))
        {
            serial = connection.Token.SerialNumber;
        }
        NodeAccess bySerial = _cluster.Node(0) with { Name = "again", Address = _cluster.Node(0).Address with { TokenLabel = null, TokenSerial = serial } };

        HsmBackupException refusal = Assert.ThrowsAny<HsmBackupException>(() => _cluster.HoldCeremony(r => r with { Nodes = [_cluster.Node(0), bySerial] }));

        Assert.Contains("the same token as node 'node-1'", (refusal.InnerException ?? refusal).Message + refusal.Message, StringComparison.Ordinal);
        using TokenConnection after = _cluster.Open(0);
        Assert.Empty(TokenClusterKey.Labelled(after));
    }

    [Fact]
    public void What_one_node_wraps_under_the_cluster_key_another_one_unwraps()
    {
        _cluster.HoldCeremony(r => r with { MakeIdentity = false });
        using TokenConnection first = _cluster.Open(0);
        using TokenConnection third = _cluster.Open(2);
        using var kek = KeyEncryptionKey.Generate(first, TokenClusterKey.Require(first, _cluster.Ceremony.Key));
        using var arrived = KeyEncryptionKey.Unwrap(third, TokenClusterKey.Require(third, _cluster.Ceremony.Key), kek.Wrapped!, [.. kek.Iv]);
        ulong key = new TokenContent(first.Session).Aes("travels", 32);

        Assert.Equal(Ckr.Ok, kek.TryWrap(kek.Capabilities.SecretKeys!, key, out ReadOnlySpan<byte> wrapped));
        byte[] blob = wrapped.ToArray();
        AttributeMap template = new AttributeMap().Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.Aes).Set(Cka.Token, false).Set(Cka.Extractable, true);
        Assert.Equal(Ckr.Ok, third.Session.TryUnwrapKey(arrived.MechanismFor(WrapForm.Rfc5649, Cko.SecretKey)!, arrived.Handle, blob, template, out ulong there));
        Assert.Equal(Ckr.Ok, arrived.TryWrap(arrived.Capabilities.SecretKeys!, there, out ReadOnlySpan<byte> again));
        Assert.Equal(blob, again.ToArray());
    }

    [Fact]
    public void The_KEK_of_a_backup_does_not_leave_its_token_a_second_time()
    {
        _cluster.HoldCeremony(r => r with { MakeIdentity = false });
        using TokenConnection connection = _cluster.Open();
        TokenClusterKey clusterKey = TokenClusterKey.Require(connection, _cluster.Ceremony.Key);
        using var kek = KeyEncryptionKey.Generate(connection, clusterKey);

        Assert.Equal(Ckr.KeyUnextractable, connection.Session.TryWrapKey(new Mechanism(Ckm.AesKeyWrapPad), clusterKey.Handle, kek.Handle, out _));
        Assert.False(connection.Session.GetAttributes(kek.Handle, Cka.Value).Contains(Cka.Value));
    }

    [Fact]
    public void The_check_values_are_those_of_the_published_derivation()
    {
        byte[] key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
        var identity = ClusterKeyIdentity.Of(key);

        Assert.Equal(Convert.ToHexStringLower(HKDF.DeriveKey(HashAlgorithmName.SHA256, key, 16, [], "hsm-backup/1 cluster-check"u8.ToArray())), identity.Check);
        byte[] constant = SHA256.HashData("hsm-backup/1 cluster-key check"u8);
        var wrapped = new byte[40];
        KeyWrap.Wrap3394(key, constant, wrapped);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(wrapped)[..16]), identity.WrapChecks[WrapForm.Rfc3394]);
        using Aes aes = Aes.Create();
        aes.Key = key;
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(aes.EncryptCbc(constant, new byte[16]))[..16]), identity.WrapChecks[WrapForm.CbcPad]);
        Assert.Equal(4, identity.WrapChecks.Count);
    }

    [Fact]
    public void Without_an_identity_there_is_no_certificate() =>
        Assert.Null(_cluster.HoldCeremony(r => r with { MakeIdentity = false }).IdentityCertificate);

    [Fact]
    public void Two_ceremonies_make_two_keys()
    {
        string first = _cluster.HoldCeremony(r => r with { MakeIdentity = false }).Key.Check;
        Assert.NotEqual(first, _cluster.HoldCeremony(r => r with { MakeIdentity = false, ReplaceExisting = true }).Key.Check);
    }

    [Fact]
    public void The_identity_key_is_on_every_node_and_its_certificate_proves_itself()
    {
        CeremonyResult result = _cluster.HoldCeremony();

        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(result.IdentityCertificate!.Value.Span);
        using var chain = new X509Chain { ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck } };
        chain.ChainPolicy.CustomTrustStore.Add(certificate);
        Assert.True(chain.Build(certificate), string.Join(", ", chain.ChainStatus.Select(s => s.StatusInformation)));
        Assert.Equal("CN=payments, OU=HsmBackup identity", string.Join(", ", certificate.SubjectName.EnumerateRelativeDistinguishedNames()
            .Select(n => $"{n.GetSingleElementType().FriendlyName}={n.GetSingleElementValue()}").OrderBy(n => n, StringComparer.Ordinal)));
        using ECDsa key = certificate.GetECDsaPublicKey()!;
        for (int node = 0; node < 3; node++)
        {
            using TokenConnection connection = _cluster.Open(node);
            byte[] hash = RandomNumberGenerator.GetBytes(32);
            byte[] signature = IdentityKey.Require(connection, result.IdentityCertificate.Value).Sign(hash);
            Assert.True(key.VerifyHash(hash, signature, DSASignatureFormat.Rfc3279DerSequence));
        }
    }

    [Fact]
    public void A_node_that_cannot_be_opened_leaves_all_nodes_as_they_were()
    {
        using var wrong = Pin.FromChars("no such pin");
        NodeAccess[] nodes = [_cluster.Node(0), _cluster.Node(1), _cluster.Node(2) with { Pin = wrong }];

        HsmBackupException error = Assert.Throws<HsmBackupException>(() => _cluster.HoldCeremony(r => r with { Nodes = nodes }));

        Assert.Equal(ErrorCode.CeremonyFailed, error.Code);
        Assert.Equal([NodeState.NotTouched, NodeState.NotTouched, NodeState.Failed], Outcomes(error).Select(o => o.State));
        Assert.Contains("node-3: Failed (The PIN for token 'node-3' is wrong", error.Message, StringComparison.Ordinal);
        AssertEmpty();
    }

    [Fact]
    public void A_node_that_does_not_take_the_key_leaves_all_nodes_as_they_were()
    {
        using (var faults = new NativeFaults(_cluster.Tokens[1].Address.Library))
        {
            faults.Before = call => call.Function is FunctionIndex.C_CreateObject or FunctionIndex.C_UnwrapKey && call.MakesTokenObject ? Ckr.DeviceMemory : null;
            HsmBackupException error = Assert.Throws<HsmBackupException>(() => _cluster.HoldCeremony());

            Assert.Equal(ErrorCode.CeremonyFailed, error.Code);
            Assert.Equal([NodeState.Undone, NodeState.Failed, NodeState.NotTouched], Outcomes(error).Select(o => o.State));
            Assert.Contains("CKR_DEVICE_MEMORY", error.Message, StringComparison.Ordinal);
        }
        AssertEmpty();
    }

    [Fact]
    public void A_node_that_keeps_what_should_go_again_is_named()
    {
        using (var faults = new NativeFaults(_cluster.Tokens[0].Address.Library))
        {
            bool refuses = false;
            faults.Before = call => refuses && call.Function == FunctionIndex.C_DestroyObject ? Ckr.GeneralError : null;
            HsmBackupException error = Assert.Throws<HsmBackupException>(() => _cluster.HoldCeremony(r => r with { MakeIdentity = false }, _ =>
            {
                refuses = true;
                throw new InvalidOperationException("no more paper");
            }));
            Assert.Equal(ErrorCode.CeremonyFailed, error.Code);
            Assert.Equal([NodeState.Left, NodeState.Undone, NodeState.Undone], Outcomes(error).Select(o => o.State));
        }
        // And the next ceremony finds it, and puts it right when told to.
        Assert.Equal(ErrorCode.ClusterKeyExists, Assert.Throws<HsmBackupException>(() => _cluster.HoldCeremony()).Code);
        _cluster.HoldCeremony(r => r with { ReplaceExisting = true });
        using TokenConnection connection = _cluster.Open();
        Assert.Equal([_cluster.Ceremony.Key.Check], TokenClusterKey.Labelled(connection));
    }

    [Fact]
    public void A_custodian_who_gives_up_leaves_all_nodes_as_they_were()
    {
        Assert.Throws<OperationCanceledException>(() => _cluster.HoldCeremony(null, _ => throw new OperationCanceledException()));
        AssertEmpty();
    }

    [Fact]
    public void A_definition_that_cannot_be_written_leaves_all_nodes_as_they_were()
    {
        Assert.Throws<IOException>(() => ClusterKeyCeremony.Run(_cluster.Request(), _ => { }, _ => throw new IOException("disk"), null, CancellationToken.None));
        AssertEmpty();
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(1, 5)]
    [InlineData(6, 5)]
    [InlineData(2, 17)]
    public void Numbers_of_shares_that_make_no_sense_are_refused_before_any_node_is_opened(int threshold, int count)
    {
        using var faults = new NativeFaults(_cluster.Tokens[0].Address.Library);
        Assert.Equal(ErrorCode.InvalidArgument, Assert.Throws<HsmBackupException>(() =>
            _cluster.HoldCeremony(r => r with { Threshold = threshold, ShareCount = count })).Code);
        Assert.Equal(0, faults.CallsOf(FunctionIndex.C_Login));
    }

    [Fact]
    public void The_same_token_twice_is_refused() => Assert.Equal(ErrorCode.InvalidArgument, Assert.Throws<HsmBackupException>(() =>
        _cluster.HoldCeremony(r => r with { Nodes = [_cluster.Node(0), _cluster.Node(0) with { Name = "again" }] })).Code);

    [Fact]
    public void A_key_that_only_looks_like_the_cluster_key_is_not_taken_for_it()
    {
        _cluster.HoldCeremony(r => r with { Nodes = [_cluster.Node(0)] });
        using TokenConnection connection = _cluster.Open(1);
        new TokenContent(connection.Session).Known(ClusterKeyIdentity.Label, Ckk.Aes, RandomNumberGenerator.GetBytes(32), m => m
            .Set(Cka.Id, Convert.FromHexString(_cluster.Ceremony.Key.Check)).Set(Cka.Extractable, false).Set(Cka.Wrap, true).Set(Cka.Unwrap, true));

        Assert.Null(TokenClusterKey.Find(connection, _cluster.Ceremony.Key));
        HsmBackupException error = Assert.Throws<HsmBackupException>(() => TokenClusterKey.Require(connection, _cluster.Ceremony.Key));
        Assert.Equal(ErrorCode.ClusterKeyMismatch, error.Code);
        Assert.Contains("wraps the published constant to other bytes", error.Message, StringComparison.Ordinal);
        Assert.Single(connection.FindContent());
    }

    [Fact]
    public void A_token_that_takes_no_key_by_value_gets_the_cluster_key_by_RSA_OAEP()
    {
        using var faults = new NativeFaults(_cluster.Tokens[0].Address.Library);
        faults.Before = call => call.Function == FunctionIndex.C_CreateObject && call.ObjectClass == Cko.SecretKey ? Ckr.TemplateInconsistent : null;
        _cluster.HoldCeremony();

        using TokenConnection connection = _cluster.Open();
        Assert.Equal(KekImport.RsaOaep, connection.Capabilities.KekImport);
        TokenClusterKey key = TokenClusterKey.Require(connection, _cluster.Ceremony.Key);
        AttributeMap attributes = connection.Session.GetAttributes(key.Handle, Cka.Sensitive, Cka.Extractable);
        Assert.Equal((true, false), (attributes.Boolean(Cka.Sensitive), attributes.Boolean(Cka.Extractable)));
        // The pair that it came under is gone.
        Assert.Empty(connection.Session.FindObjects(new AttributeMap().Set(Cka.KeyType, Ckk.Rsa)));
    }

    [NssFact]
    public void Tokens_of_two_makers_hold_one_cluster_key_and_one_identity()
    {
        using var cluster = new TestCluster(new SoftHsmToken("soft"), new NssToken("nss"));
        CeremonyResult result = cluster.HoldCeremony();

        Assert.All(result.Nodes, n => Assert.Equal((NodeState.Added, null), (n.State, n.Detail)));
        for (int node = 0; node < 2; node++)
        {
            using TokenConnection connection = cluster.Open(node);
            Assert.NotNull(TokenClusterKey.Find(connection, result.Key));
            Assert.NotNull(IdentityKey.Find(connection, result.IdentityCertificate!.Value));
        }
    }

    private static IReadOnlyList<NodeOutcome> Outcomes(HsmBackupException error) => Assert.IsAssignableFrom<IReadOnlyList<NodeOutcome>>(error.Result);

    private void AssertEmpty()
    {
        for (int node = 0; node < 3; node++)
        {
            using TokenConnection connection = _cluster.Open(node);
            Assert.Empty(connection.Session.FindTokenObjects());
        }
    }
}
