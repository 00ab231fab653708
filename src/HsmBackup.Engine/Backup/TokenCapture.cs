using HsmBackup.Engine.Format;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>A token that was read.</summary>
/// <param name="Verdicts">Every object with its verdict.</param>
/// <param name="Handles">Their handles, in the same order.</param>
/// <param name="Summary">The file.</param>
internal sealed record CapturedToken(VerdictList Verdicts, List<ulong> Handles, BackupFileSummary Summary);

/// <summary>Reads a whole token into the lines of a backup.</summary>
internal static class TokenCapture
{
    /// <summary>
    /// Captures every object that the token shows, and looks again until nothing new turns up: what was made meanwhile belongs to
    /// the backup too. The token must be there before and after, because some show an empty list when they are not.
    /// </summary>
    public static (VerdictList Verdicts, List<ulong> Handles) Run(
        TokenConnection connection, KeyEncryptionKey kek, ContentSpool spool, Action<int, int>? progress, CancellationToken cancellationToken)
    {
        var reader = new ObjectReader(connection, kek);
        var verdicts = new VerdictList();
        var captured = new List<ulong>();
        var seen = new HashSet<ulong>();
        using var json = new ObjectRecordJson();
        List<ulong> handles = connection.FindContent();
        connection.CheckPresent();
        while (handles.Count > 0)
        {
            foreach (ulong handle in handles)
            {
                cancellationToken.ThrowIfCancellationRequested();
                seen.Add(handle);
                ObjectRecord record = reader.Capture(handle);
                record.Index = verdicts.Count;
                Add(record, json, spool);
                record.Material?.ZeroValues();
                verdicts.Add(ObjectSummary.Of(record));
                captured.Add(handle);
                progress?.Invoke(verdicts.Count, seen.Count + handles.Count);
            }
            handles = [.. connection.FindContent().Where(h => !seen.Contains(h))];
        }
        connection.CheckPresent();
        return (verdicts, captured);
    }

    private static void Add(ObjectRecord record, ObjectRecordJson json, ContentSpool spool)
    {
        ReadOnlySpan<byte> line = json.Write(record);
        if (line.Length >= BackupFormat.MaxLineLength)
        {
            record.GiveUp($"all its attributes together need {line.Length} bytes, more than the {BackupFormat.MaxLineLength} of a line of the backup");
            line = json.Write(record);
        }
        spool.AddTrusted(line);
    }
}
