using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Auditing;

/// <summary>
/// An entry as one line of JSON. There is one spelling only, so that what was hashed is what stands there, and nothing can be changed
/// without changing the hash.
/// </summary>
internal static class AuditLine
{
    /// <summary>No line is longer, newline included: <see cref="AuditRecord"/> bounds its parts.</summary>
    public const int MaxLength = 128 * 1024;

    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'";

    /// <summary>Between what is hashed and the hash.</summary>
    private static ReadOnlySpan<byte> BeforeHash => ",\"hash\":\""u8;

    private static ReadOnlySpan<byte> AfterHash => "\"}"u8;

    private static int TailLength => BeforeHash.Length + AuditHead.HashLength + AfterHash.Length;

    /// <summary>The line with its newline, and the entry with its hash.</summary>
    public static (AuditEntry Entry, byte[] Line) Write(AuditEntry entry)
    {
        byte[] hashed = Hashed(entry);
        string hash = Convert.ToHexStringLower(SHA256.HashData(hashed));
        return (entry with { Hash = hash }, [.. hashed, .. BeforeHash, .. Encoding.ASCII.GetBytes(hash), .. AfterHash, (byte)'\n']);
    }

    /// <summary>Reads a line without its newline.</summary>
    /// <exception cref="FormatException">It is no entry, is spelled in another way, or does not have the hash that it gives.</exception>
    public static AuditEntry Read(ReadOnlyMemory<byte> line)
    {
        AuditEntry entry;
        try
        {
            using JsonDocument document = JsonDocument.Parse(line, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 3 });
            entry = Read(document.RootElement);
        }
        // InvalidOperationException: a string with half of a surrogate pair.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException("it is not one JSON object", e);
        }
        if (line.Length <= TailLength || Convert.ToHexStringLower(SHA256.HashData(line.Span[..^TailLength])) != entry.Hash)
        {
            throw new FormatException("its hash is not the one that it gives");
        }
        if (!line.Span[..^TailLength].SequenceEqual(Hashed(entry)))
        {
            throw new FormatException("it is not spelled as entries are");
        }
        return entry;
    }

    private static byte[] Hashed(AuditEntry entry)
    {
        ArrayBufferWriter<byte> buffer = new(1024);
        // The default encoder leaves ASCII only.
        using Utf8JsonWriter json = new(buffer);
        json.WriteStartObject();
        json.WriteNumber("sequence", entry.Sequence);
        json.WriteString("log", entry.Log);
        json.WriteString("time", entry.Time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture));
        json.WriteString("user", entry.User);
        json.WriteString("userId", entry.UserId);
        json.WriteString("host", entry.Host);
        json.WriteNumber("process", entry.Process);
        json.WriteString("action", entry.Action);
        if (entry.ClusterId is not null) json.WriteString("clusterId", entry.ClusterId);
        if (entry.ClusterName is not null) json.WriteString("clusterName", entry.ClusterName);
        if (entry.Target is not null) json.WriteString("target", entry.Target);
        json.WriteString("result", NameOf(entry.Result));
        if (entry.Details.Count > 0)
        {
            json.WriteStartObject("details");
            foreach ((string name, string value) in entry.Details.OrderBy(d => d.Key, StringComparer.Ordinal))
            {
                json.WriteString(name, value);
            }
            json.WriteEndObject();
        }
        json.WriteString("previous", entry.Previous);
        json.WriteEndObject();
        json.Flush();
        // Up to the brace that closes the object: the hash comes before it.
        return buffer.WrittenSpan[..^1].ToArray();
    }

    private static AuditEntry Read(JsonElement root)
    {
        StrictJson json = new(root, "entry");
        AuditEntry entry = new()
        {
            Sequence = json.LongInteger("sequence"),
            Log = json.String("log"),
            Time = DateTimeOffset.TryParseExact(json.String("time"), TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
                ? time : throw new FormatException("time is no time"),
            User = json.String("user"),
            UserId = json.String("userId"),
            Host = json.String("host"),
            Process = json.Integer("process"),
            Action = json.String("action"),
            ClusterId = json.OptionalString("clusterId"),
            ClusterName = json.OptionalString("clusterName"),
            Target = json.OptionalString("target"),
            Result = ResultOf(json.String("result")),
            Details = ReadDetails(root),
            Previous = json.String("previous"),
            Hash = json.String("hash"),
        };
        // Members that nobody asked for are not written again, so that they show as another spelling.
        return entry.Sequence < 1 || !IsHex(entry.Log, AuditHead.LogIdLength) || !IsHex(entry.Previous, AuditHead.HashLength)
            ? throw new FormatException("its sequence, log or previous is impossible")
            : entry;
    }

    private static Dictionary<string, string> ReadDetails(JsonElement root)
    {
        Dictionary<string, string> details = new(StringComparer.Ordinal);
        if (root.TryGetProperty("details", out JsonElement members))
        {
            foreach (JsonProperty member in members.ValueKind == JsonValueKind.Object ? members.EnumerateObject() : throw new FormatException("details is not an object"))
            {
                details[member.Name] = member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString()! : throw new FormatException("a detail is no text");
            }
        }
        return details;
    }

    private static string NameOf(AuditResult result) => result switch
    {
        AuditResult.Started => "Started",
        AuditResult.Succeeded => "Succeeded",
        AuditResult.Failed => "Failed",
        AuditResult.Stopped => "Stopped",
        _ => throw new ArgumentOutOfRangeException(nameof(result)),
    };

    private static AuditResult ResultOf(string name) => name switch
    {
        "Started" => AuditResult.Started,
        "Succeeded" => AuditResult.Succeeded,
        "Failed" => AuditResult.Failed,
        "Stopped" => AuditResult.Stopped,
        _ => throw new FormatException("result is unknown"),
    };

    private static bool IsHex(string text, int length) => text.Length == length && text.All(char.IsAsciiHexDigitLower);
}
