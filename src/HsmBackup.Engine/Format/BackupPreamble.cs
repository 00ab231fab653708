using System.Security.Cryptography;

namespace HsmBackup.Engine.Format;

/// <summary>Magic line and header line of a backup: all of it that is not sealed.</summary>
public sealed class BackupPreamble
{
    private readonly byte[] _bytes;

    private BackupPreamble(BackupHeader header, byte[] bytes)
    {
        Header = header;
        _bytes = bytes;
        Binding = Convert.ToHexStringLower(SHA256.HashData(bytes));
    }

    /// <summary>The header; a claim until the file has been authenticated.</summary>
    public BackupHeader Header { get; }

    /// <summary>SHA-256 of both lines with their newlines, in lower-case hex; every sealed segment repeats it.</summary>
    public string Binding { get; }

    /// <summary>Length of both lines in bytes: where the first sealed segment begins.</summary>
    public int Length => _bytes.Length;

    /// <summary>Both lines as they stand in the file.</summary>
    internal ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>The lines for a header that is about to be written.</summary>
    /// <exception cref="ArgumentException">The header's values are not allowed.</exception>
    internal static BackupPreamble Create(BackupHeader header)
    {
        if (header.FindFault() is { } fault) throw new ArgumentException($"Not a valid header: {fault}.", nameof(header));
        byte[] bytes = [.. BackupFormat.MagicLine, .. HeaderJson.Write(header), (byte)'\n'];
        return new BackupPreamble(header, bytes);
    }

    /// <summary>Both lines from the first bytes of a file; null where they are not there whole.</summary>
    /// <exception cref="HsmBackupException">UnsupportedVersion, HeaderInvalid.</exception>
    internal static BackupPreamble? TryParse(byte[] start, string? path)
    {
        if (!start.AsSpan().StartsWith(BackupFormat.MagicLine)) return null;
        int end = start.AsSpan(BackupFormat.MagicLine.Length).IndexOf((byte)'\n');
        if (end < 0 || end > BackupFormat.MaxHeaderLength) return null;
        byte[] bytes = start[..(BackupFormat.MagicLine.Length + end + 1)];
        return new BackupPreamble(HeaderJson.Parse(bytes.AsMemory(BackupFormat.MagicLine.Length..^1), path), bytes);
    }

    /// <summary>Reads from the beginning of a stream and never more than both lines may be long.</summary>
    /// <exception cref="HsmBackupException">NotABackup, UnsupportedVersion, HeaderInvalid, IntegrityFailed.</exception>
    internal static BackupPreamble Read(Stream stream, string? path)
    {
        const int limit = 13 + BackupFormat.MaxHeaderLength;
        byte[] buffer = new byte[4096];
        int length = 0;
        int headerEnd;
        do
        {
            if (length == buffer.Length) Array.Resize(ref buffer, Math.Min(buffer.Length * 4, limit));
            int count = ReadSome(stream, buffer.AsSpan(length), path);
            int searched = Math.Max(length, BackupFormat.MagicLine.Length);
            length += count;
            CheckMagic(buffer.AsSpan(0, length), atEnd: count == 0, path);
            headerEnd = length > searched ? buffer.AsSpan(searched, length - searched).IndexOf((byte)'\n') : -1;
            if (headerEnd >= 0) headerEnd += searched;
            else if (count == 0) throw FormatErrors.HeaderInvalid(path, "the file ends within it");
            else if (length == limit) throw FormatErrors.HeaderInvalid(path, "it is longer than 64 KiB");
        }
        while (headerEnd < 0);
        byte[] bytes = buffer.AsSpan(0, headerEnd + 1).ToArray();
        BackupHeader header = HeaderJson.Parse(bytes.AsMemory(BackupFormat.MagicLine.Length..^1), path);
        return new BackupPreamble(header, bytes);
    }

    private static void CheckMagic(ReadOnlySpan<byte> start, bool atEnd, string? path)
    {
        ReadOnlySpan<byte> magic = BackupFormat.MagicLine;
        int common = start.CommonPrefixLength(magic);
        if (common == magic.Length || (common == start.Length && !atEnd)) return;
        if (IsOtherVersion(start)) throw FormatErrors.UnsupportedVersion(path);
        throw FormatErrors.NotABackup(path);
    }

    private static bool IsOtherVersion(ReadOnlySpan<byte> start)
    {
        if (!start.StartsWith(BackupFormat.MagicPrefix)) return false;
        ReadOnlySpan<byte> rest = start[BackupFormat.MagicPrefix.Length..];
        int digits = rest.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        return digits is > 0 and < 10 && rest[digits] == (byte)'\n';
    }

    private static int ReadSome(Stream stream, Span<byte> destination, string? path)
    {
        try
        {
            return stream.Read(destination);
        }
        catch (IOException e)
        {
            throw FormatErrors.Damaged(path, "it cannot be read", e);
        }
    }
}
