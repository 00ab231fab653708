using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace HsmBackup.Engine.Reporting;

/// <summary>
/// The last line of a runbook, a comment in HTML and in Markdown: what it was made from, part by part, and the SHA-256 of all before that.
/// It shows damage and edits by hand. It is no signature: who makes a new digest is noticed only where the export is remembered.
/// </summary>
internal sealed record RunbookSeal
{
    private const string Opening = "<!-- hsmbackup-runbook ";
    private const string Digest = " sha256=";
    private const string Closing = " -->\n";
    private const int MaxLength = 64 << 20;

    public int FormatVersion { get; init; } = 1;

    public required string ClusterId { get; init; }

    public required string ClusterName { get; init; }

    public required DateTimeOffset Made { get; init; }

    public required IReadOnlyDictionary<string, string> Parts { get; init; }

    public static RunbookSeal Of(RunbookSource source) => new()
    {
        ClusterId = source.Cluster.Id,
        ClusterName = source.Cluster.Name,
        Made = source.Made.ToUniversalTime(),
        Parts = RunbookParts.Of(source.Cluster),
    };

    /// <summary>The body with this at its end.</summary>
    public byte[] AppendTo(byte[] body)
    {
        byte[] sealedText = [.. body, .. Encoding.UTF8.GetBytes(Opening),
            .. JsonSerializer.SerializeToUtf8Bytes(this, RunbookJson.Default.RunbookSeal)];
        return [.. sealedText, .. Encoding.UTF8.GetBytes(Digest + Convert.ToHexStringLower(SHA256.HashData(sealedText)) + Closing)];
    }

    /// <summary>Reads the seal of a runbook.</summary>
    /// <returns>The seal, and whether all before it is what it was; null where it has none that can be read.</returns>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static (RunbookSeal Seal, bool Intact)? Read(string path)
    {
        if (new FileInfo(path).Length > MaxLength)
        {
            return null;
        }
        byte[] content = File.ReadAllBytes(path);
        int start = content.AsSpan().LastIndexOf(Encoding.UTF8.GetBytes(Opening));
        int end = content.AsSpan().LastIndexOf(Encoding.UTF8.GetBytes(Digest));
        if (start < 0 || end < start)
        {
            return null;
        }
        int json = start + Opening.Length;
        try
        {
            RunbookSeal? seal = JsonSerializer.Deserialize(content.AsSpan(json, end - json), RunbookJson.Default.RunbookSeal);
            string expected = Digest + Convert.ToHexStringLower(SHA256.HashData(content.AsSpan(0, end))) + Closing;
            return seal is null ? null : (seal, Encoding.UTF8.GetString(content.AsSpan(end)) == expected);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(RunbookSeal))]
[JsonSerializable(typeof(RunbookExports))]
internal sealed partial class RunbookJson : JsonSerializerContext;
