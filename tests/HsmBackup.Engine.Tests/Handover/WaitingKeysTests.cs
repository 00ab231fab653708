using System.Security;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Handover;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Handover;

public sealed class WaitingKeysTests : IDisposable
{
    private static readonly DateTimeOffset Made = new(2026, 11, 22, 2, 0, 0, TimeSpan.Zero);

    private readonly TestFolder _folder = new();
    private readonly OneTimeKey _key = TestKey.Counting;
    private readonly BackupId _id = BackupId.New("payments", Made);
    private readonly SetClock _clock = new(Made.AddHours(3));
    private readonly TestCertificate _officer = TestCertificate.Of("P-256");

    public void Dispose()
    {
        _officer.Dispose();
        _key.Dispose();
        _folder.Dispose();
    }

    [OpenSslFact]
    public void A_key_waits_until_it_is_received_once_and_OpenSSL_opens_it_too()
    {
        WaitingKeys waiting = Waiting();
        waiting.Add(_key, _id, [_officer.Public], vault: null);
        WaitingKey one = Assert.Single(waiting.List());
        Assert.Equal((_id.ToString(), Made, TimeSpan.FromHours(3)), (one.BackupId, one.Since, one.Age));
        Assert.Contains(_officer.Public.SerialNumber, Assert.Single(one.SealedFor), StringComparison.Ordinal);
        (string certificate, string privateKey) = _officer.Export(_folder, "officer");
        (int exitCode, string output, string errors) = Programs.Run(
            "openssl", "cms", "-decrypt", "-inform", "DER", "-in", one.Path!, "-recip", certificate, "-inkey", privateKey);
        Assert.True(exitCode == 0, errors);
        Assert.Contains(TestKey.CountingText, output, StringComparison.Ordinal);

        KeyReceipt receipt = Receive(waiting);
        Assert.Equal((_id.ToString(), _clock.Now, Environment.UserName), (receipt.BackupId, receipt.Received, receipt.By));
        Assert.Empty(waiting.List());
        Assert.False(File.Exists(one.Path));
        HsmBackupException refusal = Refusal.Of(ErrorCode.KeyHandedOver, () => Receive(waiting));
        Assert.Contains(Environment.UserName, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("2026-11-22 05:00:00 UTC", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_ends_before_the_receipt_leaves_the_key_waiting()
    {
        WaitingKeys waiting = Waiting();
        waiting.Add(_key, _id, [_officer.Public], vault: null);
        Open(waiting).Dispose();
        Assert.Single(waiting.List());
        Receive(waiting);
    }

    [Fact]
    public void What_ends_after_the_receipt_hands_nothing_over_again_and_is_cleared_away()
    {
        WaitingKeys waiting = Waiting();
        waiting.Add(_key, _id, [_officer.Public], vault: null);
        string path = waiting.List()[0].Path!;
        byte[] content = File.ReadAllBytes(path);
        Receive(waiting);
        File.WriteAllBytes(path, content);
        Assert.Empty(waiting.List());
        Refusal.Of(ErrorCode.KeyHandedOver, () => Receive(waiting));
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void A_receipt_that_cannot_be_read_hands_nothing_over_and_takes_nothing_away()
    {
        WaitingKeys waiting = Waiting();
        waiting.Add(_key, _id, [_officer.Public], vault: null);
        string path = waiting.List()[0].Path!;
        File.WriteAllText(Path.Combine(waiting.Folder, $"{_id}.received.json"), "{");
        Refusal.Of(ErrorCode.KeyHandedOver, () => Receive(waiting));
        Assert.True(File.Exists(path));
    }

    [Fact]
    public void The_key_of_another_backup_is_not_handed_over()
    {
        WaitingKeys waiting = Waiting();
        BackupId other = BackupId.New("payments", Made);
        waiting.Add(_key, other, [_officer.Public], vault: null);
        File.Move(waiting.List()[0].Path!, Path.Combine(waiting.Folder, $"{_id}.p7m"));
        Refusal.Of(ErrorCode.KeyMismatch, () => Receive(waiting));
        Assert.Single(waiting.List());
    }

    [Fact]
    public void A_key_that_the_header_of_the_backup_does_not_know_is_not_handed_over()
    {
        WaitingKeys waiting = Waiting();
        waiting.Add(_key, _id, [_officer.Public], vault: null);
        using OfficerKeys keys = Keys();
        Refusal.Of(ErrorCode.KeyMismatch, () => waiting.Open(_id.ToString(), keys, new string('0', 32)));
        using BackupKeys derived = BackupKeys.Derive(_key, _id.ToString());
        using KeyReception reception = waiting.Open(_id.ToString(), keys, derived.Check);
        Assert.Equal(TestKey.CountingHex, TestKey.Hex(reception.Key));
    }

    [Theory]
    [InlineData("20261122T020000Z-other-00000000")]
    [InlineData("../keys")]
    [InlineData("")]
    public void A_backup_whose_key_does_not_wait_is_named_with_what_does(string id)
    {
        WaitingKeys waiting = Waiting();
        waiting.Add(_key, _id, [_officer.Public], vault: null);
        using OfficerKeys keys = Keys();
        HsmBackupException refusal = Refusal.Of(ErrorCode.KeyNotWaiting, () => waiting.Open(id, keys, null));
        Assert.Contains(_id.ToString(), refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_made_where_nothing_waits()
    {
        WaitingKeys waiting = Waiting();
        Assert.Empty(waiting.List());
        Refusal.Of(ErrorCode.KeyNotWaiting, () => Receive(waiting));
        Assert.False(Directory.Exists(waiting.Folder));
    }

    [Fact]
    public void Of_several_who_come_at_once_one_receives_the_key()
    {
        WaitingKeys waiting = Waiting();
        waiting.Add(_key, _id, [_officer.Public], vault: null);
        int received = 0;
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
        {
            try
            {
                Receive(waiting);
                Interlocked.Increment(ref received);
            }
            catch (HsmBackupException e) when (e.Code is ErrorCode.Busy or ErrorCode.KeyHandedOver)
            {
                return;
            }
        });
        Assert.Equal(1, received);
    }

    [Fact]
    public void Who_comes_while_another_is_at_it_is_told_so()
    {
        WaitingKeys waiting = Waiting();
        waiting.Add(_key, _id, [_officer.Public], vault: null);
        using KeyReception first = Open(waiting);
        Refusal.Of(ErrorCode.Busy, () => Open(waiting));
    }

    [Fact]
    public void A_damaged_file_is_listed_with_what_is_wrong()
    {
        WaitingKeys waiting = Waiting();
        waiting.Add(_key, _id, [_officer.Public], vault: null);
        File.WriteAllText(waiting.List()[0].Path!, "0");
        Assert.NotNull(Assert.Single(waiting.List()).Problem);
        Refusal.Of(ErrorCode.KeyTextInvalid, () => Receive(waiting));
    }

    [Fact]
    public void A_key_in_a_vault_is_received_from_there_and_removed()
    {
        var vault = new Vault();
        WaitingKeys waiting = Waiting(vault: vault);
        waiting.Add(_key, _id, [], "HsmKeys");
        Assert.Equal("HsmKeys", Assert.Single(waiting.List()).Vault);
        Assert.Single(vault.Secrets);
        using (KeyReception reception = waiting.Open(_id.ToString(), null, null))
        {
            Assert.Equal(TestKey.CountingHex, TestKey.Hex(reception.Key));
            Assert.Single(vault.Secrets);
            reception.Complete();
        }
        Assert.Empty(vault.Secrets);
        Assert.Empty(waiting.List());
        Refusal.Of(ErrorCode.KeyHandedOver, () => waiting.Open(_id.ToString(), null, null));
    }

    [Fact]
    public void A_vault_that_refuses_leaves_no_sealed_copy_either()
    {
        WaitingKeys waiting = Waiting(vault: new Vault { Refuses = true });
        Refusal.Of(ErrorCode.PinUnavailable, () => waiting.Add(_key, _id, [_officer.Public], "HsmKeys"));
        Assert.Empty(Directory.GetFiles(waiting.Folder));
    }

    [Fact]
    public void Keys_wait_in_the_folder_that_the_schedule_names()
    {
        string folder = _folder.File("officers");
        WaitingKeys waiting = Waiting(folder);
        waiting.Add(_key, _id, [_officer.Public], vault: null);
        Assert.Equal(folder, Path.GetDirectoryName(Assert.Single(waiting.List()).Path));
    }

    [Theory]
    [InlineData("stores", "stores")]
    [InlineData("stores/keys", "stores")]
    [InlineData("keys", "keys/stores")]
    [InlineData("link", "stores")]
    public void A_key_and_its_backup_are_never_put_in_one_folder(string keys, string stores)
    {
        string store = Directory.CreateDirectory(_folder.File(stores)).FullName;
        if (keys == "link")
        {
            _folder.Link("link", store);
        }
        using UnattendedHandover handover = Handover(_folder.File(keys), _officer);
        Refusal.Of(ErrorCode.KeyFileBesideBackup, () => handover.Check([store]));
        using UnattendedHandover elsewhere = Handover(_folder.File("elsewhere"), _officer);
        elsewhere.Check([store, _folder.File("not there yet")]);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.File("elsewhere")));
    }

    [Fact]
    public void A_vault_that_is_locked_keeps_no_sealed_file_of_a_key_that_was_received()
    {
        Vault vault = new();
        WaitingKeys waiting = Waiting(vault: vault);
        waiting.Add(_key, _id, [_officer.Public], "officers");
        string path = waiting.List()[0].Path!;
        vault.KeepsAll = true;
        Refusal.Of(ErrorCode.PinUnavailable, () => Receive(waiting));
        Assert.False(File.Exists(path));
        // What is left in the vault goes with the next attempt.
        vault.KeepsAll = false;
        Refusal.Of(ErrorCode.KeyHandedOver, () => Receive(waiting));
        Assert.Empty(vault.Secrets);
    }

    [Fact]
    public void A_schedule_that_says_nothing_of_keys_is_refused()
    {
        Refusal.Of(ErrorCode.KeyDestinationRequired, () => Handover(null));
        File.WriteAllText(_folder.File("no.pem"), "nothing");
        ClusterDefinition cluster = Cluster(null) with { Schedule = new ClusterSchedule { Times = [default], KeyRecipients = [_folder.File("no.pem")] } };
        Refusal.Of(ErrorCode.KeyRecipientInvalid, () => UnattendedHandover.Of(cluster, Waiting()));
    }

    [Theory]
    [InlineData("pfx", "secret")]
    [InlineData("pfx", null)]
    [InlineData("pem", null)]
    [InlineData("key", "secret")]
    [InlineData("key", null)]
    public void The_private_key_comes_out_of_a_file(string kind, string? password)
    {
        foreach (TestCertificate officer in new[] { _officer, TestCertificate.Of("RSA-2048"), TestCertificate.Of("P-256 for key agreement alone") })
        {
            WaitingKeys waiting = Waiting();
            BackupId id = BackupId.New("payments", Made);
            waiting.Add(_key, id, [officer.Public], vault: null);
            string file = PrivateKeys.Write(_folder, officer, kind, password);
            using SecureString? secret = PrivateKeys.Secure(password);
            using OfficerKeys keys = OfficerKeys.FromFile(file, secret, kind == "key" ? [_officer.Public, officer.Public] : []);
            using KeyReception reception = waiting.Open(id.ToString(), keys, null);
            Assert.Equal(TestKey.CountingHex, TestKey.Hex(reception.Key));
            Assert.Contains(file, reception.Complete().With, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("pfx")]
    [InlineData("key")]
    public void A_wrong_password_is_told(string kind)
    {
        string file = PrivateKeys.Write(_folder, _officer, kind, "secret");
        using SecureString wrong = PrivateKeys.Secure("other")!;
        Assert.DoesNotContain("other", Refusal.Of(ErrorCode.KeyFileUnreadable, () => OfficerKeys.FromFile(file, wrong, [_officer.Public])).Message, StringComparison.Ordinal);
        Refusal.Of(ErrorCode.KeyFileUnreadable, () => OfficerKeys.FromFile(file, null, [_officer.Public]));
        Refusal.Of(ErrorCode.KeyFileNotFound, () => OfficerKeys.FromFile(file + "x", null, []));
    }

    private WaitingKeys Waiting(string? folder = null, IKeyVault? vault = null) => WaitingKeys.Of(Cluster(folder), _folder.File("state"), vault, _clock);

    private static ClusterDefinition Cluster(string? keyFolder) => ClusterDefinition.Create("payments",
        [new ClusterNode { Name = "node", Address = new TokenAddress(new LibraryLocation("/x"), "x") }]) with
    {
        Schedule = new ClusterSchedule { Times = [new TimeOnly(2, 0)], KeyFolder = keyFolder },
    };

    private UnattendedHandover Handover(string? folder, params TestCertificate[] officers)
    {
        ClusterDefinition cluster = Cluster(folder);
        cluster = cluster with { Schedule = cluster.Schedule! with { KeyRecipients = [.. officers.Select(o => o.Export(_folder, "recipient").Certificate)] } };
        return UnattendedHandover.Of(cluster, WaitingKeys.Of(cluster, _folder.File("state"), null, _clock));
    }

    private OfficerKeys Keys() => OfficerKeys.FromFile(PrivateKeys.Write(_folder, _officer, "pem", null), null, Array.Empty<X509Certificate2>());

    private KeyReception Open(WaitingKeys waiting)
    {
        using OfficerKeys keys = OfficerKeys.FromFile(PrivateKeys.Write(_folder, _officer, "pem", null), null, []);
        return waiting.Open(_id.ToString(), keys, null);
    }

    private KeyReceipt Receive(WaitingKeys waiting)
    {
        using KeyReception reception = Open(waiting);
        Assert.Equal(TestKey.CountingHex, TestKey.Hex(reception.Key));
        return reception.Complete();
    }

    private sealed class Vault : IKeyVault
    {
        public Dictionary<string, SecureString> Secrets { get; } = new(StringComparer.Ordinal);

        public bool Refuses { get; init; }

        public void Add(string vault, string name, SecureString secret)
        {
            if (Refuses)
            {
                throw new HsmBackupException(ErrorCode.PinUnavailable, "The vault is locked.", "Unlock it.");
            }
            Secrets.Add($"{vault}/{name}", secret.Copy());
        }

        public SecureString? Find(string vault, string name) => Secrets.GetValueOrDefault($"{vault}/{name}")?.Copy();

        public bool KeepsAll { get; set; }

        public void Remove(string vault, string name)
        {
            if (KeepsAll)
            {
                throw new HsmBackupException(ErrorCode.PinUnavailable, "The vault is locked.", "Unlock it.");
            }
            Secrets.Remove($"{vault}/{name}");
        }
    }
}
