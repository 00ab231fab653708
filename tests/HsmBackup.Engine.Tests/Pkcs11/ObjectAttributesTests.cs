using HsmBackup.Engine.Pkcs11;
using Xunit;

namespace HsmBackup.Engine.Tests.Pkcs11;

public sealed class ObjectAttributesTests
{
    private static readonly ulong[] s_classes = [.. CodesOf(typeof(Cko)), 0x80001234];
    private static readonly ulong[] s_keyTypes = [.. CodesOf(typeof(Ckk)), 0x80001234, ulong.MaxValue];
    private static readonly ulong[] s_certificateTypes = [.. CodesOf(typeof(Ckc)), 0x80001234, ulong.MaxValue];

    [Fact]
    public void A_secret_is_never_asked_for()
    {
        foreach (var (objectClass, list) in AllLists())
            Assert.All(list, type => Assert.NotEqual(AttributeRole.SecretComponent, AttributeTable.RoleOf(type, objectClass)));
    }

    [Fact]
    public void Every_list_begins_with_the_class_repeats_nothing_and_knows_all_its_attributes()
    {
        foreach (var (objectClass, list) in AllLists())
        {
            Assert.Equal(Cka.Class, list[0]);
            Assert.Equal(list.Distinct(), list);
            Assert.All(list, type => Assert.NotEqual(AttributeRole.Unknown, AttributeTable.RoleOf(type, objectClass)));
        }
    }

    [Fact]
    public void Arrays_and_then_dates_are_asked_last()
    {
        // A token that fails at one of them may leave everything after it unanswered.
        foreach (var (_, list) in AllLists())
        {
            var ranks = list.Select(type => AttributeTable.KindOf(type) switch
            {
                AttributeKind.Date => 2,
                AttributeKind.Template or AttributeKind.MechanismList => 1,
                _ => 0,
            }).ToArray();
            Assert.Equal(ranks.Order(), ranks);
        }
    }

    [Fact]
    public void The_list_of_a_class_holds_the_lists_of_its_types()
    {
        foreach (var objectClass in s_classes)
        {
            var ofClass = ObjectAttributes.ForClass(objectClass).ToArray();

            // The state of a double ratchet is asked only of keys that are known to be one.
            foreach (var keyType in s_keyTypes.Where(keyType => keyType != Ckk.X2Ratchet))
                Assert.Subset(ofClass.ToHashSet(), ObjectAttributes.For(objectClass, keyType, Ckc.X509).ToArray().ToHashSet());
            foreach (var type in s_certificateTypes)
                Assert.Subset(ofClass.ToHashSet(), ObjectAttributes.For(objectClass, Ckk.Aes, type).ToArray().ToHashSet());
        }
    }

    [Theory]
    [InlineData(Cko.PublicKey, Ckk.Rsa, new[] { Cka.Modulus, Cka.PublicExponent, Cka.ModulusBits })]
    [InlineData(Cko.PrivateKey, Ckk.Rsa, new[] { Cka.Modulus, Cka.PublicExponent })]
    [InlineData(Cko.PublicKey, Ckk.Ec, new[] { Cka.EcParams, Cka.EcPoint })]
    [InlineData(Cko.PrivateKey, Ckk.EcEdwards, new[] { Cka.EcParams })]
    [InlineData(Cko.PublicKey, Ckk.MlKem, new[] { Cka.ParameterSet, Cka.Value })]
    [InlineData(Cko.PrivateKey, Ckk.MlDsa, new[] { Cka.ParameterSet })]
    [InlineData(Cko.PrivateKey, Ckk.Hss, new[] { Cka.HssLevels, Cka.HssLmsTypes, Cka.HssLmotsTypes, Cka.HssKeysRemaining })]
    [InlineData(Cko.SecretKey, Ckk.Aes, new[] { Cka.ValueLen })]
    [InlineData(Cko.SecretKey, Ckk.Des3, new ulong[0])]
    [InlineData(Cko.SecretKey, Ckk.Gost28147, new[] { Cka.Gost28147Params })]
    [InlineData(Cko.DomainParameters, Ckk.Dh, new[] { Cka.Prime, Cka.Base, Cka.PrimeBits })]
    public void A_key_type_adds_its_components(ulong objectClass, ulong keyType, ulong[] components)
    {
        var common = objectClass == Cko.SecretKey ? ListOf(objectClass, Ckk.Des) : ListOf(objectClass, 0x80001234);

        Assert.Equal(components, ListOf(objectClass, keyType).Except(common));
    }

