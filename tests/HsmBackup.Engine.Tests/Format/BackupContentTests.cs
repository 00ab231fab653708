using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Format;

public sealed class BackupContentTests
{
    [Fact]
    public void Another_key_is_told_apart_from_a_changed_file()
    {
        using OneTimeKey other = OneTimeKey.Generate();
        Assert.Equal(ErrorCode.KeyMismatch, Sample.CodeOf(() => BackupContent.Open(Vectors.PathOf("golden.hsmbackup"), other)));
    }

    [Fact]
    public void Damage_is_told_apart_from_a_changed_file()
    {
        byte[] file = Vectors.Read("golden.hsmbackup");
        file[file.Length / 2] ^= 1;
        Assert.Equal(ErrorCode.IntegrityFailed, Sample.CodeOf(() => Sample.Open(file)));
    }

    [Fact]
    public void A_file_that_changes_after_it_was_opened_gives_an_error_and_not_its_content()
    {
        byte[][] lines = [.. Enumerable.Range(0, 9).Select(i => Sample.Line(i, 1024 * 1024))];
        byte[] file = Sample.Write(lines);
        using OneTimeKey key = TestKey.Counting;
        using BackupContent content = BackupContent.Open(new MemoryStream(file), key);
        file[^100_000] ^= 1; // In the last segment of objects.
        List<int> read = [];
        Assert.Equal(ErrorCode.AuthenticationFailed, Sample.CodeOf(() =>
        {
            foreach (ReadOnlyMemory<byte> line in content.ReadObjects()) read.Add(line.Length);
        }));
        Assert.InRange(read.Count, 1, 8);
    }

    [Fact]
    public void A_shorter_file_put_in_its_place_is_noticed()
    {
        using OneTimeKey key = TestKey.Counting;
        using MemoryStream stream = new();
        stream.Write(Sample.Write([.. Enumerable.Range(0, 9).Select(i => Sample.Line(i, 1024 * 1024))]));
        using BackupContent content = BackupContent.Open(stream, key, leaveOpen: true);
        stream.SetLength(stream.Length - 1_000_000);
        Assert.Equal(ErrorCode.IntegrityFailed, Sample.CodeOf(() => _ = content.ReadObjects().Count()));
    }

    [Fact]
    public void Closing_clears_the_keys_and_the_lines_that_were_handed_out()
    {
        BackupContent content = Sample.Open(Vectors.Read("golden.hsmbackup"));
        BackupKeys keys = content.Keys;
        ReadOnlyMemory<byte> line;
        using (IEnumerator<ReadOnlyMemory<byte>> lines = content.ReadObjects().GetEnumerator())
        {
            Assert.True(lines.MoveNext());
            line = lines.Current;
            Assert.False(line.Span.IsEmpty);
        }
        Assert.Throws<ObjectDisposedException>(() => line.Span.Length);
        content.Dispose();
        Assert.Throws<ObjectDisposedException>(() => keys.Kek.Span.Length);
    }

    [Fact]
    public void The_stream_is_closed_or_left_open_as_asked()
    {
        using OneTimeKey key = TestKey.Counting;
        using MemoryStream stream = new(Vectors.Read("golden.hsmbackup"));
        BackupContent.Open(stream, key, leaveOpen: true).Dispose();
        Assert.True(stream.CanRead);
        BackupContent.Open(stream, key).Dispose();
        Assert.False(stream.CanRead);
    }

    [Fact]
    public void A_cancelled_caller_is_heard()
    {
        using OneTimeKey key = TestKey.Counting;
        CancellationToken cancelled = new(canceled: true);
        Assert.Throws<OperationCanceledException>(() => BackupContent.Open(Vectors.PathOf("golden.hsmbackup"), key, cancelled));
        Assert.Throws<OperationCanceledException>(() => BackupFile.CheckIntegrity(Vectors.PathOf("golden.hsmbackup"), cancelled));
        using BackupContent content = BackupContent.Open(Vectors.PathOf("golden.hsmbackup"), key);
        Assert.Throws<OperationCanceledException>(() => _ = content.ReadObjects(cancelled).Count());
    }

    [Fact]
    public void No_message_holds_a_key_or_content()
    {
        using OneTimeKey key = TestKey.Counting;
        foreach (MustFail vector in MustFail.All)
        {
            HsmBackupException error = Assert.Throws<HsmBackupException>(() => BackupContent.Open(new MemoryStream(vector.Bytes), key));
            string text = error.ToString() + error.RecommendedAction;
            Assert.DoesNotContain("hsmkey1", text, StringComparison.Ordinal);
            Assert.DoesNotContain("CKO_DATA", text, StringComparison.Ordinal);
            Assert.DoesNotContain("00010203", text, StringComparison.Ordinal);
        }
    }
}
