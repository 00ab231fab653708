namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.

/// <summary>CKZ_: where OAEP takes its encoding parameter and PBKDF2 its salt from.</summary>
public static class Ckz
{
    public const ulong DataSpecified = 0x00000001;
    public const ulong SaltSpecified = 0x00000001;
}
