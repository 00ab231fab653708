namespace HsmBackup.Engine.Format;

/// <summary>Where the key comes from that the keys in a backup are wrapped with.</summary>
public enum BackupMode
{
    /// <summary>From the one-time key: the file and its one-time key restore anywhere.</summary>
    OneTimeKey,
    /// <summary>From the HSM, wrapped by the cluster key: it restores only where the cluster key is.</summary>
    ClusterBound,
}
