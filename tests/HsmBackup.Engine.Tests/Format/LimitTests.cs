using HsmBackup.Engine.Format;
using Xunit;

namespace HsmBackup.Engine.Tests.Format;

/// <summary>Both sides of each limit: what just fits is read, what is one more is refused.</summary>
public sealed class LimitTests
{
    private const string Manifest = """{"manifest":{}}""";

    [Theory]
    [InlineData(0, null)]
    [InlineData(1, ErrorCode.IntegrityFailed)]
    // So long that the DER is beyond its bound as well.
    [InlineData(300, ErrorCode.IntegrityFailed)]
    public void A_segment_has_at_most_4_MiB(int excess, ErrorCode? refused)
    {
        Forge forge = ContentVectors.TwoObjects("limit");
        // Two lines, since one alone may not be so long; the second takes what the rest leaves.
        int around = LengthOf(forge, Manifest, Line(0), Line(0));
        int first = BackupFormat.MaxLineLength / 2;
        forge.Parts[0] = Forge.Lines(Manifest, Line(first), Line(BackupFormat.MaxSegmentLength + excess - around - first));
        Assert.Equal(BackupFormat.MaxSegmentLength + excess, forge.Plaintexts()[0].Length);
        AssertRead(forge, refused);
    }

    [Theory]
    [InlineData(0, null)]
    [InlineData(1, ErrorCode.AuthenticationFailed)]
    public void A_line_has_at_most_3_MiB(int excess, ErrorCode? refused)
    {
        Forge forge = ContentVectors.TwoObjects("limit");
        string line = Line(BackupFormat.MaxLineLength + excess - Line(0).Length - 1);
        Assert.Equal(BackupFormat.MaxLineLength + excess, line.Length + 1);
        forge.Parts[0] = Forge.Lines(Manifest, line, Line(0));
        AssertRead(forge, refused);
    }

    [Theory]
    [InlineData(64, null)]
    [InlineData(65, ErrorCode.AuthenticationFailed)]
    public void JSON_is_at_most_64_deep(int depth, ErrorCode? refused)
    {
        Forge forge = ContentVectors.TwoObjects("limit");
        string deep = $$"""{"object":{{new string('[', depth - 1)}}{{new string(']', depth - 1)}}}""";
        forge.Parts[0] = Forge.Lines(Manifest, Line(0), deep);
        AssertRead(forge, refused);
    }

    [Theory]
    [InlineData(1000, null)]
    [InlineData(1001, ErrorCode.AuthenticationFailed)]
    public void There_are_at_most_1000_attachments(int count, ErrorCode? refused)
    {
        Forge forge = ContentVectors.TwoObjects("limit");
        forge.Parts.AddRange(Enumerable.Range(0, count).Select(i => Forge.Attachment($"a{i}", 0, true, "")));
        forge.Parts.Add(Forge.Lines());
        forge.Attachments = count;
        AssertRead(forge, refused);
    }

    [Theory]
    [InlineData(128, null)]
    [InlineData(129, ErrorCode.AuthenticationFailed)]
    public void A_name_of_an_attachment_has_at_most_128_characters(int length, ErrorCode? refused)
    {
        Forge forge = ContentVectors.TwoObjects("limit");
        forge.Parts.Add(Forge.Attachment(new string('a', length), 0, true, "x"));
        forge.Parts.Add(Forge.Lines());
        forge.Attachments = 1;
        AssertRead(forge, refused);
    }

    private static string Line(int padding) => $$"""{"object":"{{new string('x', padding)}}"}""";

    private static int LengthOf(Forge forge, params string[] lines)
    {
        forge.Parts[0] = Forge.Lines(lines);
        return forge.Plaintexts()[0].Length;
    }

    private static void AssertRead(Forge forge, ErrorCode? refused)
    {
        byte[] file = forge.Build();
        if (refused is { } code) Assert.Equal(code, Sample.CodeOf(() => Sample.ReadAll(file)));
        else Assert.Equal(2, Sample.ReadAll(file).Count);
    }
}
