namespace HsmBackup.Engine.Pkcs11;

/// <summary>
/// What real tokens do otherwise than the standard says, where it changes what we do. Each is described, with the tokens that
/// have it and the test that holds it, in docs/pkcs11-quirks.md under the same name.
/// </summary>
[Flags]
public enum Quirks
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>
    /// Reading CKA_START_DATE or CKA_END_DATE of a private object fails the whole C_GetAttributeValue (SoftHSM 2.6). The dates
    /// of private objects are then reported as unavailable.
    /// </summary>
    PrivateDatesUnreadable = 1,

    /// <summary>C_UnwrapKey of a private EC or DSA key wants the vendor attribute CKA_NSS_DB, with any value (NSS softoken).</summary>
    UnwrapNeedsNssDb = 2,

    /// <summary>
    /// A key with the class and CKA_ID of another silently takes its place (NSS softoken). Two such keys in one backup cannot
    /// both be restored, and a replaced key must be removed before its replacement is added.
    /// </summary>
    IdentifierIsUnique = 4,

    /// <summary>AES key wrap pads values with zero bytes to a multiple of 8 and forgets their length (SoftHSM 2.6).</summary>
    WrapRoundsLengths = 8,
}
