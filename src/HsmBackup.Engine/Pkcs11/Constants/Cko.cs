namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.

/// <summary>CKO_: object classes.</summary>
public static class Cko
{
    public const ulong Data = 0x00000000;
    public const ulong Certificate = 0x00000001;
    public const ulong PublicKey = 0x00000002;
    public const ulong PrivateKey = 0x00000003;
    public const ulong SecretKey = 0x00000004;
    public const ulong HwFeature = 0x00000005;
    public const ulong DomainParameters = 0x00000006;
    public const ulong Mechanism = 0x00000007;
    public const ulong OtpKey = 0x00000008;
    public const ulong Profile = 0x00000009;
    public const ulong Validation = 0x0000000A;
    public const ulong Trust = 0x0000000B;
    public const ulong VendorDefined = 0x80000000;

    // NSS, as found in libnss3.
    public const ulong NssCrl = 0xCE534351;
    public const ulong NssSmime = 0xCE534352;
    public const ulong NssTrust = 0xCE534353;
    public const ulong NssBuiltinRootList = 0xCE534354;
    public const ulong NssNewslot = 0xCE534355;
    public const ulong NssDelslot = 0xCE534356;
    public const ulong NssValidation = 0xCE534357;
}
