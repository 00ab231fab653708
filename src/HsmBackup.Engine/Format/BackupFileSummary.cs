namespace HsmBackup.Engine.Format;

/// <summary>What writing or walking over a whole backup file found out about it.</summary>
public sealed record BackupFileSummary
{
    /// <summary>The file's header.</summary>
    public required BackupHeader Header { get; init; }

    /// <summary>SHA-256 of magic line and header, in lower-case hex.</summary>
    public required string Binding { get; init; }

    /// <summary>Length of the file in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>How many sealed segments it has.</summary>
    public required int Segments { get; init; }

    /// <summary>
    /// The SHA-256 that the file ends with, in lower-case hex: what the next backup of the cluster names as its previous.
    /// </summary>
    public required string Digest { get; init; }

    /// <summary>SHA-256 of everything before the seal, in lower-case hex: what a signature signs.</summary>
    public required string SignedDigest { get; init; }

    /// <summary>The DER of the detached CMS SignedData in the seal; null when there is none. It has not been verified.</summary>
    public ReadOnlyMemory<byte>? Signature { get; init; }
}
