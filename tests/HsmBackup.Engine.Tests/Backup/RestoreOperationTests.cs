using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

public sealed class RestoreOperationTests
{
    [Fact]
    public void A_lost_token_comes_back_exactly()
    {
        using var fixture = new BackupFixture();
        TokenContent content = fixture.Fill();
        BackupResult backup = fixture.BackUp();
        Assert.True(backup.Complete);
        fixture.Token.Replace();

        RestoreResult result = fixture.Restore(backup);

        Assert.Empty(result.Objects.SelectMany(o => o.Differences.Select(d => $"{o.Object}: {d}")));
        Assert.True(result.Exact);
        Assert.Equal(backup.Objects, result.Added);
        Assert.Equal(backup.Objects, result.Proven);
        Assert.Null(result.SafetyBackupPath);
        using RestoreOperation again = fixture.Prepare(backup);
        Assert.Equal(backup.Objects, again.Plan.Keep);
        Assert.True(again.Plan.ChangesNothing);
    }

    [Fact]
    public void A_restore_replaces_and_never_merges()
    {
        using var fixture = new BackupFixture();
        fixture.Fill(c =>
        {
            c.Aes("stays", 32);
            c.Aes("lost", 32);
            c.Aes("changed", 32);
            c.Data("data", true, [1, 2, 3]);
        });
        BackupResult backup = fixture.BackUp();
        using (TokenConnection connection = fixture.Open())
        {
            Destroy(connection, "lost");
            Destroy(connection, "changed");
            Destroy(connection, "data");
            var content = new TokenContent(connection.Session);
            // The same label and id as before, with another key.
            content.Aes("extra", 16);
            content.Data("data", true, [1, 2, 4]);
            content.Secret("changed", Ckk.Aes, Ckm.AesKeyGen, 32, Cka.Encrypt, Cka.Decrypt, t => t.Set(Cka.Id, [0xA0, 0, 3]));
        }

        RestoreResult result = fixture.Restore(backup);

        Assert.True(result.Exact);
        Assert.Equal((1, 1, 2, 1), (result.Added, result.Kept, result.Replaced, result.Removed));
        Assert.Equal(4, result.Proven);
        AssertHolds(fixture, backup);
        Assert.Empty(Directory.EnumerateFiles(fixture.State, "restore-*.json"));
        TestResult live = TestOperation.Run(
            new TestRequest { Path = backup.Path, Level = TestLevel.Live, Key = backup.Key, Token = fixture.Token.Address, Pin = fixture.Token.Pin },
            null, CancellationToken.None);
        Assert.True(live.Passed, live.Summary);
    }

    [Fact]
    public void What_a_restore_removed_comes_back_from_its_safety_backup_under_the_same_key()
    {
        using var fixture = new BackupFixture();
        fixture.Fill(c => c.Aes("old", 32));
        BackupResult backup = fixture.BackUp();
        using (TokenConnection connection = fixture.Open())
        {
            Destroy(connection, "old");
            new TokenContent(connection.Session).Rsa("new", 2048);
        }
        string safety = fixture.Restore(backup).SafetyBackupPath!;
        AssertHolds(fixture, backup);

        RestoreResult back = fixture.Restore(backup, change: r => r with { Path = safety });

        Assert.True(back.Exact);
        Assert.Equal((2, 1), (back.Added, back.Removed));
        Assert.Equal(["new", "new"], Labels(fixture));
    }

    [Fact]
    public void A_plan_touches_nothing_and_leaves_no_trace()
    {
        using var fixture = new BackupFixture();
        fixture.Fill(c => c.Aes("key", 32));
        BackupResult backup = fixture.BackUp();
        fixture.Fill(c => c.Aes("extra", 32));

        using (RestoreOperation plan = fixture.Prepare(backup))
        {
            Assert.Equal((0, 1, 0, 1), (plan.Plan.Add, plan.Plan.Keep, plan.Plan.Replace, plan.Plan.Remove));
        }

        Assert.Equal(["extra", "key"], Labels(fixture));
        Assert.False(Directory.Exists(fixture.State));
    }

    [Fact]
    public void A_key_that_no_backup_can_hold_is_not_removed_without_a_word_of_its_own()
    {
        using var fixture = new BackupFixture();
        fixture.Fill(c => c.Aes("key", 32));
        BackupResult backup = fixture.BackUp();
        fixture.Fill(c => c.Aes("bound", 32, t => t.Set(Cka.Extractable, false)));

        var refused = Assert.Throws<HsmBackupException>(() => fixture.Restore(backup));
        Assert.Equal(ErrorCode.WouldDestroyUnrecoverable, refused.Code);
        Assert.Equal(["bound", "key"], Labels(fixture));

        RestoreResult result = fixture.Restore(backup, change: r => r with { RemoveUnrecoverable = true });
        Assert.True(result.Exact);
        Assert.Equal(["key"], Labels(fixture));
    }

