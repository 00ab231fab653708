using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Retention;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Support;
using Xunit;
using static HsmBackup.Engine.Tests.Retention.RetentionStores;

namespace HsmBackup.Engine.Tests.Retention;

public sealed class RetentionOperationTests : IDisposable
{
    private readonly RetentionStores _stores = new();

    public void Dispose() => _stores.Dispose();

    [Fact]
    public void A_copy_is_marked_first_and_goes_when_its_time_is_over()
    {
        string[] ids = ThreeBackups();
        RetentionResult first = _stores.Run();
        // Online one is kept, offline two; of the oldest both copies go, of the second the one in the folder.
        Assert.Equal([(ids[0], "local"), (ids[0], "safe"), (ids[1], "local")], first.Copies.Where(c => c.Outcome == RetentionOutcome.Marked).Select(c => (c.BackupId, c.Store)));
        Assert.All(first.Copies, c => Assert.True(File.Exists(c.Path)));
        RemovalDocument mark = RemovalDocument.Parse(File.ReadAllBytes(MarkOf(_stores.Local, ids[0])))!;
        Assert.Equal((Environment.UserName, RemovalOrigin.Policy, _stores.Now, _stores.Now.AddDays(7)), (mark.By, mark.Origin, mark.Since, mark.Due));

        _stores.Now += TimeSpan.FromDays(7) - TimeSpan.FromSeconds(1);
        Assert.All(_stores.Run().Copies, c => Assert.Equal(RetentionOutcome.Kept, c.Outcome));
        _stores.Now += TimeSpan.FromSeconds(1);
        RetentionResult last = _stores.Run();
        Assert.Equal(3, last.Copies.Count(c => c.Outcome == RetentionOutcome.Removed));
        Assert.False(Has(_stores.Local, ids[0]) || Has(_stores.Safe, ids[0]) || Has(_stores.Local, ids[1]));
        Assert.True(Has(_stores.Safe, ids[1]) && Has(_stores.Local, ids[2]) && Has(_stores.Safe, ids[2]));
        // No document is left behind.
        Assert.Equal([StoreFile.OfBackup(ids[2])], Directory.GetFiles(_stores.Local.Location).Select(Path.GetFileName));
        Assert.All(_stores.Run().Copies, c => Assert.Equal(RetentionOutcome.Kept, c.Outcome));
    }

    [Fact]
    public void A_plan_writes_nothing()
    {
        ThreeBackups();
        string[] before = Refusal.Everything(_stores.Local.Location, _stores.Safe.Location, _stores.State);
        RetentionResult plan = RetentionOperation.Prepare(_stores.Request, CancellationToken.None).Plan;
        Assert.All(plan.Copies, c => Assert.Equal(RetentionOutcome.Planned, c.Outcome));
        Assert.Equal(3, plan.Copies.Count(c => c.Decision == RetentionDecision.MarkForRemoval));
        Assert.Equal(before, Refusal.Everything(_stores.Local.Location, _stores.Safe.Location, _stores.State));
    }

    [Fact]
    public void Nothing_goes_when_the_newest_proven_backup_is_not_what_was_tested_any_more()
    {
        string[] ids = ThreeBackups();
        _stores.Run();
        _stores.Now += TimeSpan.FromDays(8);
        Flip(_stores.Local, ids[2]);
        Flip(_stores.Safe, ids[2]);
        RetentionResult result = _stores.Run();
        Assert.Equal(ErrorCode.TestFailed, Assert.Single(result.Errors).Code);
        Assert.Equal(3, result.Copies.Count(c => c.Outcome == RetentionOutcome.Refused));
        Assert.True(Has(_stores.Local, ids[0]) && Has(_stores.Safe, ids[0]) && Has(_stores.Local, ids[1]));
    }

