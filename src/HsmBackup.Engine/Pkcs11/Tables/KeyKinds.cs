namespace HsmBackup.Engine.Pkcs11;

/// <summary>What the keys of one type are made of.</summary>
/// <param name="KeyType">The type, one of <see cref="Ckk"/>.</param>
/// <param name="Public">Attributes of the public key, beside those that every public key has.</param>
/// <param name="Private">Attributes of the private key that are no secret.</param>
/// <param name="Secret">Attributes of the private key that are.</param>
/// <param name="Domain">Attributes of a domain parameter object; empty where the type has none.</param>
internal sealed record KeyKind(ulong KeyType, ulong[] Public, ulong[] Private, ulong[] Secret, ulong[] Domain);

/// <summary>The components of asymmetric keys, from the mechanism chapters of PKCS#11 3.2.</summary>
internal static class KeyKinds
{
    private static readonly ulong[] s_value = [Cka.Value];
    private static readonly ulong[] s_gostDomain = [Cka.Value, Cka.ObjectId];

    /// <summary>One row a key type.</summary>
    public static KeyKind[] All { get; } =
    [
        new(
            Ckk.Rsa,
            [Cka.Modulus, Cka.PublicExponent, Cka.ModulusBits],
            [Cka.Modulus, Cka.PublicExponent],
            [Cka.PrivateExponent, Cka.Prime1, Cka.Prime2, Cka.Exponent1, Cka.Exponent2, Cka.Coefficient],
            []),
        new(
            Ckk.Dsa,
            [Cka.Prime, Cka.Subprime, Cka.Base, Cka.Value],
            [Cka.Prime, Cka.Subprime, Cka.Base],
            s_value,
            [Cka.Prime, Cka.Subprime, Cka.Base, Cka.PrimeBits]),
        new(
            Ckk.Dh,
            [Cka.Prime, Cka.Base, Cka.Value],
            [Cka.Prime, Cka.Base, Cka.ValueBits],
            s_value,
            [Cka.Prime, Cka.Base, Cka.PrimeBits]),
        new(
            Ckk.X9_42Dh,
            [Cka.Prime, Cka.Base, Cka.Subprime, Cka.Value],
            [Cka.Prime, Cka.Base, Cka.Subprime],
            s_value,
            [Cka.Prime, Cka.Base, Cka.Subprime, Cka.PrimeBits, Cka.SubprimeBits]),
        new(
            Ckk.Kea,
            [Cka.Prime, Cka.Subprime, Cka.Base, Cka.Value],
            [Cka.Prime, Cka.Subprime, Cka.Base],
            s_value,
            []),
        Curve(Ckk.Ec),
        Curve(Ckk.EcEdwards),
        Curve(Ckk.EcMontgomery),

        // The seed, where a token keeps it, is worth more than the expanded key: the key follows from it.
        ParameterSet(Ckk.MlKem, [Cka.Seed, Cka.Value]),
        ParameterSet(Ckk.MlDsa, [Cka.Seed, Cka.Value]),
        ParameterSet(Ckk.SlhDsa, s_value),
        ParameterSet(Ckk.Xmss, s_value),
        ParameterSet(Ckk.XmssMt, s_value),
        new(
            Ckk.Hss,
            [Cka.HssLevels, Cka.HssLmsType, Cka.HssLmotsType, Cka.Value],
            [Cka.HssLevels, Cka.HssLmsTypes, Cka.HssLmotsTypes, Cka.HssKeysRemaining],
            s_value,
            []),
        new(
            Ckk.Gostr3410,
            [Cka.Gostr3410Params, Cka.Gostr3411Params, Cka.Gost28147Params, Cka.Value],
            [Cka.Gostr3410Params, Cka.Gostr3411Params, Cka.Gost28147Params],
            s_value,
            s_gostDomain),
        DomainOnly(Ckk.Gostr3411),
        DomainOnly(Ckk.Gost28147),
    ];

    /// <summary>Finds the row of a key type; null for symmetric keys and for types without a row.</summary>
    public static KeyKind? Find(ulong keyType) => Array.Find(All, kind => kind.KeyType == keyType);

    private static KeyKind Curve(ulong keyType) => new(keyType, [Cka.EcParams, Cka.EcPoint], [Cka.EcParams], s_value, []);

    private static KeyKind ParameterSet(ulong keyType, ulong[] secret) =>
        new(keyType, [Cka.ParameterSet, Cka.Value], [Cka.ParameterSet], secret, []);

    private static KeyKind DomainOnly(ulong keyType) => new(keyType, [], [], [], s_gostDomain);
}