    [Theory]
    [InlineData(Ckc.X509, Cka.SerialNumber, Cka.AttrTypes)]
    [InlineData(Ckc.X509AttrCert, Cka.Owner, Cka.Subject)]
    [InlineData(Ckc.Wtls, Cka.Issuer, Cka.SerialNumber)]
    [InlineData(0x80001234UL, Cka.Value, Cka.Subject)]
    public void A_certificate_type_decides_the_list(ulong certificateType, ulong present, ulong absent)
    {
        var list = ObjectAttributes.For(Cko.Certificate, Ckk.Rsa, certificateType).ToArray();

        Assert.Contains(present, list);
        Assert.DoesNotContain(absent, list);
    }

    [Theory]
    [InlineData(Cko.Data, Cka.Value)]
    [InlineData(Cko.Trust, Cka.TrustServerAuth)]
    [InlineData(Cko.OtpKey, Cka.OtpCounter)]
    [InlineData(Cko.Profile, Cka.ProfileId)]
    [InlineData(Cko.Mechanism, Cka.MechanismType)]
    [InlineData(Cko.HwFeature, Cka.HwFeatureType)]
    [InlineData(Cko.Validation, Cka.ValidationFlag)]
    [InlineData(Cko.NssTrust, Cka.NssCertSha1Hash)]
    [InlineData(Cko.NssCrl, Cka.NssUrl)]
    [InlineData(Cko.NssSmime, Cka.NssEmail)]
    [InlineData(0x80001234UL, Cka.KeyType)]
    public void Other_classes_have_what_the_standard_gives_them(ulong objectClass, ulong present) =>
        Assert.Contains(present, ListOf(objectClass, Ckk.Rsa));

    [Fact]
    public void Everything_the_standard_lets_one_read_is_asked_of_some_object()
    {
        var asked = AllLists().SelectMany(entry => entry.List).ToHashSet();
        var never = AttributeTable.All
            .Where(row => row.Role is not (AttributeRole.SecretComponent or AttributeRole.Unknown) && !asked.Contains(row.Type))
            .Select(row => row.Name);

        // Deprecated since 2.11, and vendor attributes of objects that belong to NSS alone.
        Assert.All(never, name => Assert.True(
            name is "CKA_SECONDARY_AUTH" or "CKA_AUTH_PIN_FLAGS" || name.StartsWith("CKA_NSS_", StringComparison.Ordinal), name));
    }

    [Theory]
    [InlineData(Cko.PrivateKey, Ckk.Rsa, 6)]
    [InlineData(Cko.PrivateKey, Ckk.EcEdwards, 1)]
    [InlineData(Cko.PrivateKey, Ckk.MlKem, 2)]
    [InlineData(Cko.PrivateKey, Ckk.SlhDsa, 1)]
    [InlineData(Cko.PrivateKey, 0x80001234UL, 1)]
    [InlineData(Cko.SecretKey, Ckk.Aes, 1)]
    [InlineData(Cko.SecretKey, Ckk.X2Ratchet, 9)]
    [InlineData(Cko.OtpKey, Ckk.Hotp, 1)]
    [InlineData(Cko.PublicKey, Ckk.Rsa, 0)]
    [InlineData(Cko.Data, 0UL, 0)]
    [InlineData(0x80001234UL, Ckk.Aes, 0)]
    public void Secret_components_are_those_of_keys_and_all_secret(ulong objectClass, ulong keyType, int count)
    {
        var list = SecretAttributes.For(objectClass, keyType).ToArray();

        Assert.Equal(count, list.Length);
        Assert.All(list, type => Assert.Equal(AttributeRole.SecretComponent, AttributeTable.RoleOf(type, objectClass)));
    }

    private static ulong[] ListOf(ulong objectClass, ulong keyType) =>
        ObjectAttributes.For(objectClass, keyType, Ckc.X509).ToArray();

    private static IEnumerable<(ulong Class, ulong[] List)> AllLists() =>
        s_classes.SelectMany(objectClass => s_keyTypes.Select(keyType => (objectClass, ListOf(objectClass, keyType)))
            .Concat(s_certificateTypes.Select(type => (objectClass, ObjectAttributes.For(objectClass, Ckk.Aes, type).ToArray())))
            .Append((objectClass, ObjectAttributes.ForClass(objectClass).ToArray())));

    private static IEnumerable<ulong> CodesOf(Type family) =>
        family.GetFields().Select(field => (ulong)field.GetRawConstantValue()!);
}