    [Fact]
    public void Nothing_goes_when_the_newest_complete_backup_is_damaged_and_a_newer_partial_one_is_whole()
    {
        string good = _stores.BackUp();
        _stores.Now += TimeSpan.FromHours(1);
        string damaged = _stores.BackUp();
        _stores.Now += TimeSpan.FromHours(1);
        _stores.BackUp(complete: false, proven: true);
        RetentionRequest one = _stores.Request with { Policy = _stores.Request.Policy with { Offline = new RetentionRules { KeepLast = 1 } } };
        _stores.Run(one);
        _stores.Now += TimeSpan.FromDays(8);
        Flip(_stores.Local, damaged);
        Flip(_stores.Safe, damaged);
        HsmBackupException error = Assert.Single(_stores.Run(one).Errors);
        Assert.Equal((ErrorCode.TestFailed, damaged), (error.Code, error.Target));
        Assert.True(Has(_stores.Local, good) && Has(_stores.Safe, good));
    }

    [Fact]
    public void Nothing_goes_on_request_either_when_what_was_proven_long_ago_is_damaged()
    {
        string[] ids = ThreeBackups();
        _stores.Run(Wish(ids[0]));
        // Meanwhile no test counts any more.
        _stores.Now += TimeSpan.FromDays(100);
        _stores.Run();
        _stores.Now += TimeSpan.FromDays(8);
        Flip(_stores.Local, ids[2]);
        Flip(_stores.Safe, ids[2]);
        HsmBackupException error = Assert.Single(_stores.Run(Wish(ids[0])).Errors);
        Assert.Equal((ErrorCode.TestFailed, ids[2]), (error.Code, error.Target));
        Assert.True(Has(_stores.Local, ids[0]));
    }

    [Fact]
    public void One_good_copy_of_the_newest_is_enough()
    {
        string[] ids = ThreeBackups();
        _stores.Run();
        _stores.Now += TimeSpan.FromDays(8);
        Flip(_stores.Local, ids[2]);
        Assert.Equal(3, _stores.Run().Copies.Count(c => c.Outcome == RetentionOutcome.Removed));
    }

    [Fact]
    public void A_copy_stays_when_the_one_that_is_to_remain_is_damaged()
    {
        string[] ids = ThreeBackups();
        _stores.Run();
        _stores.Now += TimeSpan.FromDays(8);
        Flip(_stores.Safe, ids[1]);
        RetentionResult result = _stores.Run();
        CopyRetention refused = Assert.Single(result.Copies, c => c.Outcome == RetentionOutcome.Refused);
        Assert.Equal((ids[1], "local", ErrorCode.BackupNeeded), (refused.BackupId, refused.Store, refused.Error!.Code));
        Assert.True(Has(_stores.Local, ids[1]));
        Assert.Equal(2, result.Copies.Count(c => c.Outcome == RetentionOutcome.Removed));
    }

    [Fact]
    public void A_clock_that_went_back_removes_and_marks_nothing()
    {
        string[] ids = ThreeBackups();
        _stores.Run();
        _stores.Now += TimeSpan.FromDays(8);
        _stores.Run(_stores.Request with { Policy = _stores.Request.Policy with { RemovalDelay = TimeSpan.FromDays(30) } });
        _stores.Now -= TimeSpan.FromDays(1);
        RetentionResult result = _stores.Run();
        Assert.Equal(ClockTrust.Backwards, result.Clock);
        Assert.Contains("it has shown", Assert.Single(result.Warnings), StringComparison.Ordinal);
        Assert.All(result.Copies, c => Assert.Equal(RetentionOutcome.Kept, c.Outcome));
        Assert.True(Has(_stores.Local, ids[0]));
        Refusal.Of(ErrorCode.ClockUntrusted, () => _stores.Run(Wish(ids[0])));
    }

