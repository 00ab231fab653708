using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Catalogue;

/// <summary>A backup as its public header shows it: nothing here is authenticated before the backup is tested.</summary>
public sealed record BackupInfo
{
    /// <summary>The backup's id.</summary>
    public required string BackupId { get; init; }

    /// <summary>The file: the full path of a copy on this machine, else the address of one.</summary>
    public required string Path { get; init; }

    /// <summary>When it was made, in UTC.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>Name of its cluster.</summary>
    public required string ClusterName { get; init; }

    /// <summary>Id of its cluster.</summary>
    public required string ClusterId { get; init; }

    /// <summary>Who can open it.</summary>
    public required BackupMode Mode { get; init; }

    /// <summary>How many objects the token had.</summary>
    public required int Objects { get; init; }

    /// <summary>How many of them are in the backup whole.</summary>
    public required int Captured { get; init; }

    /// <summary>True where that is all of them; otherwise the backup is Partial.</summary>
    public required bool Complete { get; init; }

    /// <summary>"Complete" or "Partial".</summary>
    public string State => Complete ? "Complete" : "Partial";

    /// <summary>How many objects have each verdict.</summary>
    public required VerdictCounts Verdicts { get; init; }

    /// <summary>How long it is to be kept.</summary>
    public required RetentionClass RetentionClass { get; init; }

    /// <summary>Size of the file in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>Check value of its one-time key.</summary>
    public required string KeyCheck { get; init; }

    /// <summary>The cluster's backup before this one; null for the first.</summary>
    public string? PreviousBackupId { get; init; }

    /// <summary>How far the audit log was when it was made; null where none was kept.</summary>
    public AuditHead? Audit { get; init; }

    /// <summary>Who signed it; null where nobody did.</summary>
    public string? Signer { get; init; }

    /// <summary>Its copies, where it was looked for in stores; empty where it was read as a file.</summary>
    public IReadOnlyList<BackupCopy> Copies { get; init; } = [];

    /// <summary>The newest test of it that is remembered on this machine; null where none is.</summary>
    public TestRecord? LastTest { get; init; }

    /// <summary>The newest test of level Content or deeper that it passed, unless it failed one since; null where there is none.</summary>
    public TestRecord? Proof { get; init; }

    /// <summary>Whether that test is too old to count.</summary>
    public bool ProofExpired { get; init; }

    /// <summary>Whether the backup is complete, was proven lately, and has a copy that is what was proven.</summary>
    public bool Restorable => Complete && Proof is not null && !ProofExpired && Copies.Any(c => c.State == CopyState.Present);

    /// <summary>SHA-256 of magic line and header, in lower-case hex.</summary>
    public required string Binding { get; init; }

    /// <summary>What a header says.</summary>
    /// <param name="preamble">The header.</param>
    /// <param name="location">The full path of the file, or its address.</param>
    /// <param name="length">Its length in bytes.</param>
    internal static BackupInfo Of(BackupPreamble preamble, string location, long length)
    {
        BackupHeader header = preamble.Header;
        return new BackupInfo
        {
            BackupId = header.Id.ToString(),
            Path = location,
            Created = header.Created,
            ClusterName = header.ClusterName,
            ClusterId = header.ClusterId,
            Mode = header.Mode,
            Objects = header.Objects,
            Captured = header.Verdicts.Captured,
            Complete = header.Complete,
            Verdicts = header.Verdicts,
            RetentionClass = header.RetentionClass,
            Length = length,
            KeyCheck = header.KeyCheck,
            PreviousBackupId = header.Previous?.Id.ToString(),
            Audit = header.Audit,
            Signer = header.Signer,
            Binding = preamble.Binding,
        };
    }

    /// <summary>The digest that the file ends with.</summary>
    internal string ReadDigest()
    {
        using FileStream file = File.OpenRead(Path);
        Span<byte> digest = stackalloc byte[BackupFormat.DigestLength];
        file.Seek(-BackupFormat.DigestLength, SeekOrigin.End);
        file.ReadExactly(digest);
        return Convert.ToHexStringLower(digest);
    }
}
