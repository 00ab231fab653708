using HsmBackup.Engine.Pkcs11;
using Xunit;

namespace HsmBackup.Engine.Tests.Pkcs11;

public sealed class AttributeTableTests
{
    [Fact]
    public void Every_constant_has_one_row()
    {
        var constants = typeof(Cka).GetFields().Select(field => (ulong)field.GetRawConstantValue()!).Order();

        Assert.Equal(constants, AttributeTable.All.Select(row => row.Type).Order());
    }

    [Fact]
    public void Every_array_has_the_kind_of_an_array()
    {
        // The standard marks arrays with a bit in the type, but forgot it for the two templates of key encapsulation.
        var marked = AttributeTable.All.Where(row => row.Type < Cka.VendorDefined && (row.Type & Ckf.ArrayAttribute) != 0);

        Assert.All(marked, row => Assert.True(row.Kind is AttributeKind.Template or AttributeKind.MechanismList, row.Name));
        Assert.Equal(AttributeKind.Template, AttributeTable.KindOf(Cka.EncapsulateTemplate));
        Assert.Equal(AttributeKind.Template, AttributeTable.KindOf(Cka.DecapsulateTemplate));
    }

    [Theory]
    [InlineData(Cka.Token, AttributeKind.Boolean, AttributeRole.Setting)]
    [InlineData(Cka.Label, AttributeKind.Text, AttributeRole.Identity)]
    [InlineData(Cka.StartDate, AttributeKind.Date, AttributeRole.Setting)]
    [InlineData(Cka.KeyType, AttributeKind.KeyType, AttributeRole.Identity)]
    [InlineData(Cka.AllowedMechanisms, AttributeKind.MechanismList, AttributeRole.Setting)]
    [InlineData(Cka.KeyGenMechanism, AttributeKind.Mechanism, AttributeRole.History)]
    [InlineData(Cka.Modulus, AttributeKind.Bytes, AttributeRole.PublicComponent)]
    [InlineData(Cka.ParameterSet, AttributeKind.Number, AttributeRole.PublicComponent)]
    [InlineData(Cka.HssLmsTypes, AttributeKind.NumberList, AttributeRole.PublicComponent)]
    [InlineData(Cka.Seed, AttributeKind.Bytes, AttributeRole.SecretComponent)]
    [InlineData(Cka.ValueLen, AttributeKind.Number, AttributeRole.Derived)]
    [InlineData(0x80000001UL, AttributeKind.Bytes, AttributeRole.Unknown)]
    public void Attributes_have_a_kind_and_a_role(ulong type, AttributeKind kind, AttributeRole role)
    {
        Assert.Equal(kind, AttributeTable.KindOf(type));
        Assert.Equal(role, AttributeTable.RoleOf(type, Cko.SecretKey));
    }

    [Theory]
    [InlineData(Cko.Data, AttributeRole.Content)]
    [InlineData(Cko.Certificate, AttributeRole.PublicComponent)]
    [InlineData(Cko.PublicKey, AttributeRole.PublicComponent)]
    [InlineData(Cko.DomainParameters, AttributeRole.PublicComponent)]
    [InlineData(Cko.PrivateKey, AttributeRole.SecretComponent)]
    [InlineData(Cko.SecretKey, AttributeRole.SecretComponent)]
    [InlineData(Cko.OtpKey, AttributeRole.SecretComponent)]
    [InlineData(Cko.HwFeature, AttributeRole.History)]
    [InlineData(Cko.VendorDefined + 7, AttributeRole.SecretComponent)]
    public void The_role_of_a_value_depends_on_the_class(ulong objectClass, AttributeRole role) =>
        Assert.Equal(role, AttributeTable.RoleOf(Cka.Value, objectClass));

    [Theory]
    [InlineData(Cka.Class, true)]
    [InlineData(Cka.KeyType, true)]
    [InlineData(Cka.CertificateType, true)]
    [InlineData(Cka.KeyGenMechanism, true)]
    [InlineData(Cka.ValueLen, true)]
    [InlineData(Cka.HssLmsTypes, false)]
    [InlineData(Cka.Token, false)]
    [InlineData(Cka.Label, false)]
    public void Single_numbers_are_known_whatever_they_stand_for(ulong type, bool isNumber) =>
        Assert.Equal(isNumber, AttributeTable.Find(type)!.IsNumber);
}
