using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace HsmBackup.Engine.Protection;

/// <summary>The text of a key file: a comment line that names the backup, the key, and a line end.</summary>
internal static class KeyFileText
{
    private const char Comment = '#';
    private const char ByteOrderMark = '\uFEFF';

    public static SecretBuffer Render(OneTimeKey key, string backupId)
    {
        ArgumentException.ThrowIfNullOrEmpty(backupId);
        if (backupId.Any(char.IsControl))
        {
            // A line break in the id would put a line of somebody's choosing into the file.
            throw new ArgumentException("A backup id has no control characters.", nameof(backupId));
        }
        byte[] comment = FirstLine(backupId);
        SecretBuffer text = new(comment.Length + OneTimeKey.TextLength + 1);
        comment.CopyTo(text.Span);
        Span<char> characters = stackalloc char[OneTimeKey.TextLength];
        try
        {
            key.CopyText(characters);
            Encoding.ASCII.GetBytes(characters, text.Span[comment.Length..]);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(characters));
        }
        text.Span[^1] = (byte)'\n';
        return text;
    }

    /// <summary>Whether the text says that it is the key of a backup.</summary>
    public static bool IsOf(ReadOnlySpan<byte> utf8, string backupId)
    {
        // Other programs may end lines in their own way.
        ReadOnlySpan<byte> line = FirstLine(backupId).AsSpan().TrimEnd((byte)'\n');
        return utf8.StartsWith(line) && utf8[line.Length..] is [(byte)'\r' or (byte)'\n', ..];
    }

    /// <summary>Reads the key out of the text; comment lines are passed over, the rest is the key.</summary>
    /// <param name="utf8">The content of the file.</param>
    /// <param name="path">The file, for the message.</param>
    /// <exception cref="HsmBackupException"><see cref="ErrorCode.KeyTextInvalid"/>.</exception>
    public static OneTimeKey Parse(ReadOnlySpan<byte> utf8, string path)
    {
        // UTF-8 never gives more characters than it has bytes.
        char[] characters = GC.AllocateArray<char>(utf8.Length, pinned: true);
        try
        {
            int count = Encoding.UTF8.GetChars(utf8, characters);
            int kept = DropComments(characters.AsSpan(0, count));
            return OneTimeKey.Parse(characters.AsSpan(0, kept), path);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(characters.AsSpan()));
        }
    }

    private static byte[] FirstLine(string backupId) => Encoding.UTF8.GetBytes($"{Comment} HsmBackup one-time key of backup {backupId}\n");

    // Moves the lines that are not comments together at the beginning; gives their length.
    private static int DropComments(Span<char> text)
    {
        int kept = 0;
        ReadOnlySpan<char> rest = text;
        rest = rest.TrimStart(ByteOrderMark);
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOfAny('\r', '\n');
            int length = end < 0 ? rest.Length : end + 1;
            ReadOnlySpan<char> line = rest[..length];
            rest = rest[length..];
            if (!line.TrimStart().StartsWith([Comment]))
            {
                line.CopyTo(text[kept..]);
                kept += length;
            }
        }
        return kept;
    }
}
