using System.Security.Cryptography;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>From the token of one maker to that of another: the keys are the same, their encodings and wrappings are not.</summary>
[Collection(NssToken.Collection)]
public sealed class MigrationTests
{
    private const string Label = "migration";

    [NssFact]
    public void A_backup_of_SoftHSM_comes_to_life_in_NSS()
    {
        using var source = new BackupFixture(Label);
        source.Fill(FillBoth);
        using var target = new BackupFixture(new NssToken(Label));

        AssertMoves(source, target);
    }

    [NssFact]
    public void A_backup_of_NSS_comes_to_life_in_SoftHSM()
    {
        using var source = new BackupFixture(new NssToken(Label));
        source.Fill(FillBoth);
        using var target = new BackupFixture(Label);

        AssertMoves(source, target);
    }

    [NssFact]
    public void Another_key_is_refused_whatever_its_encoding()
    {
        byte[] value = RandomNumberGenerator.GetBytes(20);
        using var source = new BackupFixture(Label);
        source.Fill(content =>
        {
            content.Ec("key", TokenContent.P256);
            content.Rsa("key", 1024);
            content.Known("key", Ckk.GenericSecret, value);
        });
        BackupResult backup = source.BackUp();
        using var target = new BackupFixture(new NssToken(Label));
        target.Restore(backup);
        target.Fill(content =>
        {
            // Other ids: a test, too, would overwrite.
            content.Next = 100;
            content.Ec("other", TokenContent.P256);
            content.Rsa("other", 1024);
            // The same up to zero bytes at its end.
            content.Known("other", Ckk.GenericSecret, [.. value, 0, 0, 0, 0]);
        });

        using OpenedBackup opened = OpenedBackup.Open(backup.Path, backup.Key!, CancellationToken.None);
        using TokenConnection connection = target.Open();
        using KeyEncryptionKey kek = opened.ImportKek(connection);
        var proof = new KeyProof(connection, kek, opened.Host);
        List<ObjectRecord> keys = [.. opened.Records(CancellationToken.None).Where(r => r.HasSecret)];
        Assert.Equal(3, keys.Count);
        foreach (ObjectRecord key in keys)
        {
            Assert.True(proof.Prove(Find(connection, key, "key"), key, out string? detail), detail);
            Assert.False(proof.Prove(Find(connection, key, "other"), key, out detail));
            Assert.StartsWith(key.ObjectClass == Cko.SecretKey ? "the key has another length" : "the key is another one", detail, StringComparison.Ordinal);
        }
    }

    [NssFact]
    public void A_key_that_NSS_gave_in_spite_of_its_flags_is_proven_and_closed_in_SoftHSM()
    {
        using var source = new BackupFixture(new NssToken(Label));
        source.Fill(content =>
        {
            content.Aes("unextractable", 32, m => m.Set(Cka.Extractable, false));
            content.Aes("wrap-with-trusted", 32, m => m.Set(Cka.WrapWithTrusted, true));
        });
        BackupResult backup = source.BackUp();
        Assert.Contains("although CKA_EXTRACTABLE is false", backup.Verdicts.Single(v => v.Label == "unextractable").Reason, StringComparison.Ordinal);
        using var target = new BackupFixture(Label);

        RestoreResult result = target.Restore(backup);

        Assert.All(result.Objects, o => Assert.Equal(CheckOutcome.Passed, o.Proof));
        Dictionary<string, RestoredObject> restored = result.Objects.ToDictionary(o => o.Object.Label);
        Assert.Empty(restored["unextractable"].Differences);
        Assert.Equal(Verdict.NotExtractable, target.BackUp(allowPartial: true).Verdicts.Single(v => v.Label == "unextractable").Verdict);
        // SoftHSM will not hear of it once the key is made.
        Assert.Equal(["CKA_WRAP_WITH_TRUSTED: expected true, found nothing"], restored["wrap-with-trusted"].Differences);
    }

    [NssFact]
    public void Dates_that_the_new_token_will_not_show_do_not_make_it_restore_for_ever()
    {
        using var source = new BackupFixture(new NssToken(Label));
        source.Fill(content => content.Aes("dated", 32, m => m.Set(Cka.StartDate, "20200101")));
        BackupResult backup = source.BackUp();
        Assert.True(backup.Complete);
        using var target = new BackupFixture(Label);

        target.Restore(backup);

        using RestoreOperation again = target.Prepare(backup);
        Assert.True(again.Plan.ChangesNothing, string.Join('\n', again.Plan.Items));
    }

    private static void AssertMoves(BackupFixture source, BackupFixture target)
    {
        BackupResult backup = source.BackUp();
        Assert.True(backup.Complete, backup.Verdicts.ToString());

        RestoreResult result = target.Restore(backup);

        Assert.True(result.Exact, string.Join('\n', result.Objects));
        Assert.Equal(backup.Objects, result.Proven);
        using (RestoreOperation again = target.Prepare(backup))
        {
            Assert.True(again.Plan.ChangesNothing, string.Join('\n', again.Plan.Items));
        }
        AssertTest(target, backup, TestLevel.Live);
        BackupResult second = target.BackUp();
        CompareResult compared = CompareOperation.Run(new CompareRequest
        {
            ReferencePath = backup.Path,
            ReferenceKey = backup.Key!,
            DifferencePath = second.Path,
            DifferenceKey = second.Key,
        }, null, CancellationToken.None);
        Assert.True(compared.Equal, string.Join('\n', compared.Objects.Where(o => o.Side != CompareSide.Equal)));
        target.Token.Replace();
        AssertTest(target, backup, TestLevel.Restore);
    }

    private static void AssertTest(BackupFixture target, BackupResult backup, TestLevel level)
    {
        TestResult test = TestOperation.Run(new TestRequest
        {
            Path = backup.Path,
            Level = level,
            Key = backup.Key,
            Token = target.Token.Address,
            Pin = target.Token.Pin,
            ScratchToken = target.Token.Address,
            ScratchPin = target.Token.Pin,
        }, null, CancellationToken.None);
        Assert.True(test.Passed, string.Join('\n', test.Checks));
    }

    private static void FillBoth(TokenContent content)
    {
        content.Aes("aes", 32);
        content.Secret("des3", Ckk.Des3, Ckm.Des3KeyGen, null, Cka.Encrypt, Cka.Decrypt);
        foreach (int bytes in (int[])[1, 16, 20, 33, 100])
        {
            content.Known($"generic-{bytes}", Ckk.GenericSecret, RandomNumberGenerator.GetBytes(bytes));
        }
        content.Known("ends-with-zeros", Ckk.GenericSecret, [1, 2, 3, 0, 0]);
        content.Rsa("rsa", 1024);
        content.Ec("p256", TokenContent.P256);
        content.Ec("p384", TokenContent.P384);
        content.Ec("p521", TokenContent.P521);
        content.Dsa("dsa");
        content.Certificate("certificate");
    }

    private static ulong Find(TokenConnection connection, ObjectRecord key, string label) => connection.Session.FindTokenObjects().Single(handle =>
    {
        AttributeMap found = connection.Session.ReadAttributes(handle, [Cka.Class, Cka.KeyType, Cka.Label]).Attributes;
        return found.Number(Cka.Class) == key.ObjectClass && found.Number(Cka.KeyType) == key.KeyType && found.Text(Cka.Label) == label;
    });
}
