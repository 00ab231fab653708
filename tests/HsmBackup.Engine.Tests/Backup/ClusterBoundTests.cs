using System.Security.Cryptography;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>Backups whose keys only a token with the cluster key can take.</summary>
[Collection(NssToken.Collection)]
public sealed class ClusterBoundTests : IDisposable
{
    private readonly TestCluster _cluster = new(2);

    public ClusterBoundTests() => _cluster.HoldCeremony();

    public void Dispose() => _cluster.Dispose();

    [Fact]
    public void A_lost_token_comes_back_whole_in_a_new_one_that_joined_the_cluster()
    {
        Fill(FillWrappable);
        BackupResult backup = _cluster.BackUp();
        Assert.True(backup.Complete, backup.Verdicts.ToString());
        BackupHeader header = BackupFile.ReadHeader(backup.Path).Header;
        Assert.Equal((BackupMode.ClusterBound, _cluster.Ceremony.Key.Check, "cluster-0123456789abcdef", "payments"),
            (header.Mode, header.ClusterKeyCheck, header.ClusterId, header.ClusterName));
        List<string> before = Witnessed();

        _cluster.Tokens[0].Replace();
        _cluster.Join(0);
        RestoreResult result = _cluster.Restore(backup, 0);

        Assert.True(result.Exact);
        Assert.Equal(backup.Objects, result.Proven);
        Assert.Equal(before, Witnessed());
    }

    [Fact]
    public void Any_other_node_of_the_cluster_takes_it_too()
    {
        Fill(FillWrappable);
        BackupResult backup = _cluster.BackUp();
        Assert.True(_cluster.Restore(backup, 1).Exact);
    }

    [Fact]
    public void The_cluster_key_is_in_no_backup_and_no_comparison_sees_it()
    {
        Fill(c => c.Aes("key", 32));
        BackupResult backup = _cluster.BackUp();

        // The key, and the identity's two halves.
        Assert.Equal(["HsmBackup identity", "HsmBackup identity", "key"], backup.Verdicts.Select(v => v.Label).Order(StringComparer.Ordinal));
        CompareResult compared = CompareOperation.Run(new CompareRequest
        {
            ReferencePath = backup.Path,
            ReferenceKey = backup.Key!,
            Token = _cluster.Tokens[0].Address,
            Pin = _cluster.Tokens[0].Pin,
        }, null, CancellationToken.None);
        Assert.True(compared.Equal);
        Assert.Equal(3, compared.Objects.Count);
    }

    [Theory]
    [InlineData(BackupMode.ClusterBound)]
    [InlineData(BackupMode.OneTimeKey)]
    public void No_restore_removes_the_cluster_key(BackupMode mode)
    {
        Fill(c => c.Aes("key", 32));
        BackupResult backup = _cluster.BackUp(0, r => r with { Mode = mode });
        Fill(c => c.Aes("extra", 32));

        RestoreResult result = _cluster.Restore(backup, 0);

        Assert.True(result.Exact);
        Assert.Single(result.Objects, o => o.Action == PlanAction.Remove);
        using TokenConnection connection = _cluster.Open();
        TokenClusterKey.Require(connection, _cluster.Ceremony.Key);
    }

    [Fact]
    public void A_restore_of_a_backup_from_before_the_cluster_key_does_not_remove_it_either()
    {
        using var lone = new BackupFixture();
        lone.Fill(c => c.Aes("key", 32));
        BackupResult backup = lone.BackUp();

        // The backup knows nothing of the cluster; the definition does.
        RestoreResult result = _cluster.Restore(backup, 0, r => r with { Cluster = _cluster.Cluster });

        Assert.True(result.Exact);
        using TokenConnection connection = _cluster.Open();
        TokenClusterKey.Require(connection, _cluster.Ceremony.Key);
    }

    [Fact]
    public void Without_the_definition_such_a_restore_refuses_to_destroy_it()
    {
        using var lone = new BackupFixture();
        lone.Fill(c => c.Aes("key", 32));
        BackupResult backup = lone.BackUp();

        Assert.Equal(ErrorCode.WouldDestroyUnrecoverable, Assert.Throws<HsmBackupException>(() => _cluster.Restore(backup, 0)).Code);
    }

    [Fact]
    public void A_token_outside_of_the_cluster_recovers_nothing()
    {
        Fill(c => c.Aes("key", 32));
        BackupResult backup = _cluster.BackUp();

        _cluster.Tokens[1].Replace();
        HsmBackupException missing = Assert.Throws<HsmBackupException>(() => _cluster.Restore(backup, 1));
        Assert.Equal(ErrorCode.ClusterKeyMissing, missing.Code);

        using var other = new TestCluster(1);
        other.HoldCeremony();
        HsmBackupException mismatch = Assert.Throws<HsmBackupException>(() => RestoreOperation.Prepare(new RestoreRequest
        {
            Path = backup.Path,
            Key = backup.Key!,
            Token = other.Tokens[0].Address,
            Pin = other.Tokens[0].Pin,
            AllowOtherToken = true,
        }, null, CancellationToken.None));
        Assert.Equal(ErrorCode.ClusterKeyMismatch, mismatch.Code);
        Assert.Contains(other.Ceremony.Key.Check, mismatch.Message, StringComparison.Ordinal);
        using TokenConnection connection = _cluster.Open(1);
        Assert.Empty(connection.Session.FindTokenObjects());
    }

