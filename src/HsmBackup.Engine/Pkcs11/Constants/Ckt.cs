namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.

/// <summary>CKT_: trust in a certificate.</summary>
public static class Ckt
{
    public const ulong TrustUnknown = 0x00000000;
    public const ulong Trusted = 0x00000001;
    public const ulong TrustAnchor = 0x00000002;
    public const ulong NotTrusted = 0x00000003;
    public const ulong TrustMustVerifyTrust = 0x00000004;

    // NSS, as found in libnss3.
    public const ulong NssTrusted = 0xCE534351;
    public const ulong NssTrustedDelegator = 0xCE534352;
    public const ulong NssMustVerifyTrust = 0xCE534353;
    public const ulong NssTrustUnknown = 0xCE534355;
    public const ulong NssNotTrusted = 0xCE53435A;
    public const ulong NssValidDelegator = 0xCE53435B;
}
