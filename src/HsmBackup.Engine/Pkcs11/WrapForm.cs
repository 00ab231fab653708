namespace HsmBackup.Engine.Pkcs11;

/// <summary>Which bytes a wrapping gives: what a reader of a backup needs to know to unwrap them, with or without a token.</summary>
public enum WrapForm
{
    /// <summary>AES key wrap with padding, RFC 5649. Deterministic, authenticated, any length.</summary>
    Rfc5649,

    /// <summary>AES key wrap, RFC 3394. Deterministic, authenticated, multiples of 8 bytes.</summary>
    Rfc3394,

    /// <summary>RFC 3394 over PKCS #7 padded bytes: what NSS calls CKM_AES_KEY_WRAP_PAD.</summary>
    Rfc3394Pkcs7,

    /// <summary>AES-CBC with PKCS #7 padding under an IV fixed for the backup. Not authenticated: the backup file is.</summary>
    CbcPad,

    /// <summary>RSA-OAEP under the backup's transport key. For lengths that the token's AES wrapping does not keep.</summary>
    RsaOaep,

    /// <summary>Not wrapped: the attribute values of a key that the token shows.</summary>
    Value,
}

/// <summary>A way to wrap that a token was seen to master.</summary>
/// <param name="Form">The bytes it gives.</param>
/// <param name="Mechanism">The CKM code that gives them.</param>
/// <param name="ExactLengths">Values of any length come back with that length.</param>
public sealed record WrapMethod(WrapForm Form, ulong Mechanism, bool ExactLengths)
{
    /// <summary>The mechanism with its parameter.</summary>
    /// <param name="iv">The IV for <see cref="WrapForm.CbcPad"/>; not looked at by the others.</param>
    public Mechanism ToMechanism(ReadOnlySpan<byte> iv) =>
        Form == WrapForm.CbcPad ? Pkcs11.Mechanism.AesCbcPad(iv) : new Mechanism(Mechanism);

    /// <inheritdoc/>
    public override string ToString() => $"{Names.OfMechanism(Mechanism)}, {Form}{(ExactLengths ? "" : ", lengths rounded up to 8 bytes")}";
}