    [Fact]
    public void Not_even_with_an_impostor_in_the_place_of_the_cluster_key()
    {
        Fill(c => c.Aes("key", 32));
        BackupResult backup = _cluster.BackUp();
        _cluster.Tokens[1].Replace();
        using (TokenConnection connection = _cluster.Open(1))
        {
            new TokenContent(connection.Session).Known(ClusterKeyIdentity.Label, Ckk.Aes, RandomNumberGenerator.GetBytes(32), m => m
                .Set(Cka.Id, Convert.FromHexString(_cluster.Ceremony.Key.Check)).Set(Cka.Extractable, false).Set(Cka.Wrap, true).Set(Cka.Unwrap, true));
        }
        Assert.Equal(ErrorCode.ClusterKeyMismatch, Assert.Throws<HsmBackupException>(() => _cluster.Restore(backup, 1)).Code);
    }

    [Fact]
    public void A_key_that_could_only_be_read_is_left_out_and_told()
    {
        Fill(c => c.Ed25519Readable("readable"));

        HsmBackupException error = Assert.Throws<HsmBackupException>(() => _cluster.BackUp());
        Assert.Equal(ErrorCode.BackupIncomplete, error.Code);
        BackupResult partial = _cluster.BackUp(0, r => r with { AllowPartial = true });
        ObjectSummary left = Assert.Single(partial.Verdicts, v => v.Verdict != Verdict.Captured);
        Assert.Equal((Verdict.NotWrappable, "readable"), (left.Verdict, left.Label));
        Assert.Contains("takes no key by its value", left.Reason, StringComparison.Ordinal);
        // In the other mode it is taken.
        Assert.True(_cluster.BackUp(0, r => r with { Mode = BackupMode.OneTimeKey }).Complete);
    }

    [Fact]
    public void The_keys_that_the_one_time_key_gives_open_none_of_the_clusters()
    {
        Fill(FillWrappable);
        BackupResult backup = _cluster.BackUp();
        using OpenedBackup opened = OpenedBackup.Open(backup.Path, backup.Key!, CancellationToken.None);
        using var oneTime = SecretBuffer.CopyOf(backup.Key!.Bytes);
        using var zeros = new SecretBuffer(32);
        BackupManifest manifest = opened.Manifest;
        var kek = new ObjectRecord
        {
            Attributes = new AttributeMap().Set(Cka.Class, Cko.SecretKey),
            Material = new KeyMaterial { Form = manifest.Kek!.Form, Data = manifest.Kek.Data },
        };
        List<ObjectRecord> locked = [kek, .. opened.Records(CancellationToken.None).Where(r => r.HasSecret)];
        Assert.Equal(9, locked.Count);
        foreach (SecretBuffer candidate in (SecretBuffer[])[opened.Keys.Kek, opened.Keys.Cms, opened.Keys.Seal, oneTime, zeros])
        {
            Assert.All(locked, r => Assert.Null(HostUnwrap.Open(r, candidate, manifest.Iv, manifest.TransportKeys, manifest.TransportForm)));
        }
    }

    [Fact]
    public void Nothing_in_the_opened_file_tells_of_a_key()
    {
        byte[] value = [.. "secret"u8];
        Fill(c =>
        {
            c.Known("short", Ckk.GenericSecret, value, m => m.Set(Cka.Sensitive, false));
            c.Generic("odd", 20);
        });
        BackupResult backup = _cluster.BackUp();
        using OpenedBackup opened = OpenedBackup.Open(backup.Path, backup.Key!, CancellationToken.None);
        Assert.Null(opened.Host);
        foreach (ObjectRecord record in opened.Records(CancellationToken.None).Where(r => r.HasSecret))
        {
            Assert.NotEqual(WrapForm.Value, record.Material!.Form);
            Assert.Null(record.Material.Digest);
            Assert.False(record.Attributes.Contains(Cka.Value));
            Assert.False(record.ObjectClass == Cko.SecretKey && record.Attributes.Contains(Cka.CheckValue));
        }
    }

    [Fact]
    public void Its_safety_backups_are_bound_too_and_bring_everything_back()
    {
        Fill(c => c.Aes("old", 32));
        BackupResult backup = _cluster.BackUp();
        Fill(c => c.Generic("newer", 20));
        List<string> before = Witnessed();

        RestoreResult result = _cluster.Restore(backup, 0);

        string safety = Assert.Single(result.SafetyBackups);
        BackupHeader header = BackupFile.ReadHeader(safety).Header;
        Assert.Equal((BackupMode.ClusterBound, _cluster.Ceremony.Key.Check), (header.Mode, header.ClusterKeyCheck));
        Assert.NotEqual(before, Witnessed());
        Assert.True(_cluster.Restore(backup, 0, r => r with { Path = safety }).Exact);
        Assert.Equal(before, Witnessed());
    }

