using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace HsmBackup.Engine.Format;

/// <summary>The lines of sealed content that the format itself knows, and what it asks of those that it does not.</summary>
internal static class ContentLines
{
    /// <summary>No end line is longer, newline included.</summary>
    public const int MaxEndLength = 160;

    /// <summary>What the manifest's line has around the manifest: this before, and a brace and a newline after.</summary>
    public static ReadOnlySpan<byte> ManifestStart => "{\"manifest\":"u8;

    /// <summary>What the end line begins with.</summary>
    public static ReadOnlySpan<byte> EndStart => "{\"end\":"u8;

    /// <summary>The last line of a backup's content, with its newline.</summary>
    public static byte[] End(int objects, int attachments, ReadOnlySpan<byte> digest)
    {
        string hex = Convert.ToHexStringLower(digest);
        string json = string.Create(CultureInfo.InvariantCulture,
            $$$"""{"end":{"objects":{{{objects}}},"attachments":{{{attachments}}},"digest":"{{{hex}}}"}}""");
        return Encoding.UTF8.GetBytes(json + "\n");
    }

    /// <summary>
    /// What is wrong with a line of JSON that the format only carries; null when it is one JSON object, in UTF-8, on one
    /// line, and cannot be taken for one of the format's own lines.
    /// </summary>
    /// <param name="line">The line without its newline.</param>
    public static string? FindFault(ReadOnlySpan<byte> line) => FindFault(line, BackupFormat.MaxLineLength - 1, true);

    /// <summary>The same for a manifest, which stands within a line and so may have any members.</summary>
    /// <param name="manifest">The manifest alone.</param>
    public static string? FindManifestFault(ReadOnlySpan<byte> manifest) =>
        FindFault(manifest, BackupFormat.MaxLineLength - ManifestStart.Length - 2, false);

    private static string? FindFault(ReadOnlySpan<byte> line, int maxLength, bool ownNamesReserved)
    {
        if (line.Length > maxLength) return "it is longer than 3 MiB";
        if (line.IndexOfAny((byte)'\n', (byte)'\r') >= 0) return "it has a line break";
        if (!Utf8.IsValid(line)) return "it is not UTF-8";
        if (line is not [(byte)'{', .., (byte)'}']) return "it is not a JSON object from its first byte to its last";
        try
        {
            Utf8JsonReader json = new(line);
            while (json.Read())
            {
                if (ownNamesReserved && json.TokenType == JsonTokenType.PropertyName && json.CurrentDepth == 1
                    && (json.ValueTextEquals("segment"u8) || json.ValueTextEquals("manifest"u8) || json.ValueTextEquals("end"u8)))
                    return "it has a member that is kept for the format's own lines";
            }
            return null;
        }
        catch (JsonException)
        {
            return "it is not JSON";
        }
    }
}