    [Fact]
    public void The_high_water_mark_of_the_clock_only_grows_and_a_damaged_one_is_reported()
    {
        ThreeBackups();
        _stores.Run();
        string at = File.ReadAllText(_stores.ClockFile);
        _stores.Now -= TimeSpan.FromDays(1000);
        _stores.Run();
        Assert.Equal(at, File.ReadAllText(_stores.ClockFile));
        File.WriteAllText(_stores.ClockFile, "{");
        RetentionResult result = _stores.Run();
        Assert.Contains(result.Warnings, w => w.Contains("damaged", StringComparison.Ordinal));
        // The tests of the backups were made later than this clock shows.
        Assert.Equal(ClockTrust.Backwards, result.Clock);
    }

    [Fact]
    public void A_step_of_the_clock_does_not_end_the_time_to_undo()
    {
        string[] ids = ThreeBackups();
        _stores.Run();
        _stores.Now += TimeSpan.FromDays(60);
        RetentionResult result = _stores.Run();
        Assert.Equal(ClockTrust.Unsure, result.Clock);
        Assert.True(Has(_stores.Local, ids[0]));
        // The second look finds a clock that goes on as it should, and marks of long ago.
        DateTimeOffset jumped = _stores.Now;
        _stores.Now += TimeSpan.FromDays(7) - TimeSpan.FromSeconds(1);
        RetentionResult waiting = _stores.Run();
        Assert.Equal(ClockTrust.Good, waiting.Clock);
        Assert.All(waiting.Copies.Where(c => c.BackupId == ids[0]), c => Assert.Equal((RetentionReason.RemovalPending, jumped.AddDays(7)), (c.Reason, c.Due)));
        _stores.Now += TimeSpan.FromSeconds(1);
        Assert.Equal(3, _stores.Run().Copies.Count(c => c.Outcome == RetentionOutcome.Removed));
    }

    [Fact]
    public void A_step_of_the_clock_is_not_hidden_by_a_test_that_was_made_since()
    {
        string[] ids = ThreeBackups();
        _stores.Run();
        _stores.Now += TimeSpan.FromDays(400);
        _stores.BackUp();
        File.Delete(_stores.ClockFile);
        Assert.Equal(ClockTrust.Unsure, _stores.Run().Clock);
        Assert.DoesNotContain(_stores.Run().Copies, c => c.Outcome == RetentionOutcome.Removed);
        Assert.True(Has(_stores.Local, ids[0]));
    }

    [Fact]
    public void A_medium_that_is_away_is_named_and_the_other_stores_are_looked_after()
    {
        string[] ids = ThreeBackups();
        Directory.Move(_stores.Safe.Location, _stores.Safe.Location + ".away");
        RetentionResult result = _stores.Run();
        Assert.Equal(("safe", ErrorCode.StoreUnmounted), (Assert.Single(result.MissingStores).Store, result.MissingStores[0].Error.Code));
        Assert.Equal([ids[0], ids[1]], result.Copies.Where(c => c.Outcome == RetentionOutcome.Marked).Select(c => c.BackupId));
    }

    [Fact]
    public void A_store_that_refuses_fails_its_copies_and_not_the_others()
    {
        ThreeBackups();
        var refusing = new RefusingStore(_stores.Local);
        RetentionResult result = _stores.Run(_stores.Request with { Stores = [refusing, _stores.Safe] });
        Assert.Equal(2, result.Copies.Count(c => c is { Store: "local", Outcome: RetentionOutcome.Failed }));
        Assert.Single(result.Copies, c => c is { Store: "safe", Outcome: RetentionOutcome.Marked });
        Assert.Equal(ErrorCode.StoreUnavailable, Assert.Single(result.Errors).Code);
        // A store that is down is not asked again for every copy.
        Assert.Equal(1, refusing.Asked);
    }

    [Fact]
    public void Backups_of_another_cluster_are_not_even_mentioned()
    {
        ThreeBackups();
        Assert.Empty(_stores.Run(_stores.Request with { ClusterId = "another" }).Copies);
    }

