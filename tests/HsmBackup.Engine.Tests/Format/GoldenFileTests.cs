using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Format;

public sealed class GoldenFileTests
{
    private static readonly byte[] Golden = Vectors.Read("golden.hsmbackup");

    [Fact]
    public void It_opens_and_holds_what_its_index_says()
    {
        using OneTimeKey key = TestKey.Counting;
        using BackupContent content = BackupContent.Open(Vectors.PathOf("golden.hsmbackup"), key);
        Assert.Equal(Sample.Id, content.Header.Id);
        Assert.Equal(new VerdictCounts(3, 1, 0, 0, 0), content.Header.Verdicts);
        Assert.False(content.Header.Complete);
        Assert.Equal("20261120T225300Z-payments-99887766", content.Header.Previous!.Id.ToString());
        JsonElement[] records = [.. content.ReadObjects().Select(line => JsonDocument.Parse(line.ToArray()).RootElement)];
        Assert.Equal(["Captured", "Captured", "Captured", "NotExtractable"], records.Select(r => r.GetProperty("verdict").GetString()));

        using RSA privateKey = RSA.Create();
        byte[] wrapped = records[0].GetProperty("material").GetProperty("data").GetBytesFromBase64();
        byte[] pkcs8 = new byte[wrapped.Length];
        Assert.True(KeyWrap.TryUnwrap5649(content.Keys.Kek.Span, wrapped, pkcs8, out int length));
        privateKey.ImportPkcs8PrivateKey(pkcs8.AsSpan(0, length), out _);
        Assert.Equal(records[1].GetProperty("attributes").GetProperty("CKA_MODULUS").GetBytesFromBase64(),
            privateKey.ExportParameters(false).Modulus);
    }

    [Theory]
    [InlineData("golden.hsmbackup")]
    [InlineData("golden-forms.hsmbackup")]
    public void Its_manifest_and_records_are_those_of_this_program(string fileName)
    {
        using OneTimeKey key = TestKey.Counting;
        using BackupContent content = BackupContent.Open(Vectors.PathOf(fileName), key);
        Assert.Equal("payments-1", BackupManifest.Parse(content.Manifest).TokenLabel);
        int number = 0;
        foreach (ReadOnlyMemory<byte> line in content.ReadObjects()) Assert.Equal(number++, ObjectRecordJson.Read(line.Span).Index);
        Assert.Equal(content.Header.Objects, number);
    }

    [Fact]
    public void The_file_of_several_segments_opens()
    {
        using OneTimeKey key = TestKey.Counting;
        using BackupContent content = BackupContent.Open(Vectors.PathOf("golden-segments.hsmbackup"), key);
        Assert.Equal(7, content.Summary.Segments);
        Assert.Equal(2, content.ReadObjects().Count());
        Assert.Equal([new AttachmentInfo("vendor.bin", 20), new AttachmentInfo("empty", 0)], content.Attachments);
        using MemoryStream copy = new();
        content.CopyAttachment("vendor.bin", copy);
        Assert.Equal("first part\nlast part", Encoding.UTF8.GetString(copy.ToArray()));
    }

    [Fact]
    public void The_file_that_remembers_an_audit_log_opens()
    {
        using OneTimeKey key = TestKey.Counting;
        using BackupContent content = BackupContent.Open(Vectors.PathOf("golden-audit.hsmbackup"), key);
        Assert.Equal(new AuditHead(new string('a', 32), 7, new string('c', 64)), content.Header.Audit);
        Assert.Equal(2, content.ReadObjects().Count());
    }

    [Fact]
    public void Its_header_line_never_changes()
    {
        BackupPreamble preamble = BackupFile.ReadHeader(new MemoryStream(Golden));
        Assert.Equal(Golden.AsSpan(0, preamble.Length), BackupPreamble.Create(preamble.Header).Bytes);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Golden.AsSpan(0, preamble.Length))), preamble.Binding);
    }

    [Fact]
    public void Every_flipped_bit_is_found_without_a_key()
    {
        AssertAllRefused(EveryFlip(), file => BackupFile.CheckIntegrity(new MemoryStream(file)),
            ErrorCode.NotABackup, ErrorCode.UnsupportedVersion, ErrorCode.HeaderInvalid, ErrorCode.IntegrityFailed);
    }

    [Fact]
    public void Every_flipped_bit_is_found_with_the_key_though_the_digest_was_made_again()
    {
        AssertAllRefused(EveryFlip().Where(file => Redigest(file)), Open, ErrorCode.NotABackup, ErrorCode.UnsupportedVersion,
            ErrorCode.HeaderInvalid, ErrorCode.KeyMismatch, ErrorCode.IntegrityFailed, ErrorCode.AuthenticationFailed);
    }

    [Fact]
    public void Every_truncation_is_found_without_a_key()
    {
        AssertAllRefused(EveryTruncation(), file => BackupFile.CheckIntegrity(new MemoryStream(file)),
            ErrorCode.NotABackup, ErrorCode.HeaderInvalid, ErrorCode.IntegrityFailed);
    }

    [Fact]
    public void Every_truncation_is_found_with_the_key_though_the_digest_was_made_again()
    {
        IEnumerable<byte[]> files = Enumerable.Range(0, Golden.Length - 32)
            .Select(length => (byte[])[.. Golden.AsSpan(0, length), .. SHA256.HashData(Golden.AsSpan(0, length))]);
        AssertAllRefused(files, Open, ErrorCode.NotABackup, ErrorCode.HeaderInvalid, ErrorCode.IntegrityFailed);
    }

    private static IEnumerable<byte[]> EveryFlip() => Enumerable.Range(0, Golden.Length * 8).Select(bit =>
    {
        byte[] file = [.. Golden];
        file[bit / 8] ^= (byte)(1 << (bit % 8));
        return file;
    });

    private static IEnumerable<byte[]> EveryTruncation() =>
        Enumerable.Range(0, Golden.Length).Select(length => Golden[..length]);

    // A flip in the digest itself is undone by making it again: such a file is left out.
    private static bool Redigest(byte[] file)
    {
        SHA256.HashData(file.AsSpan(..^32), file.AsSpan(^32..));
        return !file.AsSpan().SequenceEqual(Golden);
    }

    private static void Open(byte[] file) => Sample.Open(file).Dispose();

    private static void AssertAllRefused(IEnumerable<byte[]> files, Action<byte[]> read, params ErrorCode[] allowed)
    {
        ConcurrentBag<string> wrong = [];
        int count = 0;
        Parallel.ForEach(files, file =>
        {
            Interlocked.Increment(ref count);
            try
            {
                read(file);
                wrong.Add("accepted");
            }
            catch (HsmBackupException e) when (allowed.Contains(e.Code))
            {
            }
            catch (Exception e)
            {
                wrong.Add(e.ToString());
            }
        });
        Assert.Empty(wrong);
        Assert.True(count > 4000);
    }
}
