namespace HsmBackup.Engine.Pkcs11;

/// <summary>
/// Which attributes a backup asks an object for: all that PKCS#11 3.2 defines for it, never a secret one. A token that is
/// older, or knows less, answers "unknown here" for some, which is not an error.
/// </summary>
public static class ObjectAttributes
{
    // Stands for every type without a list of its own, and for classes that have no types.
    private const ulong AnyType = ulong.MaxValue;

    // By class, then by type.
    private static readonly Dictionary<ulong, Dictionary<ulong, ulong[]>> s_lists = MakeLists();
    private static readonly Dictionary<ulong, ulong[]> s_classLists = MakeClassLists();
    private static readonly ulong[] s_unknown = [.. Common, .. Storage, .. Key, .. KeyArrays, .. Dates];

    /// <summary>What must be known of an object before anything else can be asked.</summary>
    public static ReadOnlySpan<ulong> Discovery => [Cka.Class, Cka.Token, Cka.KeyType, Cka.CertificateType];

    private static ReadOnlySpan<ulong> Common => [Cka.Class, Cka.UniqueId];

    private static ReadOnlySpan<ulong> Storage =>
        [Cka.Token, Cka.Private, Cka.Label, Cka.Modifiable, Cka.Copyable, Cka.Destroyable];

    private static ReadOnlySpan<ulong> Key =>
        [Cka.KeyType, Cka.Id, Cka.Derive, Cka.Local, Cka.KeyGenMechanism, Cka.ObjectValidationFlags];

    // Arrays and dates are asked last. SoftHSM gives up on a call at the start date of a private object (CKR_GENERAL_ERROR)
    // and leaves what comes after it untouched; p11-kit's remote protocol fails at arrays. What is lost is then a tail.
    private static ReadOnlySpan<ulong> KeyArrays => [Cka.AllowedMechanisms];

    private static ReadOnlySpan<ulong> Dates => [Cka.StartDate, Cka.EndDate];

    private static ReadOnlySpan<ulong> PublicKey =>
    [
        Cka.Subject, Cka.Encrypt, Cka.Verify, Cka.VerifyRecover, Cka.Wrap, Cka.Encapsulate, Cka.Trusted, Cka.PublicKeyInfo,
        Cka.PublicCrc64Value,
    ];

    private static ReadOnlySpan<ulong> PublicKeyArrays => [Cka.WrapTemplate, Cka.EncapsulateTemplate];

    private static ReadOnlySpan<ulong> PrivateKey =>
    [
        Cka.Subject, Cka.Sensitive, Cka.Extractable, Cka.AlwaysSensitive, Cka.NeverExtractable, Cka.WrapWithTrusted,
        Cka.AlwaysAuthenticate, Cka.Decrypt, Cka.Sign, Cka.SignRecover, Cka.Unwrap, Cka.Decapsulate, Cka.PublicKeyInfo,
        Cka.PublicCrc64Value,
    ];

    private static ReadOnlySpan<ulong> PrivateKeyArrays => [Cka.UnwrapTemplate, Cka.DeriveTemplate, Cka.DecapsulateTemplate];

    private static ReadOnlySpan<ulong> SecretKey =>
    [
        Cka.Sensitive, Cka.Extractable, Cka.AlwaysSensitive, Cka.NeverExtractable, Cka.WrapWithTrusted, Cka.Trusted,
        Cka.Encrypt, Cka.Decrypt, Cka.Sign, Cka.Verify, Cka.Wrap, Cka.Unwrap, Cka.CheckValue,
    ];

    private static ReadOnlySpan<ulong> SecretKeyArrays => [Cka.WrapTemplate, Cka.UnwrapTemplate, Cka.DeriveTemplate];

