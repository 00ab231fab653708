namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.

/// <summary>CKH_: hardware features, and how a post-quantum signature is hedged.</summary>
public static class Ckh
{
    // Hardware features.
    public const ulong MonotonicCounter = 0x00000001;
    public const ulong Clock = 0x00000002;
    public const ulong UserInterface = 0x00000003;
    public const ulong VendorDefined = 0x80000000;

    // Hedging of ML-DSA and SLH-DSA.
    public const ulong HedgePreferred = 0x00000000;
    public const ulong HedgeRequired = 0x00000001;
    public const ulong DeterministicRequired = 0x00000002;
}
