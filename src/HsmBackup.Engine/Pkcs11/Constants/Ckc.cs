namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.

/// <summary>CKC_: certificate types.</summary>
public static class Ckc
{
    public const ulong X509 = 0x00000000;
    public const ulong X509AttrCert = 0x00000001;
    public const ulong Wtls = 0x00000002;
    public const ulong VendorDefined = 0x80000000;
    public const ulong Openpgp = 0x80504750;
}