    [Fact]
    public void What_is_wished_away_is_marked_and_goes_though_the_rules_want_it()
    {
        string[] ids = ThreeBackups();
        RetentionResult marked = _stores.Run(Wish(ids[1]));
        Assert.Equal(["local", "safe"], marked.Copies.Where(c => c.Outcome == RetentionOutcome.Marked).Select(c => c.Store));
        RemovalDocument mark = RemovalDocument.Parse(File.ReadAllBytes(MarkOf(_stores.Safe, ids[1])))!;
        Assert.Equal((RemovalOrigin.Request, "not needed"), (mark.Origin, mark.Reason));
        // The rules do not take it back, and what it made room for is wanted.
        RetentionResult rules = _stores.Run();
        Assert.DoesNotContain(rules.Copies, c => c.Outcome == RetentionOutcome.Unmarked);
        Assert.Contains(rules.Copies, c => c is { Store: "safe", Reason: RetentionReason.KeepLast } && c.BackupId == ids[0]);
        _stores.Now += TimeSpan.FromDays(7);
        Assert.Equal(2, _stores.Run(Wish(ids[1])).Copies.Count(c => c.Outcome == RetentionOutcome.Removed));
        Assert.True(Has(_stores.Safe, ids[0]));
    }

    [Fact]
    public void What_must_stay_is_refused_to_whoever_wishes_it_away()
    {
        string[] ids = ThreeBackups();
        Refusal.Of(ErrorCode.BackupNeeded, () => _stores.Run(Wish(ids[2])));
        _stores.Documents(ids[1]).Lock("audit", null, CancellationToken.None);
        Refusal.Of(ErrorCode.BackupHeld, () => _stores.Run(Wish(ids[1])));
        Refusal.Of(ErrorCode.BackupNotFound, () => _stores.Run(Wish("20260101T000000Z-payments-ffffffff")));
        // One of two copies that the policy demands.
        RetentionRequest two = _stores.Request with { Policy = _stores.Request.Policy with { MinimumCopies = 2, Offline = new RetentionRules() }, OnlyStores = ["local"] };
        Refusal.Of(ErrorCode.BackupNeeded, () => _stores.Run(two with { Wish = new RemovalWish(ids[0], "not needed") }));
        Assert.False(File.Exists(MarkOf(_stores.Local, ids[0])));
    }

    [Fact]
    public void Where_no_test_is_known_the_newest_complete_backup_stays_whoever_wishes_it_away()
    {
        string old = _stores.BackUp(proven: false);
        _stores.Now += TimeSpan.FromHours(1);
        string newest = _stores.BackUp(proven: false);
        _stores.Now += TimeSpan.FromHours(1);
        string partial = _stores.BackUp(complete: false, proven: false);
        HsmBackupException refusal = Refusal.Of(ErrorCode.BackupNeeded, () => _stores.Run(Wish(newest)));
        Assert.Contains("Nothing here knows of a test", refusal.Message, StringComparison.Ordinal);
        foreach (string id in new[] { old, partial })
        {
            Assert.All(_stores.Run(Wish(id)).Copies, c => Assert.Equal(RetentionOutcome.Marked, c.Outcome));
        }
        _stores.Now += TimeSpan.FromDays(8);
        // It is read before the others go, though there is no test to compare it with.
        Flip(_stores.Local, newest);
        Flip(_stores.Safe, newest);
        Assert.Equal(newest, Assert.Single(_stores.Run(Wish(old)).Errors).Target);
        Flip(_stores.Safe, newest);
        Assert.All(_stores.Run(Wish(old)).Copies, c => Assert.Equal(RetentionOutcome.Removed, c.Outcome));
    }