    [Theory]
    [InlineData(TestLevel.Integrity)]
    [InlineData(TestLevel.Content)]
    [InlineData(TestLevel.Live)]
    [InlineData(TestLevel.Restore)]
    public void It_is_tested_at_every_level(TestLevel level)
    {
        Fill(FillWrappable);
        BackupResult backup = _cluster.BackUp();
        _cluster.Tokens[1].Replace();
        _cluster.Join(1);

        TestResult result = Test(backup, level, r => r with { ScratchToken = _cluster.Tokens[1].Address, ScratchPin = _cluster.Tokens[1].Pin });

        Assert.True(result.Passed, string.Join("\n", result.Checks));
        using TokenConnection connection = _cluster.Open(1);
        Assert.Empty(TokenClusterKey.Find(connection, _cluster.Ceremony.Key) is null ? [0UL] : connection.FindContent());
    }

    [Fact]
    public void A_trial_restore_needs_a_token_with_the_cluster_key()
    {
        Fill(c => c.Aes("key", 32));
        BackupResult backup = _cluster.BackUp();
        HsmBackupException error = Assert.Throws<HsmBackupException>(() => Test(backup, TestLevel.Restore));
        Assert.Equal(ErrorCode.TestNotPossible, error.Code);
        Assert.Contains("cluster-bound", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_key_is_noticed_on_the_live_token()
    {
        Fill(c => c.Aes("key", 32));
        BackupResult backup = _cluster.BackUp();
        using (TokenConnection connection = _cluster.Open())
        {
            connection.Session.TryDestroyObject(connection.Session.FindObjects(new AttributeMap().Set(Cka.Label, "key"))[0]);
        }
        Fill(c => c.Aes("key", 32));

        TestResult result = Test(backup, TestLevel.Live);

        Assert.False(result.Passed);
        Assert.Equal("different", Assert.Single(result.Checks, c => c.Outcome == CheckOutcome.Failed).Actual);
    }

    [NssFact]
    public void A_token_of_another_maker_is_lost_and_comes_back_too()
    {
        using var cluster = new TestCluster(new NssToken("nss"));
        cluster.HoldCeremony();
        using (TokenConnection connection = cluster.Open())
        {
            var content = new TokenContent(connection.Session);
            content.Aes("aes", 32);
            content.Generic("generic-20", 20);
            content.Rsa("rsa-2048", 2048);
            content.Ec("p256", TokenContent.P256);
        }
        BackupResult backup = cluster.BackUp();
        Assert.True(backup.Complete, backup.Verdicts.ToString());

        cluster.Tokens[0].Replace();
        Assert.Equal(ErrorCode.ClusterKeyMissing, Assert.Throws<HsmBackupException>(() => cluster.Restore(backup, 0)).Code);
        cluster.Join(0);
        RestoreResult result = cluster.Restore(backup, 0);

        Assert.True(result.Exact, string.Join("\n", result.Objects.SelectMany(o => o.Differences)));
        Assert.Equal(backup.Objects, result.Proven);
    }

    [Fact]
    public void Without_a_cluster_key_no_backup_is_bound()
    {
        Assert.Equal(ErrorCode.ClusterKeyMissing, Assert.Throws<HsmBackupException>(() => _cluster.BackUp(0, r => r with { Cluster = null })).Code);
        _cluster.Tokens[0].Replace();
        Assert.Equal(ErrorCode.ClusterKeyMissing, Assert.Throws<HsmBackupException>(() => _cluster.BackUp()).Code);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_cluster.Folder));
    }

    private static void FillWrappable(TokenContent content)
    {
        content.Aes("aes", 32);
        content.Generic("generic-20", 20);
        content.Generic("generic-64", 64);
        content.Secret("des3", Ckk.Des3, Ckm.Des3KeyGen, null, Cka.Encrypt, Cka.Decrypt);
        content.Rsa("rsa-2048", 2048);
        content.Ec("p256", TokenContent.P256);
        content.Ec("p521", TokenContent.P521);
        content.Data("data", true);
        content.Certificate("certificate");
    }

    private void Fill(Action<TokenContent> fill)
    {
        using TokenConnection connection = _cluster.Open();
        fill(new TokenContent(connection.Session));
    }

    private TestResult Test(BackupResult backup, TestLevel level, Func<TestRequest, TestRequest>? change = null)
    {
        var request = new TestRequest
        {
            Path = backup.Path,
            Level = level,
            Key = backup.Key,
            Token = _cluster.Tokens[0].Address,
            Pin = _cluster.Tokens[0].Pin,
        };
        return TestOperation.Run(change?.Invoke(request) ?? request, null, CancellationToken.None);
    }

    private List<string> Witnessed() => Witness.OfToken(_cluster.Tokens[0]);
}
