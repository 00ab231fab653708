using System.Security;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Format;

namespace HsmBackup.PowerShell.Output;

/// <summary>A backup that New-HsmBackup has just made, with the key that opens it.</summary>
public sealed class CreatedBackup
{
    internal CreatedBackup(BackupResult result, SecureString? key)
    {
        BackupId = result.Id.ToString();
        Path = result.Path;
        Copies = result.Copies;
        Created = result.Created;
        Mode = result.Mode;
        Signer = result.Signer;
        ClusterName = result.ClusterName;
        ClusterId = result.ClusterId;
        Node = result.Node;
        Acknowledged = result.Acknowledged;
        TokenLabel = result.TokenLabel;
        Objects = result.Objects;
        Captured = result.Captured;
        Complete = result.Complete;
        Verdicts = result.Verdicts;
        KeyPath = result.KeyPath;
        OneTimeKey = key;
        Digest = result.Digest;
        Elapsed = result.Elapsed;
    }

    /// <summary>The backup's id, which its file is named after.</summary>
    public string BackupId { get; }

    /// <summary>"Complete", or "Partial" where objects of the token are not in the backup.</summary>
    public string State => Complete ? "Complete" : "Partial";

    /// <summary>The file: a full path, or the address of a copy where none is on this machine.</summary>
    public string Path { get; }

    /// <summary>What became of the copy in each store; empty for a backup in a folder.</summary>
    public IReadOnlyList<CopyResult> Copies { get; }

    /// <summary>When it was made, in UTC.</summary>
    public DateTimeOffset Created { get; }

    /// <summary>Where the key comes from that the keys in the backup are wrapped with.</summary>
    public BackupMode Mode { get; }

    /// <summary>Who signed it; null where nobody did.</summary>
    public string? Signer { get; }

    /// <summary>Name of the cluster; of a lone token its label.</summary>
    public string ClusterName { get; }

    /// <summary>Id of the cluster.</summary>
    public string ClusterId { get; }

    /// <summary>The node of the cluster that was backed up; null for a lone token.</summary>
    public string? Node { get; }

    /// <summary>Objects that are not in the backup whole, and that the cluster's definition acknowledges.</summary>
    public IReadOnlyList<ObjectSummary> Acknowledged { get; }

    /// <summary>Label of the token.</summary>
    public string TokenLabel { get; }

    /// <summary>Number of objects that the token holds.</summary>
    public int Objects { get; }

    /// <summary>Number of objects that the backup brings back exactly.</summary>
    public int Captured { get; }

    /// <summary>Whether every object was captured.</summary>
    public bool Complete { get; }

    /// <summary>What became of each object.</summary>
    public VerdictList Verdicts { get; }

    /// <summary>The file that the one-time key was written to; null where it was not.</summary>
    public string? KeyPath { get; }

    /// <summary>The one-time key; null where it was sealed for recipients.</summary>
    public SecureString? OneTimeKey { get; }

    /// <summary>SHA-256 of the file.</summary>
    public string Digest { get; }

    /// <summary>How long it took.</summary>
    public TimeSpan Elapsed { get; }

    /// <summary>The backup's id, and "Partial" where it is.</summary>
    public override string ToString() => Complete ? BackupId : $"{BackupId} (Partial)";
}
