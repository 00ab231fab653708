using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Protection.Sealing;

namespace HsmBackup.Engine.Protection;

/// <summary>Reads a key file of either kind; the first byte tells them apart.</summary>
internal static class KeyFileReader
{
    // A text takes some 120 bytes and a sealed file about 500 for each recipient.
    private const int MaxLength = 64 * 1024;
    private const byte DerSequence = 0x30;

    public static OneTimeKey Read(string path, X509Certificate2Collection? certificates)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        using SecretBuffer buffer = new(MaxLength + 1);
        Span<byte> content = Content(path, buffer);
        if (content is not [DerSequence, ..])
        {
            return KeyFileText.Parse(content, path);
        }
        using CertificatesAtHand atHand = new(certificates);
        using SecretBuffer text = OpenSealed(path, content.ToArray(), atHand.Keys);
        return KeyFileText.Parse(text.Span, path);
    }

    /// <summary>Reads a sealed file, which must be that of a backup.</summary>
    /// <param name="path">The file.</param>
    /// <param name="keys">Private keys to open it with.</param>
    /// <param name="backupId">The backup.</param>
    /// <exception cref="HsmBackupException">As for <see cref="KeyFile.Read"/>; KeyMismatch: it holds the key of another backup.</exception>
    public static OneTimeKey ReadSealed(string path, IEnumerable<IRecipientKey> keys, string backupId)
    {
        using SecretBuffer buffer = new(MaxLength + 1);
        using SecretBuffer text = OpenSealed(path, Content(path, buffer).ToArray(), keys);
        if (!KeyFileText.IsOf(text.Span, backupId))
        {
            throw new HsmBackupException(ErrorCode.KeyMismatch, $"The file '{path}' holds the key of another backup than {backupId}.",
                "Find out who put it there. The key of each backup was sealed into a file with the id of that backup.")
            { Target = path };
        }
        return KeyFileText.Parse(text.Span, path);
    }

    /// <summary>Whom a sealed file is for, by issuer and serial number; nothing is opened.</summary>
    /// <exception cref="HsmBackupException">KeyFileNotFound, KeyFileUnreadable, KeyTextInvalid.</exception>
    public static IReadOnlyList<string> RecipientsOf(string path)
    {
        using SecretBuffer buffer = new(MaxLength + 1);
        return [.. Parse(path, Content(path, buffer).ToArray()).Recipients.Select(r => r.Id.Name)];
    }

    private static Span<byte> Content(string path, SecretBuffer buffer)
    {
        int length = Fill(path, buffer.Span);
        return length <= MaxLength ? buffer.Span[..length] : throw Invalid(path, "it is too large for a key file.", null);
    }

    // Reads to the end instead of asking for the length, so that a pipe will do.
    private static int Fill(string path, Span<byte> buffer)
    {
        try
        {
            using FileStream stream = new(path, new FileStreamOptions { Share = FileShare.ReadWrite, BufferSize = 0 });
            return stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new HsmBackupException(
                ErrorCode.KeyFileNotFound,
                $"There is no key file '{path}'.",
                "Name the file that holds the backup's one-time key, or give the key itself.",
                e)
            { Target = path };
        }
        catch (Exception e) when (FileErrors.Covers(e))
        {
            throw new HsmBackupException(
                ErrorCode.KeyFileUnreadable,
                $"The key file '{path}' cannot be read: {e.Message}",
                "Run the command as the user who owns the file, or give the key itself.",
                e)
            { Target = path };
        }
    }

    private static SecretBuffer OpenSealed(string path, byte[] der, IEnumerable<IRecipientKey> keys)
    {
        EnvelopeReader envelope = Parse(path, der);
        using SecretBuffer contentKey = OpenContentKey(path, envelope, keys);
        return envelope.OpenContent(contentKey) ?? throw Invalid(path, "its sealed content is damaged.", null);
    }

    private static EnvelopeReader Parse(string path, byte[] der)
    {
        try
        {
            return EnvelopeReader.Parse(der);
        }
        catch (AsnContentException e)
        {
            throw Invalid(path, "it is neither a text nor a sealed key file, or it is damaged.", e);
        }
    }

    private static SecretBuffer OpenContentKey(string path, EnvelopeReader envelope, IEnumerable<IRecipientKey> keys)
    {
        CryptographicException? refusal = null;
        foreach (IRecipientKey key in keys)
        {
            foreach (EnvelopeRecipient recipient in envelope.Recipients.Where(r => key.Owns(r.Id)))
            {
                try
                {
                    return recipient.OpenContentKey(key);
                }
                catch (CryptographicException e)
                {
                    // Another key may still open it; the reason is told if none does.
                    refusal = e;
                }
            }
        }
        throw Sealed(path, envelope, refusal);
    }

    private static HsmBackupException Invalid(string path, string reason, Exception? cause) => new(
        ErrorCode.KeyTextInvalid,
        $"The content of '{path}' is not a one-time key: {reason}",
        "Name the file as it was written with the backup, or give the key itself.",
        cause)
    { Target = path };

    private static HsmBackupException Sealed(string path, EnvelopeReader envelope, Exception? refusal)
    {
        string recipients = envelope.Recipients.Count == 0
            ? "somebody by a method that this program does not know"
            : string.Join("; ", envelope.Recipients.Select(recipient => recipient.Id.Name));
        string reason = refusal is null
            ? "No private key for it is available here."
            : $"The private key at hand could not open it: {refusal.Message}";
        // Quotes that a POSIX shell and PowerShell understand alike.
        char quote = path.Contains('\'') ? '"' : '\'';
        return new HsmBackupException(
            ErrorCode.KeyFileSealed,
            $"The key file '{path}' is sealed for {recipients}. {reason}",
            "Put the certificate with its private key into your personal certificate store, or open the file where the private key is, with "
            + $"openssl cms -decrypt -inform DER -in {quote}{path}{quote} -recip certificate.pem -inkey private-key.pem",
            refusal)
        { Target = path };
    }
}
