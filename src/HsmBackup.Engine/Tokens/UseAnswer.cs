using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tokens;

/// <summary>What a token's answer says of a key that was used.</summary>
internal static class UseAnswer
{
    /// <summary>
    /// The token has no such mechanism, or not for this kind or size of key; or CKA_ALLOWED_MECHANISMS of the key forbids it.
    /// </summary>
    public static bool IsNotKnown(ulong rv) => rv is Ckr.MechanismInvalid or Ckr.MechanismParamInvalid or Ckr.FunctionNotSupported
        or Ckr.KeyTypeInconsistent or Ckr.KeySizeRange or Ckr.WrappingKeySizeRange or Ckr.UnwrappingKeySizeRange or Ckr.CurveNotSupported;

    /// <summary>The token refuses the object that was to come of the use, or to be wrapped; the key may be right.</summary>
    public static bool IsAboutResult(ulong rv) => rv is Ckr.TemplateInconsistent or Ckr.TemplateIncomplete or Ckr.AttributeReadOnly
        or Ckr.AttributeTypeInvalid or Ckr.AttributeValueInvalid or Ckr.AttributeSensitive or Ckr.KeyNotWrappable or Ckr.KeyUnextractable;

    /// <summary>The outcome of a call, and of the look at its result where it gave one.</summary>
    public static KeyUse Judge(string use, string what, ulong rv, Func<bool> isRight)
    {
        if (rv == Ckr.Ok)
        {
            return isRight() ? new KeyUse(use, true, $"{what} is right")
                : new KeyUse(use, false, $"{what} is wrong: it is another key, or it does not work");
        }
        return new KeyUse(use, IsNotKnown(rv) || IsAboutResult(rv) ? null : false, $"{what}: {Names.OfReturnValue(rv)}");
    }

    /// <summary>It gave an answer, or could give one, that nothing here can compare with anything.</summary>
    public static KeyUse NotJudged(string use, string why) => new(use, null, why);

    /// <summary>What the flag allows, and no mechanism is known for.</summary>
    public static KeyUse NotKnown(string use, ObjectRecord record) =>
        new(use, null,
            $"no mechanism is known here by which {(record.KeyType is { } type ? Names.OfKeyType(type) : "such a key")} does this");
}

/// <summary>The uses that a key's flags allow.</summary>
internal static class UseFlags
{
    /// <summary>
    /// By <see cref="KeyUse"/>'s names; signing and verifying with a secret key is one use. Some tokens set flags that mean nothing for a
    /// kind of key (SoftHSM: CKA_DECRYPT of EC keys), for which PKCS#11 has no mechanism: those are no uses.
    /// </summary>
    public static IEnumerable<string> Of(ObjectRecord record) => record.ObjectClass switch
    {
        // To sign with recovery takes the same operation of the key as to sign, and SoftHSM sets that flag of every key.
        Cko.PrivateKey => Of(record, (Cka.Sign, KeyUse.Sign), (Cka.SignRecover, KeyUse.SignRecover), (Cka.Decrypt, KeyUse.Decrypt),
            (Cka.Unwrap, KeyUse.Unwrap), (Cka.Derive, KeyUse.Derive), (Cka.Decapsulate, KeyUse.Decapsulate))
            .Where(use => use != KeyUse.SignRecover || !Allows(record, Cka.Sign)),
        Cko.SecretKey or Cko.OtpKey =>
            Of(record, (Cka.Encrypt, KeyUse.Encrypt), (Cka.Decrypt, KeyUse.Decrypt), (Cka.Sign, KeyUse.Mac), (Cka.Verify, KeyUse.Mac),
            (Cka.Wrap, KeyUse.Wrap), (Cka.Unwrap, KeyUse.Unwrap), (Cka.Derive, KeyUse.Derive)),
        _ => [],
    };

    /// <summary>Whether a flag is set.</summary>
    public static bool Allows(ObjectRecord record, ulong flag) => record.Attributes.Boolean(flag) == true;

    /// <summary>Adds what a key demands of objects that it wraps, unwraps or derives: CKA_WRAP_TEMPLATE and its like.</summary>
    public static AttributeMap Obey(ObjectRecord key, ulong templateType, AttributeMap template)
    {
        foreach (TokenAttribute demanded in key.Attributes.TryGet(templateType, out TokenAttribute demands) ? demands.Template ?? [] : [])
        {
            template.Set(demanded);
        }
        return template;
    }

    private static IEnumerable<string> Of(ObjectRecord record, params (ulong Flag, string Use)[] flags) =>
        flags.Where(f => Allows(record, f.Flag)).Select(f => f.Use).Distinct().Where(use => HasMeaning(record, use));

    private static bool HasMeaning(ObjectRecord record, string use) => record.KeyType switch
    {
        Ckk.Rsa => use != KeyUse.Derive,
        Ckk.Ec => use is KeyUse.Sign or KeyUse.Derive,
        Ckk.EcEdwards or Ckk.Dsa => use == KeyUse.Sign,
        Ckk.Dh or Ckk.EcMontgomery => use == KeyUse.Derive,
        Ckk.Des => use != KeyUse.Mac,
        Ckk.GenericSecret or Ckk.Sha1Hmac or Ckk.Sha256Hmac or Ckk.Sha384Hmac or Ckk.Sha512Hmac or Ckk.Md5Hmac =>
            use is KeyUse.Mac or KeyUse.Derive,
        _ => true,
    };
}