    [Fact]
    public void A_partial_backup_is_made_and_restored_only_on_request_and_never_takes_a_key_that_it_lacks()
    {
        using var fixture = new BackupFixture();
        fixture.Fill(c =>
        {
            c.Aes("key", 32);
            c.Aes("bound", 32, t => t.Set(Cka.Extractable, false));
        });
        var incomplete = Assert.Throws<HsmBackupException>(() => fixture.BackUp());
        Assert.Equal(ErrorCode.BackupIncomplete, incomplete.Code);
        Assert.Equal(1, ((VerdictList)incomplete.Result!).NotExtractable);
        Assert.Empty(Directory.EnumerateFiles(fixture.Folder, "*", SearchOption.AllDirectories));

        BackupResult backup = fixture.BackUp(allowPartial: true);
        Assert.False(backup.Complete);
        Assert.False(BackupCatalogue.Read(backup.Path).Complete);
        Assert.Equal(ErrorCode.BackupIncomplete, Assert.Throws<HsmBackupException>(() => fixture.Restore(backup)).Code);

        RestoreResult kept = fixture.Restore(backup, change: r => r with { AllowPartial = true });
        Assert.Equal((0, 2), (kept.Added, kept.Kept));
        Assert.Equal(["bound", "key"], Labels(fixture));

        fixture.Token.Replace();
        RestoreResult lost = fixture.Restore(backup, change: r => r with { AllowPartial = true });
        Assert.False(lost.Exact);
        Assert.Equal((1, 1), (lost.Added, lost.Unrestorable));
    }

    [Fact]
    public void Another_token_is_refused_and_taken_on_request()
    {
        using var fixture = new BackupFixture("payments");
        using var other = new BackupFixture("somewhere else");
        fixture.Fill(c => c.Aes("key", 32));
        BackupResult backup = fixture.BackUp();

        var refused = Assert.Throws<HsmBackupException>(() => other.Restore(backup));
        Assert.Equal(ErrorCode.TokenMismatch, refused.Code);
        Assert.Empty(Labels(other));

        Assert.True(other.Restore(backup, change: r => r with { AllowOtherToken = true }).Exact);
        Assert.Equal(["key"], Labels(other));
    }

    [Fact]
    public void A_token_that_changed_after_the_plan_is_not_touched()
    {
        using var fixture = new BackupFixture();
        fixture.Fill(c => c.Aes("key", 32));
        BackupResult backup = fixture.BackUp();
        fixture.Token.Replace();
        using RestoreOperation plan = fixture.Prepare(backup);
        new TokenContent(plan.Connection.Session).Aes("late", 32);

        var refused = Assert.Throws<HsmBackupException>(() => plan.Execute(null, CancellationToken.None));

        Assert.Equal(ErrorCode.Busy, refused.Code);
        plan.Dispose();
        Assert.Equal(["late"], Labels(fixture));
    }

    [Fact]
    public void A_restore_beside_a_key_that_it_could_not_compare_is_not_called_exact()
    {
        using var fixture = new BackupFixture();
        fixture.Fill(c =>
        {
            c.Aes("key", 32);
            c.Aes("bound", 32, t => t.Set(Cka.Extractable, false));
        });
        BackupResult backup = fixture.BackUp(allowPartial: true);
        using (TokenConnection connection = fixture.Open())
        {
            Destroy(connection, "bound");
            new TokenContent(connection.Session).Secret("bound", Ckk.Aes, Ckm.AesKeyGen, 16, Cka.Encrypt, Cka.Decrypt, t => t.Set(Cka.Id, [0xA0, 0, 2]));
        }

        RestoreResult result = fixture.Restore(backup, change: r => r with { AllowPartial = true });

        Assert.False(result.Exact);
        Assert.Equal(1, result.Proven);
        Assert.Equal(2, result.Kept);
    }

    private static void Destroy(TokenConnection connection, string label)
    {
        foreach (ulong handle in connection.Session.FindObjects(new AttributeMap().Set(Cka.Label, label)))
        {
            Assert.Equal(Ckr.Ok, connection.Session.TryDestroyObject(handle));
        }
    }

    private static string[] Labels(BackupFixture fixture)
    {
        using TokenConnection connection = fixture.Open();
        return [.. connection.Session.FindTokenObjects()
            .Select(h => connection.Session.ReadAttributes(h, [Cka.Class, Cka.Label]).Attributes.Text(Cka.Label)!).Order(StringComparer.Ordinal)];
    }

    private static void AssertHolds(BackupFixture fixture, BackupResult backup)
    {
        using RestoreOperation again = fixture.Prepare(backup);
        Assert.True(again.Plan.ChangesNothing, string.Join("; ", again.Plan.Items));
        Assert.Equal(backup.Objects, again.Plan.Keep);
    }
}
