using System.Diagnostics;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Stores;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Catalogue;

/// <summary>Backups that go to several stores, and how their copies are seen as one backup.</summary>
public sealed class ClusterCatalogueTests : IDisposable
{
    private readonly BackupFixture _fixture = new();
    private readonly DirectoryStore _near;
    private readonly DirectoryStore _far;

    public ClusterCatalogueTests()
    {
        _fixture.Fill(c => c.Aes("aes", 32));
        _near = new DirectoryStore(Folder("near"), "near");
        _far = new DirectoryStore(Folder("far"), "far");
    }

    public void Dispose()
    {
        _near.Dispose();
        _far.Dispose();
        _fixture.Dispose();
    }

    [Fact]
    public void A_backup_is_one_with_a_copy_in_each_store()
    {
        BackupResult made = BackUp(_near, _far);

        BackupInfo found = Assert.Single(Read().Backups);
        Assert.Equal(made.Id.ToString(), found.BackupId);
        Assert.Equal(["near", "far"], found.Copies.Select(c => c.Store));
        Assert.All(found.Copies, c => Assert.Equal(CopyState.Present, c.State));
        Assert.Equal(File.ReadAllBytes(found.Copies[0].Location), File.ReadAllBytes(found.Copies[1].Location));
        Assert.Equal(made.Digest, BackupFile.CheckIntegrity(found.Copies[1].Location).Digest);
        Assert.DoesNotContain(Directory.GetFileSystemEntries(Path.Combine(_fixture.State, "staging")), f => !f.EndsWith("lock", StringComparison.Ordinal));
    }

    [Fact]
    public void The_next_backup_names_it_as_its_previous_wherever_it_is()
    {
        BackupResult first = BackUp(_far);
        BackupResult second = BackUp(_near, _far);
        PreviousBackup? previous = BackupFile.ReadHeader(second.Path).Header.Previous;
        Assert.Equal((first.Id.ToString(), first.Digest), (previous!.Id.ToString(), previous.Digest));
    }

    [Fact]
    public void A_store_that_fails_fails_its_copy_and_no_other()
    {
        using var full = new BrokenStore(_far);
        BackupResult made = BackUp(_near, full);
        Assert.Equal([CopyOutcome.Written, CopyOutcome.Failed], made.Copies.Select(c => c.Outcome));
        Assert.Equal(ErrorCode.DiskFull, made.Copies[1].Error!.Code);
        Assert.True(File.Exists(made.Path));
        made.CheckCopies(1);
        var missing = Assert.Throws<HsmBackupException>(() => made.CheckCopies(2));
        Assert.Equal(ErrorCode.CopiesMissing, missing.Code);
        Assert.Same(made.Copies, missing.Result);
    }

    [Fact]
    public void Where_no_store_takes_it_there_is_no_backup_and_no_key()
    {
        using var full = new BrokenStore(_far);
        string keyPath = Path.Combine(_fixture.Folder, "keys", "key.txt");
        var refused = Assert.Throws<HsmBackupException>(() => BackUp(keyPath, full));
        Assert.Equal(ErrorCode.CopiesMissing, refused.Code);
        Assert.False(File.Exists(keyPath));
        Assert.Empty(Read().Backups);
    }