    private static ReadOnlySpan<ulong> OneTimePassword =>
    [
        Cka.ValueLen, Cka.OtpFormat, Cka.OtpLength, Cka.OtpTimeInterval, Cka.OtpUserFriendlyMode,
        Cka.OtpChallengeRequirement, Cka.OtpTimeRequirement, Cka.OtpCounterRequirement, Cka.OtpPinRequirement,
        Cka.OtpCounter, Cka.OtpTime, Cka.OtpUserIdentifier, Cka.OtpServiceIdentifier, Cka.OtpServiceLogo,
        Cka.OtpServiceLogoType,
    ];

    private static ReadOnlySpan<ulong> Ratchet =>
    [
        Cka.X2RatchetDhp, Cka.X2RatchetDhr, Cka.X2RatchetNs, Cka.X2RatchetNr, Cka.X2RatchetPns, Cka.X2RatchetBobs1stMsg,
        Cka.X2RatchetIsAlice, Cka.X2RatchetBagSize,
    ];

    private static ReadOnlySpan<ulong> Certificate =>
        [Cka.CertificateType, Cka.Trusted, Cka.CertificateCategory, Cka.CheckValue, Cka.PublicKeyInfo];

    private static ReadOnlySpan<ulong> X509 =>
    [
        Cka.Subject, Cka.Id, Cka.Issuer, Cka.SerialNumber, Cka.Value, Cka.Url, Cka.HashOfSubjectPublicKey,
        Cka.HashOfIssuerPublicKey, Cka.JavaMidpSecurityDomain, Cka.NameHashAlgorithm,
    ];

    private static ReadOnlySpan<ulong> AttributeCertificate =>
        [Cka.Owner, Cka.AcIssuer, Cka.SerialNumber, Cka.AttrTypes, Cka.Value];

    private static ReadOnlySpan<ulong> Wtls =>
    [
        Cka.Subject, Cka.Issuer, Cka.Value, Cka.Url, Cka.HashOfSubjectPublicKey, Cka.HashOfIssuerPublicKey,
        Cka.NameHashAlgorithm,
    ];

    private static ReadOnlySpan<ulong> Domain => [Cka.KeyType, Cka.Local];

    /// <summary>What to ask of an object whose kind is known.</summary>
    /// <param name="objectClass">The class, one of <see cref="Cko"/>.</param>
    /// <param name="keyType">The key type, one of <see cref="Ckk"/>; ignored where the object is no key.</param>
    /// <param name="certificateType">The certificate type, one of <see cref="Ckc"/>; ignored elsewhere.</param>
    /// <returns>Attribute types without repetition. For an unknown type what its class has in common; for an unknown class
    /// what storage objects and keys have in common.</returns>
    public static ReadOnlySpan<ulong> For(ulong objectClass, ulong keyType, ulong certificateType)
    {
        if (!s_lists.TryGetValue(objectClass, out var types)) return s_unknown;
        var type = objectClass == Cko.Certificate ? certificateType : keyType;
        return types.TryGetValue(type, out var list) ? list : types[AnyType];
    }

    /// <summary>What to ask of an object of which only the class is known: the components of all its types.</summary>
    /// <param name="objectClass">The class, one of <see cref="Cko"/>.</param>
    /// <returns>Attribute types without repetition.</returns>
    public static ReadOnlySpan<ulong> ForClass(ulong objectClass) =>
        s_classLists.TryGetValue(objectClass, out var list) ? list : For(objectClass, AnyType, AnyType);

