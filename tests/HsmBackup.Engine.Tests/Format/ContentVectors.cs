using System.Text;

namespace HsmBackup.Engine.Tests.Format;

/// <summary>
/// Backups that only their key shows to be wrong: parts that were moved, and forgeries by somebody who knows the key.
/// </summary>
internal static class ContentVectors
{
    private const string Object0 = """{"object":0,"class":"CKO_DATA"}""";
    private const string Object1 = """{"object":1,"class":"CKO_DATA"}""";
    private const string Manifest = """{"manifest":{"token":{"label":"payments-1"}}}""";

    /// <summary>One segment, two objects; nothing wrong.</summary>
    public static Forge TwoObjects(string seed) => new()
    {
        Seed = seed,
        Header = HeaderVectors.HeaderLine(HeaderVectors.Good),
        Parts = [Forge.Lines(Manifest, Object0, Object1)],
        Objects = 2,
    };

    /// <summary>Three segments of objects, an attachment in two parts, an empty one, and the end; nothing wrong.</summary>
    public static Forge ManySegments(string seed) => new()
    {
        Seed = seed,
        Header = HeaderVectors.HeaderLine(HeaderVectors.Good),
        Parts =
        [
            Forge.Lines(Manifest), Forge.Lines(Object0), Forge.Lines(Object1),
            Forge.Attachment("vendor.bin", 0, false, "first part\n"), Forge.Attachment("vendor.bin", 11, true, "last part"),
            Forge.Attachment("empty", 0, true, ""), Forge.Lines(),
        ],
        Objects = 2,
        Attachments = 2,
    };

