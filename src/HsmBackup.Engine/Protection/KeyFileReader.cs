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
        int length = Fill(path, buffer.Span);
        if (length > MaxLength)
        {
            throw Invalid(path, "it is too large for a key file.", null);
        }
        Span<byte> content = buffer.Span[..length];
        return length > 0 && content[0] == DerSequence
            ? ReadSealed(path, content.ToArray(), certificates)
            : KeyFileText.Parse(content, path);
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

    private static OneTimeKey ReadSealed(string path, byte[] der, X509Certificate2Collection? certificates)
    {
        EnvelopeReader envelope;
        try
        {
            envelope = EnvelopeReader.Parse(der);
        }
        catch (AsnContentException e)
        {
            throw Invalid(path, "it is neither a text nor a sealed key file, or it is damaged.", e);
        }
        using SecretBuffer contentKey = OpenContentKey(path, envelope, certificates);
        using SecretBuffer text = envelope.OpenContent(contentKey)
            ?? throw Invalid(path, "its sealed content is damaged.", null);
        return KeyFileText.Parse(text.Span, path);
    }

    private static SecretBuffer OpenContentKey(string path, EnvelopeReader envelope, X509Certificate2Collection? certificates)
    {
        CryptographicException? refusal = null;
        foreach ((EnvelopeRecipient recipient, X509Certificate2 certificate) in Matches(envelope, certificates))
        {
            try
            {
                return recipient.OpenContentKey(certificate);
            }
            catch (CryptographicException e)
            {
                // Another certificate may still open it; the reason is told if none does.
                refusal = e;
            }
        }
        throw Sealed(path, envelope, refusal);
    }

    private static IEnumerable<(EnvelopeRecipient Recipient, X509Certificate2 Certificate)> Matches(
        EnvelopeReader envelope, X509Certificate2Collection? certificates)
    {
        using CertificatesAtHand atHand = new(certificates);
        foreach (X509Certificate2 certificate in atHand.WithPrivateKey)
        {
            foreach (EnvelopeRecipient recipient in envelope.Recipients)
            {
                if (recipient.Id.Names(certificate))
                {
                    yield return (recipient, certificate);
                }
            }
        }
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
