using System.Reflection;
using HsmBackup.Engine.Pkcs11;
using Xunit;

namespace HsmBackup.Engine.Tests.Pkcs11;

/// <summary>Our codes against the headers of this machine, and against our own names.</summary>
public sealed class ConstantsTests
{
    private delegate bool Parse(string text, out ulong code);

    private static readonly Dictionary<string, Type> s_families = new()
    {
        ["CKA"] = typeof(Cka),
        ["CKC"] = typeof(Ckc),
        ["CKD"] = typeof(Ckd),
        ["CKF"] = typeof(Ckf),
        ["CKG"] = typeof(Ckg),
        ["CKH"] = typeof(Ckh),
        ["CKK"] = typeof(Ckk),
        ["CKM"] = typeof(Ckm),
        ["CKN"] = typeof(Ckn),
        ["CKO"] = typeof(Cko),
        ["CKP"] = typeof(Ckp),
        ["CKR"] = typeof(Ckr),
        ["CKS"] = typeof(Cks),
        ["CKT"] = typeof(Ckt),
        ["CKU"] = typeof(Cku),
        ["CKV"] = typeof(Ckv),
        ["CKZ"] = typeof(Ckz),
    };

    private static readonly Dictionary<string, Parse> s_parsers = new()
    {
        ["CKA"] = (string text, out ulong code) => Names.TryParseAttribute(text, out code),
        ["CKC"] = (string text, out ulong code) => Names.TryParseCertificateType(text, out code),
        ["CKK"] = (string text, out ulong code) => Names.TryParseKeyType(text, out code),
        ["CKM"] = (string text, out ulong code) => Names.TryParseMechanism(text, out code),
        ["CKO"] = (string text, out ulong code) => Names.TryParseClass(text, out code),
        ["CKR"] = (string text, out ulong code) => Names.TryParseReturnValue(text, out code),
    };

    private static readonly Dictionary<string, Func<ulong, string>> s_writers = new()
    {
        ["CKA"] = Names.OfAttribute,
        ["CKC"] = Names.OfCertificateType,
        ["CKK"] = Names.OfKeyType,
        ["CKM"] = Names.OfMechanism,
        ["CKO"] = Names.OfClass,
        ["CKR"] = Names.OfReturnValue,
    };

    // Where a header is known to differ from the standard, and why that is not our mistake.
    private static readonly HashSet<string> s_elsewhereDifferent =
    [
        // The header of p11-kit 0.24 and SoftHSM gives these codes eleven more than the standard does.
        "CKR_EXCEEDED_MAX_ITERATIONS", "CKR_FIPS_SELF_TEST_FAILED", "CKR_LIBRARY_LOAD_FAILED", "CKR_PIN_TOO_WEAK",
        "CKR_PUBLIC_KEY_INVALID",

        // NSS had trust objects of its own under these names before PKCS#11 3.2 defined others.
        "CKA_TRUST_SERVER_AUTH", "CKA_TRUST_CLIENT_AUTH", "CKA_TRUST_CODE_SIGNING", "CKA_TRUST_EMAIL_PROTECTION",
        "CKA_TRUST_TIME_STAMPING",
    ];

    // Second names of flags, a misspelling that the standard corrected, and words of NSS that are no codes of the standard.
    private static readonly HashSet<string> s_notOurs =
    [
        "CKF_EC_NAMEDCURVE", "CKF_EC_FP", "CKF_MULTI_MESSGE", "CKA_FLAGS_ONLY", "CKO_KG_PARAMETERS", "CKR_KEY_PARAMS_INVALID",
    ];

    [HeaderFact]
    public void Every_code_of_every_header_is_ours_too()
    {
        var differences = new List<string>();
        foreach (var header in CHeader.All)
        {
            var theirs = header.Constants("^CK[ACDFGHKMNOPRSTUVZ]_");
            Assert.True(theirs.Count > 400, $"{header}: only {theirs.Count} constants were found.");
            differences.AddRange(theirs
                .Where(pair => !IsOurs(pair.Key, pair.Value))
                .Select(pair => $"{header}: {pair.Key} = 0x{pair.Value:X8}"));
        }

        Assert.Equal("", string.Join('\n', differences));
    }