    public static IEnumerable<MustFail> All()
    {
        yield return Many("mac-wrong", "another MAC in the seal", f => f.SealOf = mac => Cms.Seal(new byte[mac.Length]));
        yield return Many("header-edited", "the name in the header was changed afterwards, and the file sealed again", EditHeader);
        yield return Many("segment-dropped", "a segment is missing", f => f.Arrange = s => [s[0], s[1], .. s.Skip(3)]);
        yield return Many("segment-last-dropped", "the last segment is missing", f => f.Arrange = s => s[..^1]);
        yield return Many("segment-first-dropped", "the first segment is missing", f => f.Arrange = s => s[1..]);
        yield return Many("segment-repeated", "a segment stands there twice", f => f.Arrange = s => [s[0], s[1], s[1], .. s.Skip(2)]);
        yield return Many("segment-last-repeated", "the last segment stands there twice", f => f.Arrange = s => [.. s, s[^1]]);
        yield return Many("segments-swapped", "two segments have changed places", f => f.Arrange = s => [s[0], s[2], s[1], .. s.Skip(3)]);
        yield return Many("segment-spliced", "a segment of a backup with the same key and id, and another header", Splice);
        yield return Many("segment-other-id", "a segment of a backup with the same one-time key and another id", SpliceOtherId);

        yield return Head("head-index", "a segment calls itself by another number", p => p with { Index = 7 });
        yield return Head("head-binding", "a segment names another header", p => p with { Binding = new string('0', 64) });
        yield return Head("head-kind", "a kind that version 1 does not have", p => p with { Kind = "index" });
        yield return Head("head-kind-case", "a kind in other letters", p => p with { Kind = "Objects" });
        yield return Head("head-extra", "an unknown member in a first line", p => p with { More = ",\"note\":0" });
        yield return Head("head-attachment-members", "an attachment's members in a segment of objects",
            p => p with { More = ",\"name\":\"a\",\"offset\":0,\"final\":true" });
        yield return Many("head-blank", "a blank in a first line", f => f.Head = (p, b) => Forge.DefaultHead(p, b).Replace(",", ", ", StringComparison.Ordinal));
        yield return Many("head-order", "the members of a first line in another order",
            f => f.Head = (p, b) => $$"""{"kind":"{{p.Kind}}","segment":{{p.Index}},"binding":"{{b}}"{{p.More}}}""" + "\n");
        yield return Many("head-missing", "segments without a first line", f => f.Head = (_, _) => "");
        yield return Many("head-json", "a first line that is not JSON", f => f.Head = (p, b) => "segment " + Forge.DefaultHead(p, b));

        yield return Two("end-missing", "no end line", f => f.End = _ => "");
        yield return Two("end-objects", "the end line counts another number of objects", f => f.End = digest => EndLine(3, 0, digest));
        yield return Two("end-attachments", "the end line counts an attachment that is not there", f => f.End = digest => EndLine(2, 1, digest));
        yield return Two("end-digest", "another digest in the end line", f => f.End = _ => EndLine(2, 0, new string('0', 64)));
        yield return Two("end-spelling", "a blank in the end line", f => f.End = digest => EndLine(2, 0, digest).Replace(":{", ": {", StringComparison.Ordinal));
        yield return Two("end-newline", "the end line has no newline", f => f.End = digest => EndLine(2, 0, digest).TrimEnd());
        yield return Two("end-twice", "two end lines", f => f.End = digest => EndLine(2, 0, digest) + EndLine(2, 0, digest));
        yield return Two("end-then-object", "an object after the end line", f => f.End = digest => EndLine(2, 0, digest) + Object0 + "\n");
        yield return Many("end-then-segment", "a segment after the one with the end line", f => f.Arrange = segments =>
        {
            Forge.Part more = Forge.Lines(Object1) with { Index = segments.Count };
            byte[] content = [.. Encoding.UTF8.GetBytes(Forge.DefaultHead(more, f.Binding)), .. more.Body];
            return [.. segments, Cms.Segment(new Cms.Shape(f.Seed, segments.Count), content)];
        });

        yield return Two("objects-fewer", "fewer objects than the header counts", f => SetObjects(f, Object0));
        yield return Two("objects-more", "more objects than the header counts", f => SetObjects(f, Object0, Object1, Object1));
        yield return Two("manifest-missing", "no manifest", f => f.Parts[0] = Forge.Lines(Object0, Object1));
        yield return Two("manifest-twice", "two manifests", f => f.Parts[0] = Forge.Lines(Manifest, Manifest, Object0));
        yield return Two("manifest-late", "the manifest comes after an object", f => f.Parts[0] = Forge.Lines(Object0, Manifest, Object1));
        yield return Two("manifest-array", "the manifest is not an object", f => f.Parts[0] = Forge.Lines("{\"manifest\":[]}", Object0, Object1));
        yield return Two("manifest-more", "another member beside the manifest", f => f.Parts[0] = Forge.Lines("{\"manifest\":{},\"x\":{}}", Object0, Object1));
        yield return Two("line-json", "a line that is not JSON", f => f.Parts[0] = Forge.Lines(Manifest, Object0, "{\"object\":1"));
        yield return Two("line-array", "a line that is not an object", f => f.Parts[0] = Forge.Lines(Manifest, Object0, "[1]"));
        yield return Two("line-empty", "an empty line", f => f.Parts[0] = Forge.Lines(Manifest, Object0, ""));
        yield return Two("line-crlf", "a line that ends as in DOS", f => f.Parts[0] = Forge.Lines(Manifest, Object0 + "\r", Object1));
        yield return Two("line-reserved", "an object with a member 'end'", f => f.Parts[0] = Forge.Lines(Manifest, Object0, """{"object":1,"\u0065nd":{}}"""));
        yield return Two("line-not-utf8", "a line that is not UTF-8", f => f.Parts[0] = new("objects",
            [.. Forge.Lines(Manifest, Object0).Body, .. "{\"object\":\""u8, 0xFF, .. "\"}\n"u8]));
        yield return Many("line-divided", "a line that goes on in the next segment", f =>
        {
            f.Parts[1] = new("objects", Encoding.UTF8.GetBytes(Object0[..10]));
            f.Parts[2] = new("objects", Encoding.UTF8.GetBytes(Object0[10..] + "\n" + Object1 + "\n"));
        });
        yield return Many("segment-empty", "a segment without content", f => f.Parts[1] = Forge.Lines());

        yield return Many("attachment-first", "the first segment is an attachment", f => f.Parts.Insert(0, Forge.Attachment("a", 0, true, "a")));
        yield return Many("attachment-gap", "an attachment with a gap", f => f.Parts[4] = Forge.Attachment("vendor.bin", 12, true, "last part"));
        yield return Many("attachment-overlap", "an attachment that goes back", f => f.Parts[4] = Forge.Attachment("vendor.bin", 0, true, "last part"));
        yield return Many("attachment-start", "an attachment that does not begin at 0", f => f.Parts[3] = Forge.Attachment("vendor.bin", 1, false, "irst part\n"));
        yield return Many("attachment-unended", "an attachment without its last part", f => f.Parts[4] = Forge.Attachment("vendor.bin", 11, false, "last part"));
        yield return Many("attachment-unended-last", "the last attachment has no last part", f => f.Parts[5] = Forge.Attachment("empty", 0, false, "x"));
        yield return Many("attachment-mixed", "another attachment begins within one", f => f.Parts[4] = Forge.Attachment("other", 0, true, "x"));
        yield return Many("attachment-twice", "two attachments of one name", f => f.Parts[5] = Forge.Attachment("vendor.bin", 0, true, "again"));
        yield return Many("attachment-hollow", "an empty part that is not the last", f =>
        {
            f.Parts[3] = Forge.Attachment("vendor.bin", 0, false, "");
            f.Parts[4] = Forge.Attachment("vendor.bin", 0, true, "last part");
        });
        yield return Many("attachment-name", "an attachment whose name is a path", f => f.Parts[5] = Forge.Attachment("../empty", 0, true, ""));
        yield return Many("attachment-dot", "an attachment whose name is hidden", f => f.Parts[5] = Forge.Attachment(".profile", 0, true, ""));
        yield return Many("attachment-negative", "a negative offset", f => f.Parts[5] = Forge.Attachment("empty", -1, true, ""));
        yield return Many("object-after-attachment", "an object after an attachment", f =>
        {
            f.Parts[2] = Forge.Attachment("early", 0, true, "x");
            f.Parts[6] = Forge.Lines(Object1);
            f.Attachments = 3;
        });
    }

