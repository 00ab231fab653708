using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tokens;

/// <summary>Which token is meant: a library, and in it a label or a serial number.</summary>
/// <param name="Library">The PKCS#11 library.</param>
/// <param name="TokenLabel">The token's label; null to go by the serial number alone.</param>
/// <param name="TokenSerial">The token's serial number; null to go by the label alone.</param>
public sealed record TokenAddress(LibraryLocation Library, string? TokenLabel, string? TokenSerial = null)
{
    /// <summary>Label or serial number, for messages.</summary>
    public override string ToString() => TokenLabel ?? $"serial {TokenSerial}";
}
