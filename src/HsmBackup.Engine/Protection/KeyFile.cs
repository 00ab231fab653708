using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Protection.Sealing;

namespace HsmBackup.Engine.Protection;

/// <summary>
/// Files that hold a one-time key: as text, for its owner alone, or sealed for certificates. Paths are as
/// <see cref="System.IO"/> takes them; a relative one starts at the process's current folder.
/// </summary>
public static class KeyFile
{
    /// <summary>
    /// Refuses a destination before any work is done for it. It finds out by trying: a small file is made in the folder
    /// and is gone again when the method returns.
    /// </summary>
    /// <param name="path">The key file that is to be made.</param>
    /// <param name="backupFolder">
    /// The folder that the backup goes to, which need not exist yet; null where it goes to no folder of this machine.
    /// </param>
    /// <exception cref="HsmBackupException">
    /// <see cref="ErrorCode.KeyFileExists"/>; <see cref="ErrorCode.KeyFileBesideBackup"/> where the file would be in the
    /// backup's folder or below it, by whatever name; <see cref="ErrorCode.DestinationUnwritable"/>;
    /// <see cref="ErrorCode.DiskFull"/>; <see cref="ErrorCode.InvalidArgument"/> where the path is a folder.
    /// </exception>
    public static void CheckDestination(string path, string? backupFolder) =>
        KeyFileDestination.Check(path, backupFolder);

    /// <summary>Refuses certificates that cannot receive a key, before any work is done.</summary>
    /// <param name="recipients">The certificates; at least one.</param>
    /// <exception cref="HsmBackupException">
    /// <see cref="ErrorCode.KeyRecipientInvalid"/>: the message says which certificate and why.
    /// </exception>
    public static void CheckRecipients(IReadOnlyList<X509Certificate2> recipients) => KeyRecipients.Check(recipients);

    /// <summary>
    /// Writes a key as text: a comment line with the backup's id, then the key. On Unix the file has mode 0600, on
    /// Windows an access list with the current user alone. It is flushed to disk, and gone again if anything fails.
    /// </summary>
    /// <param name="path">The file, which must not exist.</param>
    /// <param name="backupFolder">The folder of the backup; see <see cref="CheckDestination"/>.</param>
    /// <param name="key">The key.</param>
    /// <param name="backupId">The id of the backup that the key opens.</param>
    /// <exception cref="HsmBackupException">As for <see cref="CheckDestination"/>.</exception>
    public static void Write(string path, string? backupFolder, OneTimeKey key, string backupId)
    {
        ArgumentNullException.ThrowIfNull(key);
        using SecretBuffer text = KeyFileText.Render(key, backupId);
        KeyFileDestination.Check(path, backupFolder);
        KeyFileDestination.Create(path, text.Span);
    }

    /// <summary>
    /// Writes the same text sealed, so that only the holder of a recipient's private key can read it: CMS EnvelopedData
    /// in DER, AES-256-CBC, for RSA keys by OAEP with SHA-256, for EC keys by ephemeral ECDH.
    /// <c>openssl cms -decrypt -inform DER</c> opens it.
    /// </summary>
    /// <param name="path">The file, which must not exist.</param>
    /// <param name="backupFolder">The folder of the backup; see <see cref="CheckDestination"/>.</param>
    /// <param name="key">The key.</param>
    /// <param name="backupId">The id of the backup that the key opens.</param>
    /// <param name="recipients">Certificates, each of which can open the file alone; at least one.</param>
    /// <exception cref="HsmBackupException">As for <see cref="CheckDestination"/> and <see cref="CheckRecipients"/>.</exception>
    public static void WriteSealed(
        string path, string? backupFolder, OneTimeKey key, string backupId, IReadOnlyList<X509Certificate2> recipients)
    {
        ArgumentNullException.ThrowIfNull(key);
        KeyRecipients.Check(recipients);
        using SecretBuffer text = KeyFileText.Render(key, backupId);
        KeyFileDestination.Check(path, backupFolder);
        KeyFileDestination.Create(path, EnvelopeWriter.Seal(text.Span, recipients));
    }

    /// <summary>Reads a key file, text or sealed. Comment lines of a text are passed over.</summary>
    /// <param name="path">The file.</param>
    /// <param name="certificates">
    /// Certificates with private keys to open a sealed file with; those of the user's own store are tried after them.
    /// </param>
    /// <returns>The key, which the caller disposes.</returns>
    /// <exception cref="HsmBackupException">
    /// <see cref="ErrorCode.KeyFileNotFound"/>; <see cref="ErrorCode.KeyFileUnreadable"/>;
    /// <see cref="ErrorCode.KeyTextInvalid"/> where the content is not a key or is damaged;
    /// <see cref="ErrorCode.KeyFileSealed"/> where no private key opens it.
    /// </exception>
    public static OneTimeKey Read(string path, X509Certificate2Collection? certificates = null) =>
        KeyFileReader.Read(path, certificates);
}