    private static MustFail Two(string name, string why, Action<Forge> edit) => Build(TwoObjects(name), name, why, edit);

    private static MustFail Many(string name, string why, Action<Forge> edit) => Build(ManySegments(name), name, why, edit);

    private static MustFail Head(string name, string why, Func<Forge.Part, Forge.Part> edit) =>
        Many(name, why, f => f.Parts[1] = edit(f.Parts[1]));

    private static MustFail Build(Forge forge, string name, string why, Action<Forge> edit)
    {
        edit(forge);
        return MustFail.ByContent(name, why, forge.Build());
    }

    private static string EndLine(int objects, int attachments, string digest) =>
        $$$"""{"end":{"objects":{{{objects}}},"attachments":{{{attachments}}},"digest":"{{{digest}}}"}}""" + "\n";

    // The end line counts what is there.
    private static void SetObjects(Forge forge, params string[] objects)
    {
        forge.Parts[0] = Forge.Lines([Manifest, .. objects]);
        forge.Objects = objects.Length;
    }

    // The segments stay those of the first header.
    private static void EditHeader(Forge forge)
    {
        List<byte[]> contents = forge.Plaintexts();
        forge.Header = HeaderVectors.HeaderLine(HeaderVectors.Good.Replace("Payments", "Receipts", StringComparison.Ordinal));
        forge.Segment = (index, _) => Cms.Segment(new Cms.Shape(forge.Seed, index), contents[index]);
    }

    private static void Splice(Forge forge)
    {
        Forge other = ManySegments(forge.Seed + "-other");
        other.Header = HeaderVectors.HeaderLine(HeaderVectors.Good.Replace("Payments", "Receipts", StringComparison.Ordinal));
        byte[] foreign = Cms.Segment(new Cms.Shape(other.Seed, 1), other.Plaintexts()[1]);
        forge.Arrange = segments => [segments[0], foreign, .. segments.Skip(2)];
    }

    private static void SpliceOtherId(Forge forge)
    {
        byte[] foreign = Cms.Segment(new Cms.Shape(forge.Seed, 1)
        {
            Id = Sample.Parse("20261120T225300Z-payments-99887766"),
        }, forge.Plaintexts()[1]);
        forge.Arrange = segments => [segments[0], foreign, .. segments.Skip(2)];
    }
}
