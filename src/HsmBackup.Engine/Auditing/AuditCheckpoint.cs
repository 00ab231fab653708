using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Auditing;

/// <summary>A signature over the log as it was after some entry, kept in an entry of its own.</summary>
/// <param name="Head">What is signed.</param>
/// <param name="Certificate">The certificate of the signer, in DER.</param>
/// <param name="Signature">ECDSA with SHA-256, as ECDSA-Sig-Value in DER.</param>
internal sealed record AuditCheckpoint(AuditHead Head, byte[] Certificate, byte[] Signature)
{
    private const string Domain = "hsmbackup-audit-1";
    private const string EntriesDetail = "entries";
    private const string HeadDetail = "head";
    private const string CertificateDetail = "certificate";
    private const string SignatureDetail = "signature";

    // In base64, with the rest of an entry, still far from the longest line.
    private const int MaxCertificateLength = 8 * 1024;

    /// <summary>Signs, and makes the record.</summary>
    /// <exception cref="HsmBackupException">InvalidArgument: the certificate is too large for a log.</exception>
    public static AuditRecord Sign(AuditHead head, ReadOnlyMemory<byte> certificate, HashSigner key)
    {
        if (certificate.Length > MaxCertificateLength)
        {
            throw new HsmBackupException(ErrorCode.InvalidArgument, "The certificate of the identity key is too large for an audit log.",
                "Make an identity key by ceremony: New-HsmClusterKey.");
        }
        byte[] signature = key(SHA256.HashData(SignedText(head)));
        using X509Certificate2 signer = X509CertificateLoader.LoadCertificate(certificate.Span);
        return new AuditRecord(AuditEntry.Checkpoint, AuditResult.Succeeded) { Target = signer.Subject }.Bounded() with
        {
            Details = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                [EntriesDetail] = head.Entries.ToString(CultureInfo.InvariantCulture),
                [HeadDetail] = head.Head,
                [CertificateDetail] = Convert.ToBase64String(certificate.Span),
                [SignatureDetail] = Convert.ToBase64String(signature),
            },
        };
    }

    /// <summary>The checkpoint of an entry; null where the entry does not hold what a checkpoint holds.</summary>
    public static AuditCheckpoint? Of(AuditEntry entry)
    {
        try
        {
            return long.TryParse(entry.Details.GetValueOrDefault(EntriesDetail), NumberStyles.None, CultureInfo.InvariantCulture, out long entries)
                && entry.Details.TryGetValue(HeadDetail, out string? head)
                && entry.Details.TryGetValue(CertificateDetail, out string? certificate)
                && entry.Details.TryGetValue(SignatureDetail, out string? signature)
                ? new AuditCheckpoint(new AuditHead(entry.Log, entries, head), Convert.FromBase64String(certificate), Convert.FromBase64String(signature))
                : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>Whether the signature is by the key of the certificate. Whose certificate that is, is another question.</summary>
    public bool IsSigned()
    {
        try
        {
            using X509Certificate2 signer = X509CertificateLoader.LoadCertificate(Certificate);
            using ECDsa? key = signer.GetECDsaPublicKey();
            return key?.VerifyData(SignedText(Head), Signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence) == true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    /// <summary>Begins with what it is for: no signature that the key makes elsewhere can be taken for one of these.</summary>
    private static byte[] SignedText(AuditHead head) =>
        Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Domain}\n{head.Log}\n{head.Entries}\n{head.Head}\n"));
}
