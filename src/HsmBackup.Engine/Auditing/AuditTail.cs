using System.Security.Cryptography;

namespace HsmBackup.Engine.Auditing;

/// <summary>The end of a log: all that must be read of it before it goes on.</summary>
/// <param name="Number">Number of its last file; 0 where there is none.</param>
/// <param name="End">Where the last whole line of that file ends.</param>
/// <param name="Last">The last entry; null where there is none.</param>
/// <param name="Torn">What stands behind it: a line that somebody was killed over. Empty where all is well.</param>
internal sealed record AuditTail(int Number, long End, AuditEntry? Last, byte[] Torn)
{
    private const int FirstRead = 8 * 1024;

    /// <summary>SHA-256 of <see cref="Torn"/>.</summary>
    public string TornDigest => Convert.ToHexStringLower(SHA256.HashData(Torn));

    /// <summary>Finds the end of the log in a folder.</summary>
    /// <exception cref="HsmBackupException">AuditDamaged: the last entry is none, so that nothing can be chained to it.</exception>
    public static AuditTail Find(string folder)
    {
        List<int> files = AuditFiles.NumbersIn(folder);
        if (files.Count == 0)
        {
            return new AuditTail(0, 0, null, []);
        }
        AuditTail last = Read(folder, files[^1]);
        // A file that was begun, and not a line of it written: the last entry is in the file before.
        for (int i = files.Count - 2; last.Last is null && i >= 0; i--)
        {
            last = last with { Last = Read(folder, files[i]).Last };
        }
        return last;
    }

    private static AuditTail Read(string folder, int number)
    {
        string path = Path.Combine(folder, AuditFiles.NameOf(number));
        using FileStream file = new(path, new FileStreamOptions { Access = FileAccess.Read, Share = FileShare.ReadWrite, BufferSize = 0 });
        long length = file.Length;
        for (int wanted = FirstRead; ; wanted *= 2)
        {
            byte[] bytes = new byte[Math.Min(wanted, length)];
            file.Position = length - bytes.Length;
            file.ReadExactly(bytes);
            int end = bytes.AsSpan().LastIndexOf((byte)'\n');
            int before = end < 1 ? -1 : bytes.AsSpan(0, end).LastIndexOf((byte)'\n');
            // A whole line begins after a newline, or where the file begins.
            if (before >= 0 || bytes.Length == length)
            {
                AuditEntry? entry = end < 0 ? null : Parse(bytes.AsMemory((before + 1)..end), path);
                return new AuditTail(number, length - bytes.Length + end + 1, entry, bytes[(end + 1)..]);
            }
            if (wanted > 4 * AuditLine.MaxLength)
            {
                throw Damaged(path, "it ends in more than a line can be", null);
            }
        }
    }

    private static AuditEntry Parse(ReadOnlyMemory<byte> line, string path)
    {
        try
        {
            return AuditLine.Read(line);
        }
        catch (FormatException e)
        {
            throw Damaged(path, $"its last line is no entry: {e.Message}", e);
        }
    }

    private static HsmBackupException Damaged(string path, string why, Exception? cause) => new(ErrorCode.AuditDamaged,
        $"The audit log cannot go on: '{path}' was changed, {why}.",
        "Run Test-HsmAuditLog, find out who did that, and move the folder of the log to a safe place; a new log is begun then.", cause)
    { Target = path };
}
