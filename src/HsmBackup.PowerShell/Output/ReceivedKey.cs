using System.Security;
using HsmBackup.Engine.Handover;

namespace HsmBackup.PowerShell.Output;

/// <summary>A one-time key that was handed over.</summary>
public sealed class ReceivedKey
{
    internal ReceivedKey(KeyReceipt receipt, string clusterName, string? keyPath, SecureString? key)
    {
        BackupId = receipt.BackupId;
        ClusterName = clusterName;
        Received = receipt.Received;
        By = receipt.By;
        Host = receipt.Host;
        With = receipt.With;
        KeyPath = keyPath;
        OneTimeKey = key;
    }

    /// <summary>The backup that the key opens.</summary>
    public string BackupId { get; }

    /// <summary>Name of its cluster.</summary>
    public string ClusterName { get; }

    /// <summary>When it was handed over, in UTC.</summary>
    public DateTimeOffset Received { get; }

    /// <summary>The account that received it.</summary>
    public string By { get; }

    /// <summary>The computer that it was received on.</summary>
    public string Host { get; }

    /// <summary>Where the private key is that opened it, or the vault that it came from.</summary>
    public string With { get; }

    /// <summary>The file that the key was written to; null where it was not.</summary>
    public string? KeyPath { get; }

    /// <summary>The key; null where it was shown or written to a file.</summary>
    public SecureString? OneTimeKey { get; }

    /// <summary>The backup, and who has its key.</summary>
    public override string ToString() => $"{BackupId}: {By}";
}
