using System.Security.Cryptography;
using System.Text;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Format;

/// <summary>OpenSSL as the witness that a backup is what the standards say, and not only what this program believes.</summary>
public sealed class OpenSslTests
{
    [OpenSslFact]
    public void It_opens_every_segment()
    {
        string[] lines = [.. Enumerable.Range(0, 9).Select(i => Encoding.UTF8.GetString(Sample.Line(i, 1024 * 1024)))];
        byte[] file = Sample.Write([.. lines.Select(Encoding.UTF8.GetBytes)]);
        List<string> contents = [.. Segments(file).Select(segment => Encoding.UTF8.GetString(Decrypt(segment)))];
        Assert.Equal(3, contents.Count);
        string binding = BackupFile.ReadHeader(new MemoryStream(file)).Binding;
        for (int i = 0; i < contents.Count; i++)
        {
            Assert.StartsWith($$"""{"segment":{{i}},"kind":"objects","binding":"{{binding}}"}""" + "\n", contents[i],
                StringComparison.Ordinal);
        }

        string all = string.Concat(contents);
        int end = all.LastIndexOf("{\"end\"", StringComparison.Ordinal);
        string digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(all[..end])));
        Assert.Equal($$$"""{"end":{"objects":9,"attachments":0,"digest":"{{{digest}}}"}}""" + "\n", all[end..]);
        string[] found = [.. all[..end].Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !line.StartsWith("{\"segment\"", StringComparison.Ordinal))];
        Assert.Equal([$$"""{"manifest":{{Encoding.UTF8.GetString(Sample.Manifest)}}}""", .. lines], found);
    }

    [OpenSslFact]
    public void It_computes_the_same_seal_and_digest()
    {
        using TestFolder folder = new();
        using BackupKeys keys = Sample.Keys();
        byte[] file = Vectors.Read("golden.hsmbackup");
        const int sealLength = 53;
        File.WriteAllBytes(folder.File("sealed"), file[..^(sealLength + 32)]);
        File.WriteAllBytes(folder.File("whole"), file[..^32]);
        byte[] mac = Tool.Run("openssl", ["dgst", "-sha256", "-binary", "-mac", "HMAC",
            "-macopt", "hexkey:" + Hex(keys.Seal.Span), folder.File("sealed")]);
        Assert.Equal(file[^64..^32], mac);
        Assert.Equal(file[^32..], Tool.Run("openssl", ["dgst", "-sha256", "-binary", folder.File("whole")]));
    }

    [OpenSslFact]
    public void What_it_encrypts_is_a_segment_to_us()
    {
        using TestFolder folder = new();
        using BackupKeys keys = Sample.Keys();
        byte[] content = new byte[100_000];
        Random.Shared.NextBytes(content);
        File.WriteAllBytes(folder.File("content"), content);
        byte[] der = Tool.Run("openssl", ["cms", "-encrypt", "-aes-256-gcm", "-binary", "-in", folder.File("content"),
            "-outform", "DER", "-secretkey", Hex(keys.Cms.Span), "-secretkeyid", keys.Check]);
        AuthEnvelopedData.Layout layout = AuthEnvelopedData.Read(der);
        Assert.True(AuthEnvelopedData.TryDecrypt(keys.Cms.Span, der, layout));
        Assert.Equal(content, der[layout.Content]);
    }

    /// <summary>What stands between the header and the seal, told apart by nothing but the DER itself.</summary>
    private static IEnumerable<byte[]> Segments(byte[] file)
    {
        int position = BackupFile.ReadHeader(new MemoryStream(file)).Length;
        while (true)
        {
            System.Formats.Asn1.AsnDecoder.ReadEncodedValue(file.AsSpan(position), System.Formats.Asn1.AsnEncodingRules.DER,
                out int offset, out _, out int consumed);
            if (file[position + offset] != 0x06) yield break;
            yield return file[position..(position + consumed)];
            position += consumed;
        }
    }

    private static byte[] Decrypt(byte[] segment)
    {
        using TestFolder folder = new();
        using BackupKeys keys = Sample.Keys();
        File.WriteAllBytes(folder.File("segment"), segment);
        return Tool.Run("openssl", ["cms", "-decrypt", "-binary", "-inform", "DER",
            "-secretkey", Hex(keys.Cms.Span), "-in", folder.File("segment")]);
    }

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);
}
