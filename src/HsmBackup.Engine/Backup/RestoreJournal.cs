using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Backup;

/// <summary>
/// What a restore must remember if it is killed: which backup it was restoring, where the safety backups are, and which objects
/// that no backup can hold were there before it began. One file a token, in the state folder, without secrets.
/// </summary>
internal sealed record RestoreJournal(string BackupId, string BackupDigest, IReadOnlyList<string> SafetyBackups, IReadOnlyList<string> UnrecoverableBefore)
{
    private const string OfTokens = "restore";
    private const int Version = 1;

    /// <summary>
    /// The kind of journal of a restore of single objects. Each choice of objects has its own: what one run has left half made is told by
    /// what was there before that run, and a run for other objects did not look at the same.
    /// </summary>
    public static string KindOf(string backupDigest, IEnumerable<int> objects) => "restore-key-" + Convert.ToHexStringLower(
        SHA256.HashData(Encoding.UTF8.GetBytes($"{backupDigest}\n{string.Join(',', objects.Order())}")).AsSpan(0, 8));

    /// <summary>The journal of a token; null where no restore was interrupted.</summary>
    /// <exception cref="HsmBackupException">RestoreInterrupted: there is one, but it cannot be read.</exception>
    public static RestoreJournal? Load(string folder, TokenInfo token, string kind = OfTokens)
    {
        string path = PathOf(folder, token, kind);
        if (!File.Exists(path))
        {
            return null;
        }
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            JsonElement root = document.RootElement;
            if (root.GetProperty("version").GetInt32() != Version)
            {
                throw new JsonException("unknown version");
            }
            return new RestoreJournal(root.GetProperty("backupId").GetString()!, root.GetProperty("backupDigest").GetString()!,
                Strings(root, "safetyBackups"), Strings(root, "unrecoverableBefore"));
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            throw new HsmBackupException(ErrorCode.RestoreInterrupted, $"The journal '{path}' of an interrupted restore cannot be read.",
                "Look for the safety backup beside it, then move the journal away and run the restore again.", e)
            { Target = path };
        }
    }

    /// <summary>Writes the journal so that it survives a power cut, before anything of the token is changed.</summary>
    public void Save(string folder, TokenInfo token, string kind = OfTokens)
    {
        string path = PathOf(folder, token, kind);
        string temporary = path + ".new";
        try
        {
            using (FileStream file = StateFolder.CreateFile(temporary))
            {
                using var json = new Utf8JsonWriter(file);
                json.WriteStartObject();
                json.WriteNumber("version", Version);
                json.WriteString("backupId", BackupId);
                json.WriteString("backupDigest", BackupDigest);
                json.WriteString("token", token.Label);
                Write(json, "safetyBackups", SafetyBackups);
                Write(json, "unrecoverableBefore", UnrecoverableBefore);
                json.WriteEndObject();
                json.Flush();
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
            _ = FolderFlush.TryFlush(folder);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            File.Delete(temporary);
            throw FileErrors.From(e, path);
        }
    }

    /// <summary>
    /// The same, where a safety backup was just made. Nothing of the token is changed before the journal is on disk; if it cannot be,
    /// its newest safety backup is of no use.
    /// </summary>
    public void SaveWithSafetyBackup(string folder, TokenInfo token, bool hasNew, string kind = OfTokens)
    {
        try
        {
            Save(folder, token, kind);
        }
        catch (HsmBackupException) when (hasNew)
        {
            File.Delete(SafetyBackups[^1]);
            throw;
        }
    }

    /// <summary>Removes the journal: the restore is finished.</summary>
    public static void Delete(string folder, TokenInfo token, string kind = OfTokens) => File.Delete(PathOf(folder, token, kind));

    /// <summary>One restore at a time on a token, whoever runs it.</summary>
    public static IDisposable Lock(string folder, TokenInfo token) => StateFolder.Lock(Path.ChangeExtension(PathOf(folder, token, OfTokens), ".lock"), $"token '{token.Label}'");

    private static List<string> Strings(JsonElement parent, string name) => [.. parent.GetProperty(name).EnumerateArray().Select(e => e.GetString()!)];

    private static void Write(Utf8JsonWriter json, string name, IReadOnlyList<string> values)
    {
        json.WriteStartArray(name);
        foreach (string value in values)
        {
            json.WriteStringValue(value);
        }
        json.WriteEndArray();
    }

    // Slots move and serial numbers are not always unique; together with the label they are.
    private static string PathOf(string folder, TokenInfo token, string kind) => Path.Combine(folder, kind + "-" + Convert.ToHexStringLower(
        SHA256.HashData(Encoding.UTF8.GetBytes($"{token.Manufacturer}\n{token.Model}\n{token.SerialNumber}\n{token.Label}")).AsSpan(0, 8)) + ".json");
}
