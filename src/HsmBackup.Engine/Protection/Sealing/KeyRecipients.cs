using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace HsmBackup.Engine.Protection.Sealing;

/// <summary>Whether certificates can receive a one-time key.</summary>
internal static class KeyRecipients
{
    // The key that is sealed has 256 bits; below this the seal would be by far the weaker part.
    private const int LeastRsaBits = 2048;

    /// <summary>Refuses an empty list and every certificate that cannot receive a key.</summary>
    /// <remarks>
    /// A certificate that has expired is accepted: its private key opens the file as before, and a scheduled backup that
    /// stops because of a date would be the greater harm.
    /// </remarks>
    /// <exception cref="HsmBackupException"><see cref="ErrorCode.KeyRecipientInvalid"/>.</exception>
    public static void Check(IReadOnlyList<X509Certificate2> recipients)
    {
        ArgumentNullException.ThrowIfNull(recipients);
        if (recipients.Count == 0)
        {
            throw new HsmBackupException(
                ErrorCode.KeyRecipientInvalid, "No certificate was given to seal the key for.", "Name at least one certificate.");
        }
        foreach (X509Certificate2 recipient in recipients)
        {
            if (Objection(recipient) is { } reason)
            {
                throw new HsmBackupException(
                    ErrorCode.KeyRecipientInvalid,
                    $"The certificate '{recipient.Subject}' cannot receive a key: {reason}",
                    "Name a certificate for encryption, with an RSA key of at least 2048 bits or an EC key.")
                { Target = recipient.Subject };
            }
        }
    }

    private static string? Objection(X509Certificate2 recipient)
    {
        try
        {
            X509KeyUsageFlags? usage = recipient.Extensions.OfType<X509KeyUsageExtension>().FirstOrDefault()?.KeyUsages;
            using RSA? rsa = recipient.GetRSAPublicKey();
            if (rsa is not null)
            {
                return rsa.KeySize < LeastRsaBits
                    ? $"its RSA key has {rsa.KeySize} bits, and at least {LeastRsaBits} are needed."
                    : Missing(usage, X509KeyUsageFlags.KeyEncipherment, "key encipherment");
            }
            if (Missing(usage, X509KeyUsageFlags.KeyAgreement, "key agreement") is { } missing
                && recipient.GetKeyAlgorithm() == EnvelopeOids.EcPublicKey)
            {
                return missing;
            }
            using ECDiffieHellman? ec = recipient.GetECDiffieHellmanPublicKey();
            return ec is null ? "its key is neither RSA nor EC." : null;
        }
        catch (CryptographicException e)
        {
            return $"its key cannot be used here ({e.Message})";
        }
    }

    private static string? Missing(X509KeyUsageFlags? usage, X509KeyUsageFlags needed, string name) =>
        usage is null || usage.Value.HasFlag(needed) ? null : $"its key usage does not include {name}.";
}
