using System.Text;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Format;

/// <summary>The key, the header and the content that the tests of the format share.</summary>
internal static class Sample
{
    public static readonly BackupId Id = Parse("20261121T225300Z-payments-0a1b2c3d");

    public static readonly byte[] Manifest = """{"tool":"HsmBackup 0.1.0","token":{"label":"payments-1"}}"""u8.ToArray();

    /// <summary>The keys of every vector and of whatever the tests write.</summary>
    public static BackupKeys Keys(BackupId? id = null)
    {
        using OneTimeKey key = TestKey.Counting;
        return BackupKeys.Derive(key, (id ?? Id).ToString());
    }

    public static BackupId Parse(string text) =>
        BackupId.TryParse(text, out BackupId? id) ? id : throw new ArgumentException(text, nameof(text));

    public static BackupHeader Header(int captured, int notExtractable = 0)
    {
        using BackupKeys keys = Keys();
        return new BackupHeader
        {
            Id = Id,
            ClusterId = "6f1c2f0a-payments",
            ClusterName = "Payments",
            Mode = BackupMode.OneTimeKey,
            KeyCheck = keys.Check,
            Verdicts = new VerdictCounts(captured, notExtractable, 0, 0, 0),
            RetentionClass = RetentionClass.Online,
        };
    }

    public static byte[] Line(int number, int padding = 0) =>
        Encoding.UTF8.GetBytes($$"""{"object":{{number}},"class":"CKO_DATA","padding":"{{new string('x', padding)}}"}""");

    /// <summary>Writes a backup of these lines to memory.</summary>
    public static byte[] Write(IReadOnlyCollection<byte[]> lines, IEnumerable<BackupAttachment>? attachments = null,
        BackupHeader? header = null, BackupSigner? signer = null)
    {
        using MemoryStream output = new();
        Write(output, lines, attachments, header, signer);
        return output.ToArray();
    }

    public static BackupFileSummary Write(Stream output, IReadOnlyCollection<byte[]> lines,
        IEnumerable<BackupAttachment>? attachments = null, BackupHeader? header = null, BackupSigner? signer = null)
    {
        using TestFolder folder = new();
        using BackupKeys keys = Keys();
        using ContentSpool spool = new(folder.Root, Id);
        foreach (byte[] line in lines) spool.Add(line);
        return BackupFileWriter.Write(output, header ?? Header(lines.Count), keys, Manifest, spool, attachments, signer);
    }

    public static BackupContent Open(byte[] file)
    {
        using OneTimeKey key = TestKey.Counting;
        return BackupContent.Open(new MemoryStream(file), key);
    }

    public static List<byte[]> ReadAll(byte[] file)
    {
        using BackupContent content = Open(file);
        return [.. content.ReadObjects().Select(line => line.ToArray())];
    }

    /// <summary>The error that an action ends with.</summary>
    public static ErrorCode CodeOf(Action action) => Assert.Throws<HsmBackupException>(action).Code;
}
