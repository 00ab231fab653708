using System.Security.Cryptography;
using System.Text;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tests.Format;

/// <summary>
/// A second writer of the format, made from its specification and of nothing that the engine's writer is made of. Every
/// step can be replaced by a wrong one, so it also makes what a holder of the key could forge. The same forge always
/// makes the same bytes: its content keys and nonces are not random.
/// </summary>
internal sealed class Forge
{
    /// <summary>What follows a segment's first line, and what that line says.</summary>
    public sealed record Part(string Kind, byte[] Body)
    {
        public string More { get; init; } = "";
        public int? Index { get; init; }
        public string? Binding { get; init; }
    }

    public string Seed { get; init; } = "";
    public byte[] Magic { get; set; } = "hsm-backup/1\n"u8.ToArray();
    public byte[] Header { get; set; } = [];
    public List<Part> Parts { get; init; } = [];
    public int Objects { get; set; }
    public int Attachments { get; set; }
    public Func<string, string> End { get; set; }
    public Func<Part, string, string> Head { get; set; } = DefaultHead;
    public Func<int, byte[], byte[]> Segment { get; set; }
    public Func<List<byte[]>, IEnumerable<byte[]>> Arrange { get; set; } = segments => segments;
    public Func<byte[], byte[]> SealOf { get; set; } = mac => Cms.Seal(mac);
    public Func<byte[], byte[]> Digest { get; set; } = SHA256.HashData;

    public Forge()
    {
        End = digest => $$$"""{"end":{"objects":{{{Objects}}},"attachments":{{{Attachments}}},"digest":"{{{digest}}}"}}""" + "\n";
        Segment = (index, plaintext) => Cms.Segment(new Cms.Shape(Seed, index), plaintext);
    }

    public string Binding => Hex(SHA256.HashData([.. Magic, .. Header]));

    public byte[] Build()
    {
        using BackupKeys keys = Sample.Keys();
        List<byte[]> contents = Plaintexts();
        IEnumerable<byte[]> segments = Arrange([.. contents.Select((content, index) => Segment(index, content))]);
        byte[] file = [.. Magic, .. Header, .. segments.SelectMany(segment => segment)];
        file = [.. file, .. SealOf(HMACSHA256.HashData(keys.Seal.Span, file))];
        return [.. file, .. Digest(file)];
    }

    public List<byte[]> Plaintexts()
    {
        using IncrementalHash digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        List<byte[]> contents = [];
        for (int i = 0; i < Parts.Count; i++)
        {
            Part part = Parts[i] with { Index = Parts[i].Index ?? i };
            byte[] content = [.. Encoding.UTF8.GetBytes(Head(part, part.Binding ?? Binding)), .. part.Body];
            digest.AppendData(content);
            if (i == Parts.Count - 1) content = [.. content, .. Encoding.UTF8.GetBytes(End(Hex(digest.GetCurrentHash())))];
            contents.Add(content);
        }
        return contents;
    }

    public static string DefaultHead(Part part, string binding) =>
        $$"""{"segment":{{part.Index}},"kind":"{{part.Kind}}","binding":"{{binding}}"{{part.More}}}""" + "\n";

    public static Part Lines(params string[] lines) => new("objects", Encoding.UTF8.GetBytes(string.Concat(lines.Select(l => l + "\n"))));

    public static Part Attachment(string name, long offset, bool final, string bytes) =>
        new("attachment", Encoding.UTF8.GetBytes(bytes)) { More = $",\"name\":\"{name}\",\"offset\":{offset},\"final\":{(final ? "true" : "false")}" };

    public static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