    [Fact]
    public void A_hold_that_comes_between_plan_and_removal_counts()
    {
        string[] ids = ThreeBackups();
        _stores.Run();
        _stores.Now += TimeSpan.FromDays(7);
        var prepared = RetentionOperation.Prepare(_stores.Request, CancellationToken.None);
        new BackupDocuments(ids[0], [_stores.Safe], e => throw e, _stores.State, _stores.Clock).Lock("audit", null, CancellationToken.None);
        _stores.Documents(ids[1]).UndoRemoval(CancellationToken.None);
        RetentionResult result = prepared.Apply(null, CancellationToken.None);
        Assert.Equal([ErrorCode.BackupHeld, ErrorCode.RemovalNotPending], result.Errors.Select(e => e.Code));
        Assert.True(Has(_stores.Local, ids[0]) && Has(_stores.Local, ids[1]));
    }

    [Fact]
    public void A_hold_of_this_machine_holds_when_the_store_that_has_it_is_away()
    {
        string[] ids = ThreeBackups();
        new BackupDocuments(ids[0], [_stores.Safe], e => throw e, _stores.State, _stores.Clock).Lock("audit", null, CancellationToken.None);
        Directory.Move(_stores.Safe.Location, _stores.Safe.Location + ".away");
        Assert.Equal(RetentionReason.Held, _stores.Run().Copies.Single(c => c.BackupId == ids[0]).Reason);
        Refusal.Of(ErrorCode.BackupHeld, () => _stores.Run(Wish(ids[0])));
        new BackupDocuments(ids[0], [_stores.Local], e => throw e, _stores.State, _stores.Clock).Unlock(CancellationToken.None);
        Assert.Equal(RetentionOutcome.Marked, _stores.Run().Copies.Single(c => c.BackupId == ids[0]).Outcome);
        // And one that is set after the plan was made.
        _stores.Now += TimeSpan.FromDays(7);
        var prepared = RetentionOperation.Prepare(_stores.Request, CancellationToken.None);
        new RememberedHolds(_stores.State).Add(ids[0], new HoldDocument { By = "a", Host = "b", Since = _stores.Now, Reason = "c" }, CancellationToken.None);
        CopyRetention kept = prepared.Apply(null, CancellationToken.None).Copies.Single(c => c.BackupId == ids[0]);
        Assert.Equal((RetentionOutcome.Refused, ErrorCode.BackupHeld), (kept.Outcome, kept.Error!.Code));
    }

    [Fact]
    public void Nothing_goes_for_good_while_a_store_is_away_that_may_have_a_hold()
    {
        string[] ids = ThreeBackups();
        _stores.Run();
        _stores.Now += TimeSpan.FromDays(7);
        var away = new DirectoryStore(Path.Combine(_stores.State, "nowhere"), "remote");
        foreach (RetentionRequest request in new[] { _stores.Request with { Stores = [_stores.Local, _stores.Safe, away] }, _stores.Request with { UnopenedStores = ["remote"] } })
        {
            RetentionResult waiting = _stores.Run(request);
            Assert.Equal(3, waiting.Copies.Count(c => c is { Reason: RetentionReason.StoreMissing, Outcome: RetentionOutcome.Kept }));
            Assert.Contains("'remote'", Assert.Single(waiting.Warnings), StringComparison.Ordinal);
            Assert.All(_stores.Run(request with { Wish = new RemovalWish(ids[0], "not needed") }).Copies, c => Assert.Equal(RetentionOutcome.Kept, c.Outcome));
        }
        Assert.Equal(3, _stores.Run().Copies.Count(c => c.Outcome == RetentionOutcome.Removed));
    }

    [Fact]
    public void A_copy_takes_the_hold_along()
    {
        string id = _stores.BackUp(proven: true, _stores.Local);
        _stores.Documents(id).Lock("audit", null, CancellationToken.None);
        BackupInfo backup = ClusterCatalogue.Read(new CatalogueRequest { Stores = [_stores.Local], StateFolder = _stores.State, Clock = _stores.Clock }, CancellationToken.None).Backups.Single();
        CopyOperation.Run(new CopyRequest { Backup = backup, Sources = [_stores.Local], Targets = [_stores.Safe], StateFolder = _stores.State }, null, CancellationToken.None);
        Assert.Equal(File.ReadAllBytes(HoldOf(_stores.Local, id)), File.ReadAllBytes(HoldOf(_stores.Safe, id)));
        Assert.True(Has(_stores.Safe, id));
    }

