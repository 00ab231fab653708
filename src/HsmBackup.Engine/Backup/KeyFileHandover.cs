using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Backup;

/// <summary>Hands the one-time key to a file, as text for its owner alone or sealed for certificates.</summary>
/// <param name="path">The file, which must not exist; its folder is made if it is not there.</param>
/// <param name="recipients">Certificates to seal it for; empty for text.</param>
/// <param name="folders">Takes away again what was made for nothing.</param>
internal sealed class KeyFileHandover(string path, IReadOnlyList<X509Certificate2> recipients, NewFolders folders) : IKeyHandover
{
    private IReadOnlyList<string> _backupFolders = [];

    public void Check(IReadOnlyList<string> backupFolders)
    {
        if (recipients.Count > 0)
        {
            KeyFile.CheckRecipients(recipients);
        }
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
        {
            folders.Make(folder, forOwner: true);
        }
        _backupFolders = backupFolders;
        CheckFolders();
    }

    public void Accept(BackupId id, OneTimeKey key)
    {
        // Again: a link can lead elsewhere by now.
        CheckFolders();
        if (recipients.Count > 0)
        {
            KeyFile.WriteSealed(path, backupFolder: null, key, id.ToString(), recipients);
        }
        else
        {
            KeyFile.Write(path, backupFolder: null, key, id.ToString());
        }
    }

    public void Withdraw(BackupId id) => File.Delete(path);

    private void CheckFolders()
    {
        KeyFile.CheckDestination(path, backupFolder: null);
        foreach (string backups in _backupFolders)
        {
            KeyFile.CheckDestination(path, backups);
        }
    }
}
