using System.Text.Unicode;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>
/// Reads a PIN from a file. A file that others could read, or put in place of the right one, is refused: the first would give the PIN
/// away, the second would have a wrong one sent, and tokens lock after a few.
/// </summary>
internal static class PinFile
{
    // A PIN has some digits, a pass phrase some words.
    private const int MaxLength = 4096;

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>The first line, without its end.</summary>
    /// <exception cref="HsmBackupException">PinUnavailable, PinSourceRefused.</exception>
    public static Pin Read(string path, string subject)
    {
        try
        {
            PrivateFile.CheckPath(path);
            using FileStream file = PrivateFile.Open(path);
            using var content = new SecretBuffer(MaxLength);
            int length = file.ReadAtLeast(content.Span, MaxLength, throwOnEndOfStream: false);
            return FirstLine(content.Span[..length], path, subject);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Unavailable(path, subject, "which does not exist", e);
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw Unavailable(path, subject, $"which cannot be read: {e.Message.TrimEnd('.')}", e);
        }
    }

    private static Pin FirstLine(ReadOnlySpan<byte> content, string path, string subject)
    {
        // Some editors begin a text with this mark, and a token would take it for a part of the PIN.
        ReadOnlySpan<byte> text = content.StartsWith(ByteOrderMark) ? content[ByteOrderMark.Length..] : content;
        int end = text.IndexOf((byte)'\n');
        if (end < 0 && content.Length == MaxLength)
        {
            throw Unavailable(path, subject, $"whose first line is longer than {MaxLength} bytes");
        }
        ReadOnlySpan<byte> line = (end < 0 ? text : text[..end]).TrimEnd((byte)'\r');
        if (line.IsEmpty)
        {
            throw Unavailable(path, subject, "whose first line is empty");
        }
        // UTF-16 looks like this, and so does a binary file. Nothing of the kind is sent to a token as a PIN.
        if (!Utf8.IsValid(line) || line.ContainsAnyInRange((byte)0, (byte)0x1F))
        {
            throw Unavailable(path, subject, "whose first line is not text in UTF-8");
        }
        return Pin.FromUtf8(line);
    }

    private static HsmBackupException Unavailable(string path, string subject, string why, Exception? cause = null) => new(
        ErrorCode.PinUnavailable, $"The PIN of {subject} is to come from the file '{path}', {why}.",
        "Write the PIN into the first line of that file, or give it with -Pin.", cause)
    { Target = path };
}