    [Fact]
    public void A_malformed_hold_holds_and_a_malformed_mark_marks_nothing()
    {
        string[] ids = ThreeBackups();
        File.WriteAllText(HoldOf(_stores.Safe, ids[0]), "{}");
        File.WriteAllText(MarkOf(_stores.Local, ids[1]), """{"due":"2000-01-01"}""");
        RetentionResult result = _stores.Run();
        Assert.Equal(2, result.Warnings.Count(w => w.Contains("malformed", StringComparison.Ordinal)));
        Assert.All(result.Copies.Where(c => c.BackupId == ids[0]), c => Assert.Equal(RetentionReason.Held, c.Reason));
        Assert.Equal(RetentionOutcome.Marked, result.Copies.Single(c => c.BackupId == ids[1] && c.Store == "local").Outcome);
    }

    [Fact]
    public void A_mark_that_is_older_than_its_file_was_made_for_another()
    {
        string[] ids = ThreeBackups();
        var old = new RemovalMark(_stores.Now.AddDays(-100), _stores.Now.AddDays(-90), RemovalOrigin.Request);
        RemovalDocument.Of(old, "made up").WriteTo(_stores.Local, ids[1], CancellationToken.None);
        RetentionResult result = _stores.Run();
        Assert.Contains(result.Warnings, w => w.Contains("older than its file", StringComparison.Ordinal));
        Assert.Equal(RetentionOutcome.Marked, result.Copies.Single(c => c.BackupId == ids[1] && c.Store == "local").Outcome);
    }

    [Fact]
    public void A_file_under_the_id_of_a_tested_backup_is_not_that_backup()
    {
        string[] ids = ThreeBackups();
        File.AppendAllText(PathOf(_stores.Local, ids[2]), "x");
        File.WriteAllText(Path.Combine(_stores.Local.Location, "garbage.hsmbackup"), "garbage");
        RetentionResult result = _stores.Run();
        Assert.Equal(RetentionReason.Different, result.Copies.Single(c => c.BackupId == ids[2] && c.Store == "local").Reason);
        Assert.Equal(RetentionReason.Unreadable, result.Copies.Single(c => c.BackupId == "garbage").Reason);
        // The slot of the only online copy goes to the next that is one.
        Assert.Equal(RetentionReason.KeepLast, result.Copies.Single(c => c.BackupId == ids[1] && c.Store == "local").Reason);
    }

    [Fact]
    public void Two_runs_at_a_time_are_one_too_many()
    {
        ThreeBackups();
        _stores.Run();
        using FileStream held = new(Assert.Single(Directory.GetFiles(_stores.State, "retention-*.lock")), FileMode.Create, FileAccess.Write, FileShare.None);
        Refusal.Of(ErrorCode.Busy, () => _stores.Run());
        // Another cluster's turn is another matter.
        Assert.Empty(_stores.Run(_stores.Request with { ClusterId = "another" }).Copies);
    }

    private RetentionRequest Wish(string id) => _stores.Request with { Wish = new RemovalWish(id, "not needed") };

    private string[] ThreeBackups()
    {
        var ids = new string[3];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = _stores.BackUp();
            _stores.Now += TimeSpan.FromHours(1);
        }
        return ids;
    }

    private static void Flip(IBackupStore store, string id)
    {
        string path = PathOf(store, id);
        DateTime written = File.GetLastWriteTimeUtc(path);
        byte[] file = File.ReadAllBytes(path);
        file[^100] ^= 1;
        File.WriteAllBytes(path, file);
        File.SetLastWriteTimeUtc(path, written);
    }
}
