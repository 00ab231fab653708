namespace HsmBackup.Engine.Retention;

/// <summary>
/// What the clock of this machine has shown to retention, in <c>clock.json</c> of the state folder. Its times only grow; whoever knows that
/// the clock was wrong then and is right now deletes the file.
/// </summary>
internal sealed class ClockRecord(string stateFolder)
{
    private const string HighWater = "highWater";
    private const string UnsureSince = "unsureSince";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly string _path = Path.Combine(stateFolder, "clock.json");

    /// <summary>Reads it.</summary>
    /// <param name="warning">What is wrong with it; null where nothing is.</param>
    public ClockMemory Read(out string? warning)
    {
        warning = null;
        try
        {
            if (!File.Exists(_path))
            {
                return ClockMemory.Nothing;
            }
            using FileStream file = File.OpenRead(_path);
            byte[] bytes = new byte[StoreDocument.MaxLength + 1];
            int length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (StoreDocument.Parse(bytes.AsMemory(0, length),
                json => new ClockMemory(StoreDocument.ReadTime(json, HighWater), StoreDocument.ReadOptionalTime(json, UnsureSince))) is { } memory)
            {
                return memory;
            }
            warning = $"'{_path}' is damaged, so it is not known what the clock has shown before. It is written anew.";
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            warning = $"'{_path}' cannot be read, so it is not known what the clock has shown before: {e.Message}";
        }
        return ClockMemory.Nothing;
    }

    /// <summary>Notes what the clock shows, unless a later time is noted already.</summary>
    /// <exception cref="HsmBackupException">Busy, DestinationUnwritable, DiskFull.</exception>
    public void Advance(DateTimeOffset now)
    {
        StateFolder.Create(stateFolder);
        // Retention of another cluster may note its time in this moment.
        using IDisposable held = StateFolder.Lock(_path + ".lock", "the record of the clock", Patience);
        ClockMemory known = Read(out _), memory = known.After(now);
        if (memory == known)
        {
            return;
        }
        string temporary = _path + ".new";
        try
        {
            using (FileStream file = StateFolder.CreateFile(temporary))
            {
                file.Write(StoreDocument.Write(json =>
                {
                    StoreDocument.WriteTime(json, HighWater, memory.HighWater);
                    StoreDocument.WriteTime(json, UnsureSince, memory.UnsureSince);
                }));
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
