using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Backup;

/// <summary>A backup that was made.</summary>
public sealed class BackupResult
{
    /// <summary>The backup's id.</summary>
    public required BackupId Id { get; init; }

    /// <summary>The file: the full path of the first copy on this machine, else the address of the first copy.</summary>
    public required string Path { get; init; }

    /// <summary>What became of the copy in each of the stores; empty for a backup in a folder.</summary>
    public IReadOnlyList<CopyResult> Copies { get; init; } = [];

    /// <summary>SHA-256 of magic line and header, in lower-case hex.</summary>
    public required string Binding { get; init; }

    /// <summary>Length of the file in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>When, in UTC.</summary>
    public DateTimeOffset Created => Id.Created;

    /// <summary>Who can open it.</summary>
    public required BackupMode Mode { get; init; }

    /// <summary>The cluster's name; of a lone token its label.</summary>
    public required string ClusterName { get; init; }

    /// <summary>The cluster's id.</summary>
    public required string ClusterId { get; init; }

    /// <summary>The node of the cluster; null for a lone token.</summary>
    public string? Node { get; init; }

    /// <summary>Objects that are not in the backup whole, and that the cluster's definition acknowledges.</summary>
    public IReadOnlyList<ObjectSummary> Acknowledged { get; init; } = [];

    /// <summary>Who signed it; null where nobody did.</summary>
    public string? Signer { get; init; }

    /// <summary>The token's label.</summary>
    public required string TokenLabel { get; init; }

    /// <summary>How many objects the token has.</summary>
    public int Objects => Verdicts.Count;

    /// <summary>How many of them are in the backup whole.</summary>
    public int Captured => Verdicts.Captured;

    /// <summary>True where that is all of them.</summary>
    public bool Complete => Captured == Objects;

    /// <summary>Every object with its verdict.</summary>
    public required VerdictList Verdicts { get; init; }

    /// <summary>The key file; null where there is none.</summary>
    public string? KeyPath { get; init; }

    /// <summary>The one-time key, owned by the caller; null where it was sealed for recipients or handed over otherwise.</summary>
    public OneTimeKey? Key { get; init; }

    /// <summary>What the token was seen to do.</summary>
    public required TokenCapabilities Capabilities { get; init; }

    /// <summary>SHA-256 of the file up to its trailing 32 bytes, which are this digest.</summary>
    public required string Digest { get; init; }

    /// <summary>How long it took.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>Demands copies. Those that there are stand in any case, and so does the key.</summary>
    /// <param name="minimum">How many there must be at least; a backup in a folder is one.</param>
    /// <exception cref="HsmBackupException">CopiesMissing.</exception>
    public void CheckCopies(int minimum)
    {
        if (Copies.Count > 0 && Copies.Count(c => c.IsThere) < minimum)
        {
            throw BackupDistribution.Missing(Id, Copies, minimum);
        }
    }

    /// <summary>The test that the backup has passed already: its file was read back with its key, object by object, and each copy compared with it.</summary>
    public IReadOnlyList<TestRecord> ToTestRecords() => [.. (Copies.Count == 0 ? [Path] : Copies.Where(c => c.IsThere).Select(c => c.Location)).Select(location => new TestRecord
    {
        BackupId = Id.ToString(),
        ClusterId = ClusterId,
        Location = location,
        Level = TestLevel.Content,
        Passed = true,
        Tested = Created,
        By = TestRecord.Tester,
        Digest = Digest,
        Binding = Binding,
        Length = Length,
    })];
}
