using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Retention;

/// <summary>
/// How the small documents beside a backup are read and written: one JSON object of known members, read strictly, because anybody who can
/// write to the store may have made it.
/// </summary>
internal static class StoreDocument
{
    /// <summary>More than any of them needs.</summary>
    public const int MaxLength = 16 * 1024;

    private const int MaxText = 1024;
    private const string TimeForm = "yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'";

    // What people write may have any letter, and it is read by people too.
    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Makes the JSON of a document.</summary>
    public static byte[] Write(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Indented))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads a document.</summary>
    /// <returns>Null where it is none.</returns>
    public static T? Parse<T>(ReadOnlyMemory<byte> bytes, Func<StrictJson, T> read) where T : class
    {
        if (bytes.Length > MaxLength)
        {
            return null;
        }
        try
        {
            using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 1 });
            var json = new StrictJson(document.RootElement, "the document");
            T result = read(json);
            json.AssertNothingElse();
            return result;
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Reads the document of that name.</summary>
    /// <returns>Its bytes, of which there may be one more than a document has; null where there is none.</returns>
    public static byte[]? Find(IBackupStore store, string name, CancellationToken cancellationToken)
    {
        try
        {
            return store.ReadStart(name, MaxLength + 1, cancellationToken);
        }
        catch (HsmBackupException e) when (e.Code == ErrorCode.BackupNotFound)
        {
            return null;
        }
    }

    /// <summary>A text for people, which no terminal obeys.</summary>
    public static string ReadText(StrictJson json, string name)
    {
        string text = json.String(name);
        return text.Length is > 0 and <= MaxText && DisplayText.Harmless(text) == text ? text : throw new FormatException($"{name} is not plain text");
    }

    /// <summary>A time in UTC.</summary>
    public static DateTimeOffset ReadTime(StrictJson json, string name) => ReadOptionalTime(json, name) ?? throw new FormatException($"there is no {name}");

    /// <summary>A time in UTC that may be left out.</summary>
    public static DateTimeOffset? ReadOptionalTime(StrictJson json, string name) => json.OptionalString(name) is not { } text ? null
        : DateTimeOffset.TryParseExact(text, TimeForm, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time) ? time
        : throw new FormatException($"{name} is not a time");

    /// <summary>Writes a time so that it reads back the same.</summary>
    public static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset? time)
    {
        if (time is { } value)
        {
            json.WriteString(name, value.UtcDateTime.ToString(TimeForm, CultureInfo.InvariantCulture));
        }
    }

    /// <summary>A reason as a document takes it.</summary>
    /// <exception cref="HsmBackupException">InvalidArgument.</exception>
    public static string CheckText(string text) => text.Trim() is { Length: > 0 and <= MaxText } plain && DisplayText.Harmless(plain) == plain
        ? plain
        : throw new HsmBackupException(ErrorCode.InvalidArgument, "The reason is empty, too long, or has control characters.",
            "Give it in at most 1024 ordinary characters.");
}
