namespace HsmBackup.Engine.Pkcs11;

#pragma warning disable CS1591 // The names are those of the standard, which is where they are explained.

/// <summary>CKN_: notifications of a session.</summary>
public static class Ckn
{
    public const ulong Surrender = 0x00000000;
    public const ulong OtpChanged = 0x00000001;
}
