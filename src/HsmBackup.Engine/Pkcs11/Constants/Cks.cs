namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.

/// <summary>CKS_: session states, and the flag of C_GetSessionValidationFlags.</summary>
public static class Cks
{
    // Session states.
    public const ulong RoPublicSession = 0x00000000;
    public const ulong RoUserFunctions = 0x00000001;
    public const ulong RwPublicSession = 0x00000002;
    public const ulong RwUserFunctions = 0x00000003;
    public const ulong RwSoFunctions = 0x00000004;

    // Validation flags.
    public const ulong LastValidationOk = 0x00000001;
}
