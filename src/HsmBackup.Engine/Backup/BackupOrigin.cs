using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Backup;

/// <summary>Who made a backup: the signature of its seal against the certificate that the cluster's definition pins.</summary>
internal static class BackupOrigin
{
    /// <summary>Checks the signature; no key is needed for it.</summary>
    /// <returns>What was seen.</returns>
    /// <exception cref="HsmBackupException">SignatureInvalid.</exception>
    public static string Check(BackupFileSummary summary, ReadOnlyMemory<byte> certificate)
    {
        if (summary.Signature is not { } signature)
        {
            throw Refused($"The backup {summary.Header.Id} is not signed, and the cluster has an identity to sign with.");
        }
        if (!SealSignature.Verify(signature, Convert.FromHexString(summary.SignedDigest), certificate))
        {
            throw Refused($"The backup {summary.Header.Id} says that it is signed by {summary.Header.Signer}, and that is not the signature of the cluster's identity.");
        }
        return $"signed by {summary.Header.Signer}, as the cluster's definition has it";
    }

    private static HsmBackupException Refused(string what) => new(ErrorCode.SignatureInvalid, what,
        "Do not restore it before you know where it comes from. It may be from before the cluster had its identity, of another cluster, or forged.");
}
