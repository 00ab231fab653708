using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;

namespace HsmBackup.Engine.Format;

/// <summary>The header as one line of JSON: written in one order, read without tolerance.</summary>
internal static class HeaderJson
{
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss'Z'";

    /// <summary>The JSON without a newline.</summary>
    public static byte[] Write(BackupHeader header)
    {
        ArrayBufferWriter<byte> buffer = new(1024);
        // The default encoder leaves ASCII only: the line can be shown anywhere before it is trusted.
        using Utf8JsonWriter json = new(buffer);
        json.WriteStartObject();
        json.WriteNumber("formatVersion", BackupFormat.Version);
        json.WriteString("backupId", header.Id.ToString());
        json.WriteStartObject("cluster");
        json.WriteString("id", header.ClusterId);
        json.WriteString("name", header.ClusterName);
        json.WriteEndObject();
        json.WriteString("created", header.Created.ToString(TimeFormat, CultureInfo.InvariantCulture));
        json.WriteString("mode", header.Mode switch
        {
            BackupMode.OneTimeKey => "OneTimeKey",
            BackupMode.ClusterBound => "ClusterBound",
            _ => throw new ArgumentOutOfRangeException(nameof(header)),
        });
        json.WriteString("keyCheck", header.KeyCheck);
        if (header.ClusterKeyCheck is not null) json.WriteString("clusterKeyCheck", header.ClusterKeyCheck);
        json.WriteNumber("objects", header.Objects);
        json.WriteStartObject("verdicts");
        json.WriteNumber("Captured", header.Verdicts.Captured);
        json.WriteNumber("NotExtractable", header.Verdicts.NotExtractable);
        json.WriteNumber("NotWrappable", header.Verdicts.NotWrappable);
        json.WriteNumber("Inexact", header.Verdicts.Inexact);
        json.WriteNumber("Unreadable", header.Verdicts.Unreadable);
        json.WriteEndObject();
        json.WriteBoolean("complete", header.Complete);
        json.WriteString("retentionClass", header.RetentionClass switch
        {
            RetentionClass.Online => "online",
            RetentionClass.Offline => "offline",
            _ => throw new ArgumentOutOfRangeException(nameof(header)),
        });
        if (header.Previous is { } previous)
        {
            json.WriteStartObject("previous");
            json.WriteString("backupId", previous.Id.ToString());
            json.WriteString("digest", previous.Digest);
            json.WriteEndObject();
        }
        if (header.Audit is { } audit)
        {
            json.WriteStartObject("audit");
            json.WriteString("log", audit.Log);
            json.WriteNumber("entries", audit.Entries);
            json.WriteString("head", audit.Head);
            json.WriteEndObject();
        }
        if (header.Signer is not null) json.WriteString("signer", header.Signer);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads a header line without its newline.</summary>
    /// <exception cref="HsmBackupException">HeaderInvalid, UnsupportedVersion.</exception>
    public static BackupHeader Parse(ReadOnlyMemory<byte> line, string? path)
    {
        if (!Utf8.IsValid(line.Span)) throw FormatErrors.HeaderInvalid(path, "it is not UTF-8");
        try
        {
            using JsonDocument document = JsonDocument.Parse(line,
                new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 3 });
            return Read(new StrictJson(document.RootElement, "header"), path);
        }
        // InvalidOperationException: a string with half of a surrogate pair.
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw FormatErrors.HeaderInvalid(path, e is FormatException ? e.Message : "it is not one strict JSON object", e);
        }
    }

    private static BackupHeader Read(StrictJson json, string? path)
    {
        // The version comes first: of another version nothing else may be judged.
        if (json.Integer("formatVersion") != BackupFormat.Version) throw FormatErrors.UnsupportedVersion(path);
        StrictJson cluster = json.Object("cluster");
        StrictJson verdicts = json.Object("verdicts");
        BackupHeader header = new()
        {
            Id = ParseId(json.String("backupId"), "backupId"),
            ClusterId = cluster.String("id"),
            ClusterName = cluster.String("name"),
            Mode = json.String("mode") switch
            {
                "OneTimeKey" => BackupMode.OneTimeKey,
                "ClusterBound" => BackupMode.ClusterBound,
                _ => throw new FormatException("mode is neither 'OneTimeKey' nor 'ClusterBound'"),
            },
            KeyCheck = json.String("keyCheck"),
            ClusterKeyCheck = json.OptionalString("clusterKeyCheck"),
            Verdicts = new VerdictCounts(verdicts.Integer("Captured"), verdicts.Integer("NotExtractable"),
                verdicts.Integer("NotWrappable"), verdicts.Integer("Inexact"), verdicts.Integer("Unreadable")),
            RetentionClass = json.String("retentionClass") switch
            {
                "online" => RetentionClass.Online,
                "offline" => RetentionClass.Offline,
                _ => throw new FormatException("retentionClass is neither 'online' nor 'offline'"),
            },
            Previous = json.OptionalObject("previous") is { } previous ? ReadPrevious(previous) : null,
            Audit = json.OptionalObject("audit") is { } audit ? ReadAudit(audit) : null,
            Signer = json.OptionalString("signer"),
        };
        if (header.FindFault() is { } fault) throw new FormatException(fault);
        // These three repeat what follows from other fields; a reader that looks at one only must not be misled.
        if (json.String("created") != header.Created.ToString(TimeFormat, CultureInfo.InvariantCulture))
            throw new FormatException("created is not the time in backupId");
        if (json.Integer("objects") != header.Objects) throw new FormatException("objects is not the sum of the verdicts");
        if (json.Boolean("complete") != header.Complete) throw new FormatException("complete contradicts the verdicts");
        cluster.AssertNothingElse();
        verdicts.AssertNothingElse();
        json.AssertNothingElse();
        return header;
    }

    private static PreviousBackup ReadPrevious(StrictJson json)
    {
        PreviousBackup previous = new(ParseId(json.String("backupId"), "previous.backupId"), json.String("digest"));
        json.AssertNothingElse();
        return previous;
    }

    private static AuditHead ReadAudit(StrictJson json)
    {
        AuditHead head = new(json.String("log"), json.LongInteger("entries"), json.String("head"));
        json.AssertNothingElse();
        return head;
    }

    private static BackupId ParseId(string text, string field) =>
        BackupId.TryParse(text, out BackupId? id) ? id : throw new FormatException($"{field} is not a backup id");
}
