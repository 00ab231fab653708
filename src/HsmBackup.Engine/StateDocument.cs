using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace HsmBackup.Engine;

/// <summary>A small JSON file of the state folder: private to its owner, and always whole, the old one or the new one.</summary>
internal static class StateDocument
{
    /// <summary>Reads one; null where there is none.</summary>
    /// <exception cref="JsonException">It is damaged.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static T? Read<T>(string path, JsonTypeInfo<T> type) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), type) ?? throw new JsonException("It is null.");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Writes one so that it survives a power cut.</summary>
    /// <exception cref="HsmBackupException">DestinationUnwritable, DiskFull.</exception>
    public static void Write<T>(string path, T document, JsonTypeInfo<T> type)
    {
        string temporary = path + ".new";
        try
        {
            using (FileStream file = StateFolder.CreateFile(temporary))
            {
                JsonSerializer.Serialize(file, document, type);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
            _ = FolderFlush.TryFlush(Path.GetDirectoryName(path)!);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, path);
        }
    }
}
