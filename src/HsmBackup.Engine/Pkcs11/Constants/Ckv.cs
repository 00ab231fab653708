namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.

/// <summary>CKV_: kinds and authorities of a validation.</summary>
public static class Ckv
{
    // Authorities.
    public const ulong AuthorityTypeUnspecified = 0x00000000;
    public const ulong AuthorityTypeNistCmvp = 0x00000001;
    public const ulong AuthorityTypeCommonCriteria = 0x00000002;

    // Kinds.
    public const ulong TypeUnspecified = 0x00000000;
    public const ulong TypeSoftware = 0x00000001;
    public const ulong TypeHardware = 0x00000002;
    public const ulong TypeFirmware = 0x00000003;
    public const ulong TypeHybrid = 0x00000004;
}
