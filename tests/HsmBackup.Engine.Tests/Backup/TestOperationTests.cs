using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

public sealed class TestOperationTests
{
    [Theory]
    [InlineData(TestLevel.Header)]
    [InlineData(TestLevel.Integrity)]
    [InlineData(TestLevel.Content)]
    [InlineData(TestLevel.Live)]
    [InlineData(TestLevel.Restore)]
    public void A_good_backup_passes_at_every_level(TestLevel level)
    {
        using var fixture = new BackupFixture();
        fixture.Fill();
        BackupResult backup = fixture.BackUp();

        TestResult result = Test(fixture, backup, level);

        Assert.True(result.Passed, Describe(result));
        Assert.True(result.Complete);
        if (level is TestLevel.Restore or TestLevel.Live)
        {
            // Three checks of the file, and at least one for each object.
            Assert.True(result.Checks.Count(c => c.Outcome == CheckOutcome.Passed) >= backup.Objects + 4, Describe(result));
        }
    }

    [Fact]
    public void A_changed_token_fails_at_level_live_with_one_failed_check_for_each_change()
    {
        using var fixture = new BackupFixture();
        fixture.Fill(c =>
        {
            c.Aes("stays", 32);
            c.Aes("goes", 32);
        });
        BackupResult backup = fixture.BackUp();
        using (TokenConnection connection = fixture.Open())
        {
            foreach (ulong handle in connection.Session.FindObjects(new AttributeMap().Set(Cka.Label, "goes")))
            {
                connection.Session.TryDestroyObject(handle);
            }
            new TokenContent(connection.Session).Generic("comes", 32);
        }

        TestResult result = Test(fixture, backup, TestLevel.Live);

        Assert.False(result.Passed);
        Assert.Equal(ErrorCode.TestFailed, result.Error);
        Assert.Equal(2, result.Checks.Count(c => c.Outcome == CheckOutcome.Failed));
    }

    [Fact]
    public void The_wrong_key_is_named_as_such_and_nothing_after_it_is_run()
    {
        using var fixture = new BackupFixture();
        fixture.Fill(c => c.Aes("key", 32));
        BackupResult backup = fixture.BackUp();
        using var wrong = OneTimeKey.Generate();

        TestResult result = Test(fixture, backup, TestLevel.Live, wrong);

        Assert.False(result.Passed);
        Assert.Equal(ErrorCode.KeyMismatch, result.Error);
        Assert.Contains(result.Checks, c => c is { Name: "Live", Outcome: CheckOutcome.NotRun });
    }

    [Theory]
    [InlineData(TestLevel.Live)]
    [InlineData(TestLevel.Restore)]
    public void A_partial_backup_passes_only_where_that_was_accepted(TestLevel level)
    {
        using var fixture = new BackupFixture();
        fixture.Fill(c =>
        {
            c.Aes("key", 32);
            c.Aes("bound", 32, t => t.Set(Cka.Extractable, false));
        });
        BackupResult backup = fixture.BackUp(allowPartial: true);

        Assert.False(Test(fixture, backup, level).Passed);
        TestResult accepted = Test(fixture, backup, level, allowPartial: true);
        Assert.True(accepted.Passed, Describe(accepted));
        Assert.Contains("Partial", accepted.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void A_test_that_proves_no_object_does_not_pass()
    {
        using var fixture = new BackupFixture();
        fixture.Fill(c => c.Aes("bound", 32, t => t.Set(Cka.Extractable, false)));
        BackupResult backup = fixture.BackUp(allowPartial: true);

        Assert.False(Test(fixture, backup, TestLevel.Live, allowPartial: true).Passed);
    }

    [Fact]
    public void A_key_that_cannot_be_compared_is_not_called_equal()
    {
        using var fixture = new BackupFixture();
        fixture.Fill(c => c.Aes("bound", 32, t => t.Set(Cka.Extractable, false)));
        BackupResult backup = fixture.BackUp(allowPartial: true);

        CompareResult result = CompareOperation.Run(
            new CompareRequest { ReferencePath = backup.Path, ReferenceKey = backup.Key!, Token = fixture.Token.Address, Pin = fixture.Token.Pin },
            null, CancellationToken.None);

        Assert.False(result.Equal);
        Assert.Equal(CompareSide.NotComparable, Assert.Single(result.Objects).Side);
    }

    private static TestResult Test(BackupFixture fixture, BackupResult backup, TestLevel level, OneTimeKey? key = null, bool allowPartial = false) => TestOperation.Run(
        new TestRequest { Path = backup.Path, Level = level, Key = key ?? backup.Key, Token = fixture.Token.Address, Pin = fixture.Token.Pin, AllowPartial = allowPartial },
        null, CancellationToken.None);

    private static string Describe(TestResult result) =>
        result.Summary + "\n" + string.Join("\n", result.Checks.Select(c => $"{c.Outcome} {c.Name}: {c.Detail}"));
}