    [Fact]
    public void A_store_that_dies_after_it_has_the_file_takes_no_key_with_it()
    {
        using var dying = new BrokenStore(_far) { AddError = ErrorCode.StoreUnavailable, WritesFirst = true };
        string keyPath = Path.Combine(_fixture.Folder, "keys", "key.txt");
        BackupResult made = BackUp(keyPath, dying);
        Assert.Equal(CopyOutcome.Unknown, Assert.Single(made.Copies).Outcome);
        Assert.True(File.Exists(keyPath));
        var missing = Assert.Throws<HsmBackupException>(() => made.CheckCopies(1));
        Assert.Equal(ErrorCode.CopiesMissing, missing.Code);
        Assert.DoesNotContain("gone", missing.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_store_of_which_nothing_is_known_takes_no_key_with_it()
    {
        using var silent = new BrokenStore(_far) { AddError = ErrorCode.StoreUnavailable, ReadError = ErrorCode.StoreUnavailable };
        string keyPath = Path.Combine(_fixture.Folder, "keys", "key.txt");
        Assert.Equal(CopyOutcome.Unknown, Assert.Single(BackUp(keyPath, silent).Copies).Outcome);
        Assert.True(File.Exists(keyPath));
    }

    [Fact]
    public void One_folder_under_two_names_is_one_store()
    {
        BackUp(_near);
        using var again = new DirectoryStore(Path.Combine(_near.Location, "..", "near"), "again");
        ClusterCatalogue found = Read(stores: [_near, again]);
        Assert.Equal("near", Assert.Single(Assert.Single(found.Backups).Copies).Store);
        Assert.Equal(ErrorCode.InvalidArgument, Assert.Single(found.MissingStores).Error.Code);
    }

    [Fact]
    public void The_date_of_a_file_does_not_hide_that_it_failed_its_test()
    {
        BackupResult made = BackUp(_near);
        TestRecords.Add(_fixture.State, made.ToTestRecords());
        byte[] content = File.ReadAllBytes(made.Path);
        content[^100] ^= 1;
        File.WriteAllBytes(made.Path, content);
        string link = Path.Combine(_fixture.Folder, "link");
        Directory.CreateSymbolicLink(link, _near.Location);
        string elsewhere = Path.Combine(link, Path.GetFileName(made.Path));
        TestRecords.Add(_fixture.State, TestOperation.Run(new TestRequest { Path = elsewhere, Level = TestLevel.Integrity }, null, default).ToTestRecord()!);
        File.SetLastWriteTimeUtc(made.Path, DateTime.UtcNow.AddDays(400));

        BackupInfo found = Assert.Single(Read().Backups);

        Assert.Equal((CopyState.Damaged, false), (Assert.Single(found.Copies).State, found.Restorable));
    }

    [Fact]
    public void A_live_token_that_differs_says_nothing_against_the_backup()
    {
        BackupResult made = BackUp(_near);
        TestRecord passed = made.ToTestRecords()[0];
        TestRecords.Add(_fixture.State, passed, passed with { Level = TestLevel.Live, Passed = false, Tested = passed.Tested.AddHours(1) });
        Assert.NotNull(Assert.Single(Read().Backups).Proof);
    }

    [Fact]
    public void More_copies_than_stores_are_refused_before_any_work() => Assert.Equal(ErrorCode.InvalidArgument,
        Assert.Throws<HsmBackupException>(() => BackupOperation.Run(Request([_near]) with { MinimumCopies = 2, Pin = null }, null, default)).Code);

    [Theory]
    [InlineData("near")]
    [InlineData("far/below")]
    public void The_key_is_never_put_into_one_of_the_stores(string folder)
    {
        string keyPath = Path.Combine(Folder(folder), "key.txt");
        Assert.Equal(ErrorCode.KeyFileBesideBackup, Assert.Throws<HsmBackupException>(() => BackUp(keyPath, _near, _far)).Code);
        Assert.False(File.Exists(keyPath));
        Assert.Empty(Read().Backups);
    }

    [Fact]
    public void What_was_proven_is_restorable_until_the_proof_expires()
    {
        BackupResult made = BackUp(_near);
        Assert.False(Assert.Single(Read().Backups).Restorable);

        TestRecords.Add(_fixture.State, made.ToTestRecords());

        BackupInfo found = Assert.Single(Read().Backups);
        Assert.True(found.Restorable);
        Assert.Equal((TestLevel.Content, made.Digest), (found.Proof!.Level, found.Proof.Digest));
        BackupInfo later = Assert.Single(Read(days: 91).Backups);
        Assert.Equal((false, true), (later.Restorable, later.ProofExpired));
        Assert.False(Assert.Single(Read(days: -91).Backups).Restorable);
    }

    [Fact]
    public void A_proof_is_gone_when_the_same_content_fails_a_test_as_deep()
    {
        BackupResult made = BackUp(_near);
        TestRecord passed = made.ToTestRecords()[0];
        TestRecords.Add(_fixture.State, passed, passed with { Level = TestLevel.Restore, Passed = false, Tested = passed.Tested.AddHours(1) });
        Assert.Null(Assert.Single(Read().Backups).Proof);

        TestRecords.Add(_fixture.State, passed with { Tested = passed.Tested.AddHours(2) });
        Assert.NotNull(Assert.Single(Read().Backups).Proof);
    }

    [Fact]
    public void A_forged_copy_is_told_from_the_one_that_was_proven()
    {
        BackupResult made = BackUp(_near, _far);
        TestRecords.Add(_fixture.State, made.ToTestRecords());
        string forged = made.Copies[0].Location;
        File.AppendAllText(forged, "x");

        BackupInfo found = Assert.Single(Read().Backups);

        Assert.Equal([CopyState.Different, CopyState.Present], found.Copies.Select(c => c.State));
        Assert.Equal(made.Copies[1].Location, found.Path);
        Assert.Equal(made.Length, found.Length);
    }

    [Fact]
    public void Copies_that_differ_are_all_in_doubt_where_nothing_was_proven()
    {
        BackupResult made = BackUp(_near, _far);
        File.AppendAllText(made.Copies[0].Location, "x");
        Assert.All(Assert.Single(Read().Backups).Copies, c => Assert.Equal(CopyState.Different, c.State));
    }

    [Fact]
    public void A_copy_that_failed_a_test_is_damaged_until_it_is_replaced()
    {
        BackupResult made = BackUp(_near, _far);
        TestRecords.Add(_fixture.State, made.ToTestRecords());
        string damaged = made.Copies[1].Location;
        byte[] content = File.ReadAllBytes(damaged);
        content[^100] ^= 1;
        File.WriteAllBytes(damaged, content);
        TestResult test = TestOperation.Run(new TestRequest { Path = damaged, Level = TestLevel.Integrity }, null, default);
        TestRecords.Add(_fixture.State, test.ToTestRecord()!);
        Assert.Equal([CopyState.Present, CopyState.Damaged], Assert.Single(Read().Backups).Copies.Select(c => c.State));

        CopiedBackup copied = Copy(Assert.Single(Read().Backups), replace: true, _far);

        Assert.Equal(CopyOutcome.Written, Assert.Single(copied.Copies).Outcome);
        TestRecords.Add(_fixture.State, copied.Tests);
        Assert.All(Assert.Single(Read().Backups).Copies, c => Assert.Equal(CopyState.Present, c.State));
    }

    [Fact]
    public void Junk_under_the_name_of_a_backup_is_named_and_hides_nothing()
    {
        BackupResult made = BackUp(_near);
        Directory.CreateDirectory(_far.Location);
        File.WriteAllText(Path.Combine(_far.Location, made.Id.FileName), "junk");
        File.WriteAllText(Path.Combine(_far.Location, "20991231T000000Z-payments-00000000.hsmbackup"), "junk");
        File.Copy(made.Path, Path.Combine(_far.Location, "20991231T000000Z-payments-11111111.hsmbackup"));

        ClusterCatalogue found = Read();

        Assert.Equal([ErrorCode.NotABackup, ErrorCode.NotABackup, ErrorCode.HeaderInvalid], found.Unreadable.Select(u => u.Error.Code).Order());
        Assert.Equal([CopyState.Present, CopyState.Unreadable], Assert.Single(found.Backups).Copies.Select(c => c.State));
    }

    [Fact]
    public void A_store_that_cannot_be_looked_into_is_named_and_the_others_are_listed()
    {
        BackUp(_near);
        using var gone = new BrokenStore(_far) { ListError = ErrorCode.StoreUnavailable };
        ClusterCatalogue found = ClusterCatalogue.Read(new CatalogueRequest { Stores = [gone, _near], StateFolder = _fixture.State }, default);
        Assert.Single(found.Backups);
        Assert.Equal(("far", ErrorCode.StoreUnavailable), (Assert.Single(found.MissingStores).Store, found.MissingStores[0].Error.Code));
    }

    [Fact]
    public void A_header_of_any_length_is_read()
    {
        BackupResult made = BackUp(_near);
        BackupHeader header = BackupFile.ReadHeader(made.Path).Header;
        string line = File.ReadAllLines(made.Path)[1];
        File.WriteAllText(made.Path, $"hsm-backup/1\n{line}{new string(' ', 20_000)}\n");
        Assert.Equal(header.KeyCheck, Assert.Single(Read().Backups).KeyCheck);
        File.WriteAllText(made.Path, $"hsm-backup/1\n{line}{new string(' ', 70_000)}\n");
        Assert.Equal(ErrorCode.HeaderInvalid, Assert.Single(Read().Unreadable).Error.Code);
    }

    [Fact]
    public void A_missing_copy_is_caught_up_and_read_back()
    {
        BackupResult made = BackUp(_near);
        CopiedBackup copied = Copy(Assert.Single(Read().Backups), replace: false, _near, _far);
        Assert.Equal([CopyOutcome.AlreadyThere, CopyOutcome.Written], copied.Copies.Select(c => c.Outcome));
        Assert.Equal(made.Digest, BackupFile.CheckIntegrity(copied.Copies[1].Location).Digest);
        Assert.All(copied.Tests, t => Assert.Equal((TestLevel.Integrity, true, made.Digest), (t.Level, t.Passed, t.Digest)));
    }

    [Fact]
    public void A_damaged_copy_is_neither_copied_nor_replaced_unasked()
    {
        BackupResult made = BackUp(_near, _far);
        File.WriteAllBytes(made.Copies[1].Location, File.ReadAllBytes(made.Copies[1].Location)[..^1]);
        BackupInfo found = Assert.Single(Read(stores: [_near]).Backups);
        Assert.Equal(ErrorCode.CopyExists, Assert.Single(Copy(found, replace: false, _far).Copies).Error!.Code);

        File.WriteAllBytes(made.Copies[0].Location, File.ReadAllBytes(made.Copies[0].Location)[..^1]);
        found = Assert.Single(Read(stores: [_near]).Backups);
        Assert.Equal(ErrorCode.IntegrityFailed, Assert.Throws<HsmBackupException>(() => Copy(found, replace: true, _far)).Code);
    }

    [Fact]
    public void A_backup_is_not_copied_to_where_its_key_file_is()
    {
        string keyPath = Path.Combine(Folder("far"), "key.txt");
        BackUp(keyPath, _near);
        CopiedBackup copied = Copy(Assert.Single(Read().Backups), replace: false, _far);
        Assert.Equal(ErrorCode.KeyFileBesideBackup, Assert.Single(copied.Copies).Error!.Code);
        Assert.Equal([keyPath], Directory.GetFiles(_far.Location));
    }

    [Fact]
    public void A_key_file_below_the_folder_counts_too_and_a_pipe_is_not_opened()
    {
        string keyPath = Path.Combine(Folder("far"), "sub", "key.txt");
        BackUp(keyPath, _near);
        using (var mkfifo = Process.Start("mkfifo", Path.Combine(_far.Location, "pipe")))
        {
            mkfifo.WaitForExit();
        }
        CopiedBackup copied = Copy(Assert.Single(Read().Backups), replace: false, _far);
        Assert.Equal(ErrorCode.KeyFileBesideBackup, Assert.Single(copied.Copies).Error!.Code);
    }

    [Fact]
    public void A_damaged_copy_stays_where_a_good_one_cannot_be_written()
    {
        BackupResult made = BackUp(_near, _far);
        string damaged = made.Copies[1].Location;
        File.WriteAllBytes(damaged, File.ReadAllBytes(damaged)[..^1]);
        using var full = new BrokenStore(_far) { AddError = ErrorCode.CopyExists };
        Assert.Equal(CopyOutcome.Failed, Assert.Single(Copy(Assert.Single(Read(stores: [_near]).Backups), replace: true, full).Copies).Outcome);
        Assert.True(File.Exists(damaged));
    }

    private ClusterCatalogue Read(double days = 0, IReadOnlyList<IBackupStore>? stores = null) => ClusterCatalogue.Read(
        new CatalogueRequest { Stores = stores ?? [_near, _far], StateFolder = _fixture.State, Clock = new ShiftedClock(TimeSpan.FromDays(days)) }, default);

    private CopiedBackup Copy(BackupInfo backup, bool replace, params IReadOnlyList<IBackupStore> targets) => CopyOperation.Run(
        new CopyRequest { Backup = backup, Sources = [_near, _far], Targets = targets, ReplaceDamaged = replace, StateFolder = _fixture.State }, null, default);

    private BackupResult BackUp(params IReadOnlyList<IBackupStore> stores) => BackUp(null, stores);

    private BackupResult BackUp(string? keyPath, params IReadOnlyList<IBackupStore> stores) =>
        BackupOperation.Run(Request(stores) with { KeyPath = keyPath }, null, CancellationToken.None);

    private BackupRequest Request(IReadOnlyList<IBackupStore> stores) => new()
    {
        Token = _fixture.Token.Address,
        Pin = _fixture.Token.Pin,
        Stores = stores,
        StateFolder = _fixture.State,
        // Backups of one second have no order.
        Clock = new ShiftedClock(TimeSpan.FromSeconds(_made++)),
    };

    private int _made;

    private string Folder(string name) => Path.Combine(_fixture.Folder, name);
}
