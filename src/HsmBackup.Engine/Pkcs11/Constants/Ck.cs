namespace HsmBackup.Engine.Pkcs11;

/// <summary>CK_: values that belong to no family.</summary>
public static class Ck
{
    /// <summary>CK_FALSE.</summary>
    public const byte False = 0;

    /// <summary>CK_TRUE. A token may also answer with another value that is not zero.</summary>
    public const byte True = 1;

    /// <summary>CK_EFFECTIVELY_INFINITE: no limit, in CK_TOKEN_INFO.</summary>
    public const ulong EffectivelyInfinite = 0;

    /// <summary>CK_INVALID_HANDLE: no object, no session.</summary>
    public const ulong InvalidHandle = 0;

    /// <summary>
    /// CK_UNAVAILABLE_INFORMATION is a CK_ULONG with all bits set, so its value depends on the width of CK_ULONG. As a
    /// length it marks an attribute that could not be read, as a number a fact that the token does not know.
    /// </summary>
    /// <param name="value">A CK_ULONG of 32 or 64 bits.</param>
    /// <returns>True when all bits of either width are set.</returns>
    public static bool IsUnavailable(ulong value) => value is uint.MaxValue or ulong.MaxValue;
}
