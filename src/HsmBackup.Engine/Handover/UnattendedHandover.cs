using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Handover;

/// <summary>Takes the one-time key of a backup that nobody attends: it waits, sealed or in a vault, for an officer.</summary>
public sealed class UnattendedHandover : IKeyHandover, IDisposable
{
    private readonly WaitingKeys _waiting;
    private readonly List<X509Certificate2> _recipients;
    private readonly string? _vault;

    private UnattendedHandover(WaitingKeys waiting, List<X509Certificate2> recipients, string? vault)
    {
        _waiting = waiting;
        _recipients = recipients;
        _vault = vault;
    }

    /// <summary>What the schedule of a cluster says.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="waiting">Where its keys wait.</param>
    /// <exception cref="HsmBackupException">
    /// KeyDestinationRequired: it says nothing of keys. KeyRecipientInvalid: a certificate cannot be read, or cannot receive a key.
    /// </exception>
    public static UnattendedHandover Of(ClusterDefinition cluster, WaitingKeys waiting)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        if (cluster.Schedule is not { } schedule || (schedule.KeyRecipients.Count == 0 && schedule.KeyVault is null))
        {
            throw new HsmBackupException(ErrorCode.KeyDestinationRequired,
                $"The schedule of cluster '{cluster.Name}' does not say who receives the one-time keys, so its backups could never be opened.",
                "Register it with -KeyRecipientPath, the certificates of officers, or with -KeyVault.")
            { Target = cluster.Name };
        }
        var recipients = new List<X509Certificate2>();
        try
        {
            recipients.AddRange(schedule.KeyRecipients.Select(Load));
            if (recipients.Count > 0)
            {
                KeyFile.CheckRecipients(recipients);
            }
            return new UnattendedHandover(waiting, recipients, schedule.KeyVault);
        }
        catch
        {
            recipients.ForEach(r => r.Dispose());
            throw;
        }
    }

    /// <summary>Refuses a folder for keys that is that of a store, is in it, or has it within. Nothing is written.</summary>
    /// <param name="backupFolders">The folders of this machine that backups go to.</param>
    /// <exception cref="HsmBackupException">KeyFileBesideBackup.</exception>
    public void CheckApart(IReadOnlyList<string> backupFolders)
    {
        ArgumentNullException.ThrowIfNull(backupFolders);
        string keys = RealPath.Of(_waiting.Folder);
        foreach (string folder in backupFolders)
        {
            string store = RealPath.Of(folder);
            if (RealPath.IsSameOrBelow(store, keys) || RealPath.IsSameOrBelow(keys, store))
            {
                throw new HsmBackupException(ErrorCode.KeyFileBesideBackup,
                    $"The store '{folder}' and '{_waiting.Folder}', where its keys wait, are in one folder: whoever copies that has both.",
                    "Name another folder for the keys with -KeyFolder, best on another medium.")
                { Target = _waiting.Folder };
            }
        }
    }

    /// <inheritdoc/>
    public void Check(IReadOnlyList<string> backupFolders)
    {
        CheckApart(backupFolders);
        StateFolder.Create(_waiting.Folder);
        string key = Path.Combine(_waiting.Folder, "key.p7m");
        KeyFile.CheckDestination(key, null);
        foreach (string folder in backupFolders)
        {
            KeyFile.CheckDestination(key, folder);
        }
    }

    /// <inheritdoc/>
    public void Accept(BackupId id, OneTimeKey key) => _waiting.Add(key, id, _recipients, _vault);

    /// <inheritdoc/>
    public void Withdraw(BackupId id) => _waiting.Discard(id);

    /// <inheritdoc/>
    public void Dispose()
    {
        _recipients.ForEach(r => r.Dispose());
        _recipients.Clear();
    }

    /// <summary>Reads the certificate of an officer.</summary>
    /// <exception cref="HsmBackupException">KeyRecipientInvalid.</exception>
    internal static X509Certificate2 Load(string path)
    {
        try
        {
            return X509CertificateLoader.LoadCertificateFromFile(path);
        }
        catch (Exception e) when (e is CryptographicException || FileErrors.Covers(e))
        {
            throw new HsmBackupException(ErrorCode.KeyRecipientInvalid, $"The certificate '{path}', for which keys are sealed, cannot be read: {e.Message}",
                "Put the officer's certificate there (PEM or DER), readable by the account that the schedule runs as.", e)
            { Target = path };
        }
    }
}
