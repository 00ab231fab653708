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
    /// CKA_START_DATE and CKA_END_DATE can be set on a private object and not be read again: C_GetAttributeValue fails as a whole
    /// (SoftHSM 2.6). An object with such a date is Inexact, and after a restore only whether there is a date is compared.
    /// </summary>
    PrivateDatesUnreadable = 1,

    /// <summary>
    /// C_UnwrapKey of a private EC or DSA key wants the vendor attribute CKA_NSS_DB (NSS softoken). It must be the key's public value:
    /// any other is taken too, and stands as the public key in whatever the token wraps later.
    /// </summary>
    UnwrapNeedsNssDb = 2,

    /// <summary>
    /// A key made with the class and CKA_ID of another silently takes its place (NSS softoken). Keys are made without their id, and
    /// get it afterwards, which overwrites nothing.
    /// </summary>
    IdentifierIsUnique = 4,

    /// <summary>AES key wrap pads values with zero bytes to a multiple of 8 and forgets their length (SoftHSM 2.6).</summary>
    WrapRoundsLengths = 8,

    /// <summary>
    /// C_Finalize closes a file and keeps its number; the next C_Initialize locks, and the next C_Finalize closes, whatever file of this
    /// process has that number by then (opencryptoki 3.8). The library stays initialised until the process ends.
    /// </summary>
    FinalizeKeepsFile = 16,

    /// <summary>
    /// The security officer has the empty PIN until there is a user PIN, and none after it; C_InitToken takes any PIN, wipes the token
    /// and sets neither PIN nor label (NSS softoken). A blank token is given its user PIN, and C_InitToken is not called.
    /// </summary>
    SecurityOfficerHasNoPin = 32,
}
