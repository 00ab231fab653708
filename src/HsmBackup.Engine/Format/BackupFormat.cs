namespace HsmBackup.Engine.Format;

/// <summary>The fixed numbers of backup file version 1, as <c>docs/format.md</c> lists them.</summary>
public static class BackupFormat
{
    /// <summary>The version that this program writes and reads.</summary>
    public const int Version = 1;

    /// <summary>The file name extension of a backup, with its dot.</summary>
    public const string FileExtension = ".hsmbackup";

    /// <summary>Longest header line in bytes, its newline included.</summary>
    public const int MaxHeaderLength = 64 * 1024;

    /// <summary>Most plaintext bytes of one sealed segment.</summary>
    public const int MaxSegmentLength = 4 * 1024 * 1024;

    /// <summary>Longest line of sealed content in bytes, its newline included. It leaves room for the lines around it.</summary>
    public const int MaxLineLength = 3 * 1024 * 1024;

    /// <summary>Longest seal in bytes of DER: a certificate chain of a post-quantum authority still fits.</summary>
    public const int MaxSealLength = 64 * 1024;

    /// <summary>Most attachments of one backup.</summary>
    public const int MaxAttachments = 1000;

    /// <summary>
    /// Most bytes that the DER of a segment is longer than its plaintext. Version 1 needs about 180; what is longer is
    /// refused before memory is set aside for it.
    /// </summary>
    internal const int MaxSegmentOverhead = 256;

    /// <summary>Bytes of a SHA-256 value, which is also what the file ends with.</summary>
    internal const int DigestLength = 32;

    /// <summary>What every backup begins with.</summary>
    internal static ReadOnlySpan<byte> MagicLine => "hsm-backup/1\n"u8;

    /// <summary>What the backups of every version begin with.</summary>
    internal static ReadOnlySpan<byte> MagicPrefix => "hsm-backup/"u8;
}
