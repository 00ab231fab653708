using System.Globalization;
using System.Text;
using System.Text.Json;

namespace HsmBackup.Engine.Format;

/// <summary>The first line of a segment: its place in the file, what it holds, and the file that it belongs to.</summary>
/// <param name="Index">Place among the segments, from 0.</param>
/// <param name="Binding">SHA-256 of the file's magic and header lines, in hex.</param>
/// <param name="Attachment">Name of the attachment whose bytes follow; null for a segment of object lines.</param>
/// <param name="Offset">Where in the attachment those bytes belong.</param>
/// <param name="Final">Whether they are its last.</param>
internal sealed record SegmentHead(int Index, string Binding, string? Attachment = null, long Offset = 0, bool Final = false)
{
    /// <summary>No first line is longer, newline included: three numbers, a digest and a name of 128 characters.</summary>
    public const int MaxLength = 384;

    /// <summary>The line, with its newline.</summary>
    public byte[] Format()
    {
        string kind = Attachment is null ? "objects" : "attachment";
        string part = Attachment is null ? "" : string.Create(CultureInfo.InvariantCulture,
            $$""","name":"{{Attachment}}","offset":{{Offset}},"final":{{(Final ? "true" : "false")}}""");
        string json = string.Create(CultureInfo.InvariantCulture,
            $$"""{"segment":{{Index}},"kind":"{{kind}}","binding":"{{Binding}}"{{part}}}""");
        return Encoding.UTF8.GetBytes(json + "\n");
    }

    /// <summary>Reads a line without its newline.</summary>
    /// <exception cref="FormatException">It is not a first line of version 1; the message says what is wrong.</exception>
    public static SegmentHead Parse(ReadOnlySpan<byte> line)
    {
        SegmentHead head;
        try
        {
            using JsonDocument document = JsonDocument.Parse(line.ToArray(),
                new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 1 });
            StrictJson json = new(document.RootElement, "a segment's first line");
            head = new SegmentHead(json.Integer("segment"), json.String("binding"));
            string kind = json.String("kind");
            if (kind == "attachment")
                head = head with
                {
                    Attachment = json.String("name"),
                    Offset = json.LongInteger("offset"),
                    Final = json.Boolean("final"),
                };
            else if (kind != "objects")
                throw new FormatException("a segment is of a kind that version 1 does not have");
            json.AssertNothingElse();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException("a segment does not begin with a line of JSON", e);
        }
        if (head.Attachment is not null && !BackupAttachment.IsValidName(head.Attachment))
            throw new FormatException("an attachment has a name that is not allowed");
        // One spelling only: what two readers could understand in two ways is refused.
        if (!head.Format().AsSpan()[..^1].SequenceEqual(line))
            throw new FormatException("a segment's first line is not spelled as version 1 spells it");
        return head;
    }
}
