namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.

/// <summary>CKU_: users that log in.</summary>
public static class Cku
{
    public const ulong So = 0x00000000;
    public const ulong User = 0x00000001;
    public const ulong ContextSpecific = 0x00000002;
}