    [Fact]
    public void Constants_and_names_of_the_six_named_families_agree()
    {
        foreach (var (prefix, write) in s_writers)
            Assert.All(ConstantsOf(s_families[prefix]), constant =>
                Assert.Equal(Squeeze(prefix + constant.Name), Squeeze(write(constant.Value))));
    }

    [Fact]
    public void Codes_without_a_constant_have_no_name()
    {
        Check(new NameTable().Add(NameText.ReturnValues), typeof(Ckr));
        Check(new NameTable().Add(NameText.Classes), typeof(Cko));
        Check(new NameTable().Add(NameText.KeyTypes), typeof(Ckk));
        Check(new NameTable().Add(NameText.CertificateTypes), typeof(Ckc));
        Check(Names.MakeMechanisms(), typeof(Ckm));
        Check(Names.MakeAttributes(), typeof(Cka));

        static void Check(NameTable names, Type constants)
        {
            var codes = ConstantsOf(constants).Select(constant => constant.Value).ToHashSet();
            Assert.All(names.All, name => Assert.Contains(name.Code, codes));
        }
    }

    [Fact]
    public void The_codes_of_post_quantum_keys_are_those_of_version_3_2()
    {
        // No header in use has them yet, so they are spelled out once more.
        Assert.Equal(0x49UL, Ckk.MlKem);
        Assert.Equal(0x4AUL, Ckk.MlDsa);
        Assert.Equal(0x4BUL, Ckk.SlhDsa);
        Assert.Equal(0x0FUL, Ckm.MlKemKeyPairGen);
        Assert.Equal(0x17UL, Ckm.MlKem);
        Assert.Equal(0x1CUL, Ckm.MlDsaKeyPairGen);
        Assert.Equal(0x1DUL, Ckm.MlDsa);
        Assert.Equal(0x2DUL, Ckm.SlhDsaKeyPairGen);
        Assert.Equal(0x2EUL, Ckm.SlhDsa);
        Assert.Equal(0x61DUL, Cka.ParameterSet);
        Assert.Equal(0x637UL, Cka.Seed);
        Assert.Equal(0x633UL, Cka.Encapsulate);
        Assert.Equal(0x634UL, Cka.Decapsulate);
    }

    [Theory]
    [InlineData(ulong.MaxValue, true)]
    [InlineData(0xFFFFFFFFUL, true)]
    [InlineData(0xFFFFFFFEUL, false)]
    [InlineData(0UL, false)]
    public void Unavailable_information_is_known_in_both_widths(ulong value, bool unavailable) =>
        Assert.Equal(unavailable, Ck.IsUnavailable(value));

    private static bool IsOurs(string name, ulong value)
    {
        if (s_elsewhereDifferent.Contains(name) || s_notOurs.Contains(name)) return true;
        var prefix = name[..3];
        if (s_parsers.TryGetValue(prefix, out var parse) && parse(name, out var code)) return code == value;
        foreach (var constant in ConstantsOf(s_families[prefix]))
            if (Squeeze(prefix + constant.Name) == Squeeze(name)) return constant.Value == value;

        // What vendors define for themselves is theirs to name.
        return value >= Cka.VendorDefined || name.Contains("_NSS_", StringComparison.Ordinal);
    }

    private static IEnumerable<(string Name, ulong Value)> ConstantsOf(Type family) =>
        family.GetFields(BindingFlags.Public | BindingFlags.Static)
            .Select(field => (field.Name, (ulong)field.GetRawConstantValue()!));

    private static string Squeeze(string name) => name.Replace("_", "", StringComparison.Ordinal).ToUpperInvariant();
}
