namespace HsmBackup.Engine.Pkcs11;

/// <summary>
/// The attributes that are the secret itself. They are never asked of a token, with one exception: a key whose owner made
/// it readable (not CKA_SENSITIVE, CKA_EXTRACTABLE) and which no mechanism can wrap.
/// </summary>
public static class SecretAttributes
{
    private static readonly ulong[] s_value = [Cka.Value];

    private static readonly ulong[] s_ratchet =
    [
        Cka.X2RatchetRk, Cka.X2RatchetHks, Cka.X2RatchetHkr, Cka.X2RatchetNhks, Cka.X2RatchetNhkr, Cka.X2RatchetCks,
        Cka.X2RatchetCkr, Cka.X2RatchetDhs, Cka.X2RatchetBag,
    ];

    /// <summary>The secret components of a key.</summary>
    /// <param name="objectClass">The class, one of <see cref="Cko"/>.</param>
    /// <param name="keyType">The key type, one of <see cref="Ckk"/>.</param>
    /// <returns>CKA_VALUE for key types without a row of their own; empty for objects that are not keys.</returns>
    public static ReadOnlySpan<ulong> For(ulong objectClass, ulong keyType) => objectClass switch
    {
        Cko.PrivateKey => KeyKinds.Find(keyType)?.Secret ?? s_value,
        Cko.SecretKey => keyType == Ckk.X2Ratchet ? s_ratchet : s_value,
        Cko.OtpKey => s_value,
        _ => [],
    };
}
