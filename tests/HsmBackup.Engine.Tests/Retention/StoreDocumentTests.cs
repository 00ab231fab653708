using System.Text;
using HsmBackup.Engine.Retention;
using HsmBackup.Engine.Tests.Support;
using Xunit;
using static HsmBackup.Engine.Tests.Retention.RetentionStores;

namespace HsmBackup.Engine.Tests.Retention;

public sealed class StoreDocumentTests : IDisposable
{
    private static readonly DateTimeOffset Since = new DateTimeOffset(2026, 11, 22, 12, 0, 0, TimeSpan.Zero).AddTicks(1234567);

    private readonly RetentionStores _stores = new();

    public void Dispose() => _stores.Dispose();

    [Fact]
    public void Documents_read_back_as_they_were_written()
    {
        var hold = new HoldDocument { By = "müller", Host = "hsm-1", Since = Since, Reason = "Prüfung \"2026\"", Until = Since.AddYears(1) };
        Assert.Equal(hold, HoldDocument.Parse(hold.ToJson()));
        Assert.Equal(hold with { Until = null }, HoldDocument.Parse((hold with { Until = null }).ToJson()));
        var mark = new RemovalDocument { By = "a", Host = "b", Origin = RemovalOrigin.Request, Since = Since, Due = DateTimeOffset.MaxValue, Reason = "c" };
        Assert.Equal(mark, RemovalDocument.Parse(mark.ToJson()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"by\":\"a\"")]
    [InlineData("{\"by\":\"a\",\"host\":\"b\",\"since\":\"2026-11-22\",\"reason\":\"c\"}")]
    [InlineData("{\"by\":\"a\",\"host\":\"b\",\"since\":\"2026-11-22T12:00:00.0000000Z\",\"reason\":\"\"}")]
    [InlineData("{\"by\":\"a\",\"host\":\"b\",\"since\":\"2026-11-22T12:00:00.0000000Z\",\"reason\":\"\\u001b[2J\"}")]
    [InlineData("{\"by\":\"a\",\"host\":\"b\",\"since\":\"2026-11-22T12:00:00.0000000Z\",\"reason\":\"c\",\"until\":7}")]
    [InlineData("{\"by\":\"a\",\"host\":\"b\",\"since\":\"2026-11-22T12:00:00.0000000Z\",\"reason\":\"c\",\"more\":1}")]
    [InlineData("{\"by\":\"a\",\"by\":\"b\",\"host\":\"b\",\"since\":\"2026-11-22T12:00:00.0000000Z\",\"reason\":\"c\"}")]
    public void What_is_not_quite_a_document_is_none(string json)
    {
        Assert.Null(HoldDocument.Parse(Encoding.UTF8.GetBytes(json)));
        Assert.Null(RemovalDocument.Parse(Encoding.UTF8.GetBytes(json)));
    }

    [Fact]
    public void A_document_is_bounded()
    {
        var hold = new HoldDocument { By = "a", Host = "b", Since = Since, Reason = "c" };
        string json = Encoding.UTF8.GetString(hold.ToJson());
        Assert.NotNull(HoldDocument.Parse(Encoding.UTF8.GetBytes(json + new string(' ', 1000))));
        Assert.Null(HoldDocument.Parse(Encoding.UTF8.GetBytes(json + new string(' ', 16 * 1024))));
        Assert.Null(HoldDocument.Parse((hold with { Reason = new string('x', 1025) }).ToJson()));
    }

    [Fact]
    public void A_lock_is_beside_every_copy_and_ends_a_pending_removal()
    {
        string id = _stores.BackUp();
        RemovalDocument.Of(new RemovalMark(_stores.Now, _stores.Now, RemovalOrigin.Request), "x").WriteTo(_stores.Local, id, CancellationToken.None);
        IReadOnlyList<HeldCopy> held = _stores.Documents(id).Lock(" audit ", _stores.Now.AddDays(1), CancellationToken.None);
        Assert.Equal(["local", "safe"], held.Select(h => h.Store));
        Assert.All(held, h => Assert.Equal((true, "audit"), (h.Held, h.Reason)));
        Assert.True(File.Exists(HoldOf(_stores.Local, id)) && File.Exists(HoldOf(_stores.Safe, id)));
        Assert.False(File.Exists(MarkOf(_stores.Local, id)));
        Assert.All(_stores.Documents(id).Unlock(CancellationToken.None), h => Assert.Equal((false, "audit"), (h.Held, h.Reason)));
        Assert.False(File.Exists(HoldOf(_stores.Local, id)) || File.Exists(HoldOf(_stores.Safe, id)));
        Assert.Empty(_stores.Documents(id).Unlock(CancellationToken.None));
    }

    [Fact]
    public void A_lock_needs_a_backup_a_reason_and_a_future()
    {
        string id = _stores.BackUp();
        Refusal.Of(ErrorCode.InvalidArgument, () => _stores.Documents(id).Lock("  ", null, CancellationToken.None));
        Refusal.Of(ErrorCode.InvalidArgument, () => _stores.Documents(id).Lock("a\u001b", null, CancellationToken.None));
        Refusal.Of(ErrorCode.InvalidArgument, () => _stores.Documents(id).Lock("a", _stores.Now, CancellationToken.None));
        BackupDocuments none = _stores.Documents("20260101T000000Z-payments-ffffffff");
        Refusal.Of(ErrorCode.BackupNotFound, () => none.Lock("a", null, CancellationToken.None));
        Refusal.Of(ErrorCode.BackupNotFound, () => none.Unlock(CancellationToken.None));
        Refusal.Of(ErrorCode.BackupNotFound, () => none.UndoRemoval(CancellationToken.None));
    }

    [Fact]
    public void A_pending_removal_is_undone_where_there_is_one()
    {
        string id = _stores.BackUp();
        Refusal.Of(ErrorCode.RemovalNotPending, () => _stores.Documents(id).UndoRemoval(CancellationToken.None));
        File.WriteAllText(MarkOf(_stores.Safe, id), "garbage");
        Assert.Equal("safe", Assert.Single(_stores.Documents(id).UndoRemoval(CancellationToken.None)).Store);
        Assert.False(File.Exists(MarkOf(_stores.Safe, id)));
    }

    [Fact]
    public void A_folder_that_is_away_is_told_with_what_that_means_for_the_hold()
    {
        string id = _stores.BackUp();
        Directory.Move(_stores.Local.Location, _stores.Local.Location + ".away");
        var errors = new List<HsmBackupException>();
        var documents = new BackupDocuments(id, [_stores.Local, _stores.Safe], errors.Add, _stores.State, _stores.Clock);
        Assert.Equal("safe", Assert.Single(documents.Lock("audit", null, CancellationToken.None)).Store);
        HsmBackupException error = Assert.Single(errors);
        Assert.Equal(ErrorCode.StoreUnmounted, error.Code);
        Assert.EndsWith("The hold is not there.", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_stores.Local.Location));
    }

    [Fact]
    public void A_medium_that_is_away_is_told_and_the_other_stores_are_done()
    {
        string id = _stores.BackUp();
        Directory.Move(_stores.Safe.Location, _stores.Safe.Location + ".away");
        var errors = new List<ErrorCode>();
        var documents = new BackupDocuments(id, [_stores.Safe, _stores.Local], e => errors.Add(e.Code), _stores.State, _stores.Clock);
        Assert.Equal("local", Assert.Single(documents.Lock("audit", null, CancellationToken.None)).Store);
        Assert.Equal([ErrorCode.StoreUnmounted], errors);
    }
}
