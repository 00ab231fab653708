namespace HsmBackup.Engine.Retention;

/// <summary>
/// The latest time that the clock of this machine has ever shown to retention, in <c>clock.json</c> of the state folder. It only grows;
/// whoever knows that the clock was wrong then and is right now deletes the file.
/// </summary>
internal sealed class ClockRecord(string stateFolder)
{
    private const string Member = "highWater";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly string _path = Path.Combine(stateFolder, "clock.json");

    /// <summary>Reads it.</summary>
    /// <param name="warning">What is wrong with it; null where nothing is.</param>
    /// <returns>Null where it is not known.</returns>
    public DateTimeOffset? Read(out string? warning)
    {
        warning = null;
        try
        {
            if (!File.Exists(_path))
            {
                return null;
            }
            using FileStream file = File.OpenRead(_path);
            byte[] bytes = new byte[StoreDocument.MaxLength + 1];
            int length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (StoreDocument.Parse(bytes.AsMemory(0, length), json => (object)StoreDocument.ReadTime(json, Member)) is DateTimeOffset time)
            {
                return time;
            }
            warning = $"'{_path}' is damaged, so it is not known what the clock has shown before. It is written anew.";
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            warning = $"'{_path}' cannot be read, so it is not known what the clock has shown before: {e.Message}";
        }
        return null;
    }

    /// <summary>Notes a time, unless a later one is noted already.</summary>
    /// <exception cref="HsmBackupException">Busy, DestinationUnwritable, DiskFull.</exception>
    public void Advance(DateTimeOffset now)
    {
        StateFolder.Create(stateFolder);
        // Retention of another cluster may note its time in this moment.
        using IDisposable held = StateFolder.Lock(_path + ".lock", "the record of the clock", Patience);
        if (Read(out _) >= now)
        {
            return;
        }
        string temporary = _path + ".new";
        try
        {
            using (FileStream file = StateFolder.CreateFile(temporary))
            {
                file.Write(StoreDocument.Write(json => StoreDocument.WriteTime(json, Member, now)));
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, _path, overwrite: true);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw FileErrors.From(e, _path);
        }
    }
}
