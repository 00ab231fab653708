using System.Text;
using FsCheck;
using FsCheck.Fluent;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Format;

public sealed class BackupRoundTripTests
{
    [Fact]
    public void What_is_written_is_read()
    {
        byte[][] lines = [Sample.Line(0), Sample.Line(1, 1000), """{"object":2,"text":"Prüfung ✓"}"""u8.ToArray()];
        using BackupContent content = Sample.Open(Sample.Write(lines));

        Assert.Equal(Sample.Header(3), content.Header);
        Assert.Equal(Sample.Manifest, content.Manifest.ToArray());
        Assert.Equal(lines, content.ReadObjects().Select(line => line.ToArray()));
        Assert.Empty(content.Attachments);
    }

    [Fact]
    public void An_empty_token_is_a_backup_too()
    {
        using BackupContent content = Sample.Open(Sample.Write([]));
        Assert.True(content.Header.Complete);
        Assert.Empty(content.ReadObjects());
    }

    [Fact]
    public void Writing_and_checking_agree_on_what_the_file_is()
    {
        using MemoryStream file = new();
        BackupFileSummary written = Sample.Write(file, [Sample.Line(0)]);
        BackupFileSummary found = BackupFile.CheckIntegrity(file);
        Assert.Equal(written, found);
        Assert.Equal(file.Length, found.Length);
        Assert.Equal(Convert.ToHexStringLower(file.ToArray().AsSpan(^32..)), found.Digest);
    }

    [Theory]
    // Around the end of a block of the spool and of a segment, and far beyond.
    [InlineData(4, 1024 * 1024)]
    [InlineData(5, 1024 * 1024 - 60)]
    [InlineData(3, 3 * 1024 * 1024 - 60)]
    [InlineData(9000, 1000)]
    public void Content_of_several_segments_comes_back_in_order(int count, int padding)
    {
        byte[][] lines = [.. Enumerable.Range(0, count).Select(i => Sample.Line(i, padding))];
        byte[] file = Sample.Write(lines);
        using BackupContent content = Sample.Open(file);
        Assert.True(content.Summary.Segments > 1);
        int i = 0;
        foreach (ReadOnlyMemory<byte> line in content.ReadObjects()) Assert.True(line.Span.SequenceEqual(lines[i++]));
        Assert.Equal(count, i);
    }

    [Fact]
    public void Two_enumerations_take_turns_without_disturbing_each_other()
    {
        byte[][] lines = [.. Enumerable.Range(0, 12).Select(i => Sample.Line(i, 1024 * 1024))];
        using BackupContent content = Sample.Open(Sample.Write(lines));
        using IEnumerator<ReadOnlyMemory<byte>> left = content.ReadObjects().GetEnumerator();
        using IEnumerator<ReadOnlyMemory<byte>> right = content.ReadObjects().GetEnumerator();
        foreach (byte[] line in lines)
        {
            Assert.True(left.MoveNext() && right.MoveNext());
            Assert.True(left.Current.Span.SequenceEqual(line) && right.Current.Span.SequenceEqual(line));
        }
        Assert.False(left.MoveNext() || right.MoveNext());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(BackupFormat.MaxSegmentLength - 384 - 1)]
    [InlineData(BackupFormat.MaxSegmentLength - 384)]
    [InlineData(BackupFormat.MaxSegmentLength - 384 + 1)]
    [InlineData(10_000_000)]
    public void Attachments_come_back(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        byte[] file = Sample.Write([Sample.Line(0)],
            [new("vendor.bin", new MemoryStream(bytes)), new("notes.txt", new MemoryStream("as text\n"u8.ToArray()))]);

        using BackupContent content = Sample.Open(file);
        Assert.Equal([new AttachmentInfo("vendor.bin", length), new AttachmentInfo("notes.txt", 8)], content.Attachments);
        Assert.Equal(bytes, Copy(content, "vendor.bin"));
        Assert.Equal("as text\n", Encoding.UTF8.GetString(Copy(content, "notes.txt")));
        Assert.Single(content.ReadObjects());
        Assert.Equal(ErrorCode.InvalidArgument, Sample.CodeOf(() => Copy(content, "other")));
    }

    [Fact]
    public void Any_lines_in_any_number_of_segments_come_back()
    {
        Gen<string> small = Gen.OneOf(Gen.Choose(0, 300).Select(n => new string('a', n)),
            ArbMap.Default.GeneratorFor<NonNull<string>>().Select(s => s.Get));
        // One of these lines in four is so long that two or three fill a segment.
        Gen<string> mixed = Gen.Frequency((3, small),
            (1, Gen.Elements(1_000_000, 2_500_000, BackupFormat.MaxLineLength - 20).Select(n => new string('b', n))));
        Gen<string[]> texts = Gen.Frequency((3, small.ListOf()), (1, mixed.ListOf())).Select(list => list.ToArray());
        Prop.ForAll(texts.ToArbitrary(), values =>
        {
            byte[][] lines = [.. values.Select(value => Encoding.UTF8.GetBytes($$"""{"object":{{Json(value)}}}"""))];
            List<byte[]> read = Sample.ReadAll(Sample.Write(lines));
            return read.Count == lines.Length && read.Zip(lines).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(60).WithEndSize(40));
    }

    [Fact]
    public void Lines_with_a_break_or_reserved_names_are_not_taken()
    {
        using TestFolder folder = new();
        using ContentSpool spool = new(folder.Root, Sample.Id);
        Assert.Throws<ArgumentException>(() => spool.Add("{\"object\":\n0}"u8));
        Assert.Throws<ArgumentException>(() => spool.Add("{\"object\":\r0}"u8));
        Assert.Throws<ArgumentException>(() => spool.Add("""{"end":0}"""u8));
        Assert.Throws<ArgumentException>(() => spool.Add("""{"object":0,"\u0065nd":0}"""u8));
        Assert.Throws<ArgumentException>(() => spool.Add("""{"segment":0}"""u8));
        Assert.Throws<ArgumentException>(() => spool.Add("""{"manifest":0}"""u8));
        Assert.Throws<ArgumentException>(() => spool.Add("""[1]"""u8));
        Assert.Throws<ArgumentException>(() => spool.Add("""{"object":0} {}"""u8));
        Assert.Throws<ArgumentException>(() => spool.Add(""u8));
        Assert.Throws<ArgumentException>(() => spool.Add([.. "{\"object\":\""u8, 0xFF, .. "\"}"u8]));
        Assert.Throws<ArgumentException>(() => spool.Add(Sample.Line(0, BackupFormat.MaxLineLength)));
        spool.Add("""{"object":0,"inner":{"end":0}}"""u8);
        Assert.Equal(1, spool.Count);
    }

    private static string Json(string value) => System.Text.Json.JsonSerializer.Serialize(value);

    private static byte[] Copy(BackupContent content, string name)
    {
        using MemoryStream copy = new();
        content.CopyAttachment(name, copy);
        return copy.ToArray();
    }
}