    private static Dictionary<ulong, Dictionary<ulong, ulong[]>> MakeLists()
    {
        var publicKeys = new Dictionary<ulong, ulong[]> { [AnyType] = ForPublicKey([]) };
        var privateKeys = new Dictionary<ulong, ulong[]> { [AnyType] = ForPrivateKey([]) };
        var domains = new Dictionary<ulong, ulong[]> { [AnyType] = ForDomain([]) };
        foreach (var kind in KeyKinds.All)
        {
            if (kind.Public.Length > 0) publicKeys.Add(kind.KeyType, ForPublicKey(kind.Public));
            if (kind.Private.Length > 0) privateKeys.Add(kind.KeyType, ForPrivateKey(kind.Private));
            if (kind.Domain.Length > 0) domains.Add(kind.KeyType, ForDomain(kind.Domain));
        }

        var secretKeys = new Dictionary<ulong, ulong[]>
        {
            [AnyType] = ForSecretKey([Cka.ValueLen]),
            [Ckk.Gost28147] = ForSecretKey([Cka.Gost28147Params]),
            [Ckk.X2Ratchet] = ForSecretKey(Ratchet),
        };

        // Keys whose length is fixed by their type have no CKA_VALUE_LEN.
        ReadOnlySpan<ulong> fixedLength = [Ckk.Des, Ckk.Des2, Ckk.Des3, Ckk.Cdmf, Ckk.Skipjack, Ckk.Baton, Ckk.Juniper, Ckk.Seed];
        foreach (var keyType in fixedLength) secretKeys.Add(keyType, ForSecretKey([]));

        var lists = new Dictionary<ulong, Dictionary<ulong, ulong[]>>
        {
            [Cko.PublicKey] = publicKeys,
            [Cko.PrivateKey] = privateKeys,
            [Cko.SecretKey] = secretKeys,
            [Cko.OtpKey] = new() { [AnyType] = ForSecretKey(OneTimePassword) },
            [Cko.DomainParameters] = domains,
            [Cko.Certificate] = new()
            {
                [AnyType] = ForCertificate([Cka.Value]),
                [Ckc.X509] = ForCertificate(X509),
                [Ckc.X509AttrCert] = ForCertificate(AttributeCertificate),
                [Ckc.Wtls] = ForCertificate(Wtls),
            },
        };
        foreach (var (objectClass, list) in OtherObjects.Lists(Common, Storage))
            lists.Add(objectClass, new() { [AnyType] = list });
        return lists;
    }

    private static Dictionary<ulong, ulong[]> MakeClassLists() => new()
    {
        [Cko.PublicKey] = ForPublicKey(Union(Array.ConvertAll(KeyKinds.All, kind => kind.Public))),
        [Cko.PrivateKey] = ForPrivateKey(Union(Array.ConvertAll(KeyKinds.All, kind => kind.Private))),
        [Cko.SecretKey] = ForSecretKey([Cka.ValueLen, Cka.Gost28147Params]),
        [Cko.Certificate] = ForCertificate(Union(X509.ToArray(), AttributeCertificate.ToArray(), Wtls.ToArray())),
        [Cko.DomainParameters] = ForDomain(Union(Array.ConvertAll(KeyKinds.All, kind => kind.Domain))),
    };

    private static ulong[] Union(params ReadOnlySpan<ulong[]> lists)
    {
        var union = new List<ulong>();
        foreach (var list in lists)
        {
            foreach (var type in list)
                if (!union.Contains(type)) union.Add(type);
        }

        return [.. union];
    }

    private static ulong[] ForDomain(ReadOnlySpan<ulong> components) => [.. Common, .. Storage, .. Domain, .. components];

    private static ulong[] ForPublicKey(ReadOnlySpan<ulong> components) =>
        [.. Common, .. Storage, .. Key, .. PublicKey, .. components, .. KeyArrays, .. PublicKeyArrays, .. Dates];

    private static ulong[] ForPrivateKey(ReadOnlySpan<ulong> components) =>
        [.. Common, .. Storage, .. Key, .. PrivateKey, .. components, .. KeyArrays, .. PrivateKeyArrays, .. Dates];

    private static ulong[] ForSecretKey(ReadOnlySpan<ulong> components) =>
        [.. Common, .. Storage, .. Key, .. SecretKey, .. components, .. KeyArrays, .. SecretKeyArrays, .. Dates];

    private static ulong[] ForCertificate(ReadOnlySpan<ulong> components) =>
        [.. Common, .. Storage, .. Certificate, .. components, .. Dates];
}
