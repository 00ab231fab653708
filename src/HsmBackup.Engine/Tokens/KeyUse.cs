namespace HsmBackup.Engine.Tokens;

/// <summary>What came of using a key for one of the things that its flags allow.</summary>
/// <param name="Use">One of the constants here.</param>
/// <param name="Worked">
/// True: it did its work and the result was right. False: it did not. Null: it could not be tried, or not be judged.
/// </param>
/// <param name="Detail">What was done, or why not.</param>
public sealed record KeyUse(string Use, bool? Worked, string Detail)
{
    /// <summary>A private key signs (CKA_SIGN).</summary>
    public const string Sign = "Sign";

    /// <summary>A private key makes signatures that hold what was signed (CKA_SIGN_RECOVER), and no others.</summary>
    public const string SignRecover = "SignRecover";

    /// <summary>A key decrypts (CKA_DECRYPT).</summary>
    public const string Decrypt = "Decrypt";

    /// <summary>A key derives another one (CKA_DERIVE).</summary>
    public const string Derive = "Derive";

    /// <summary>A private key opens a secret that was encapsulated for it (CKA_DECAPSULATE).</summary>
    public const string Decapsulate = "Decapsulate";

    /// <summary>A secret key makes or verifies MACs (CKA_SIGN, CKA_VERIFY).</summary>
    public const string Mac = "Mac";

    /// <summary>A secret key encrypts (CKA_ENCRYPT).</summary>
    public const string Encrypt = "Encrypt";

    /// <summary>A secret key wraps keys (CKA_WRAP).</summary>
    public const string Wrap = "Wrap";

    /// <summary>A key unwraps keys (CKA_UNWRAP).</summary>
    public const string Unwrap = "Unwrap";

    /// <summary>The private key of a certificate works, and the certificate's public key agrees.</summary>
    public const string Certificate = "Certificate";

    /// <summary>The use and what came of it.</summary>
    public override string ToString() => $"{Use}: {Detail}";
}
