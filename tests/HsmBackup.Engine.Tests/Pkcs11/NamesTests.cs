using System.Text;
using FsCheck;
using FsCheck.Fluent;
using HsmBackup.Engine.Pkcs11;
using Xunit;

namespace HsmBackup.Engine.Tests.Pkcs11;

public sealed class NamesTests
{
    [Fact]
    public void Known_codes_have_the_names_of_the_standard()
    {
        Assert.Equal("CKR_PIN_INCORRECT", Names.OfReturnValue(0xA0));
        Assert.Equal("CKO_SECRET_KEY", Names.OfClass(4));
        Assert.Equal("CKK_AES", Names.OfKeyType(0x1F));
        Assert.Equal("CKC_X_509", Names.OfCertificateType(0));
        Assert.Equal("CKM_AES_KEY_WRAP_PAD", Names.OfMechanism(0x210A));
        Assert.Equal("CKA_WRAP_TEMPLATE", Names.OfAttribute(0x40000211));
        Assert.Equal("CKA_NSS_DB", Names.OfAttribute(0xD5A0DB00));
    }

    [Theory]
    [InlineData(0x80000001UL, "0x80000001")]
    [InlineData(0xCAFEUL, "0x0000CAFE")]
    [InlineData(0xFFFFFFFFFFFFFFFFUL, "0xFFFFFFFFFFFFFFFF")]
    public void Other_codes_are_hexadecimal_numbers(ulong code, string text)
    {
        Assert.Equal(text, Names.OfReturnValue(code));
        Assert.Equal(text, Names.OfAttribute(code));
        Assert.Equal(text, Encoding.UTF8.GetString(Names.Utf8OfAttribute(code)));
    }

    [Fact]
    public void Every_code_survives_the_round_trip()
    {
        // Small codes are mostly named, large ones mostly not.
        var codes = Gen.OneOf(
            Gen.Choose(0, 0x5000).Select(code => (ulong)code),
            Gen.Choose(0, 0x30).Select(code => 0xCE534350UL + (ulong)code),
            ArbMap.Default.GeneratorFor<ulong>());
        Prop.ForAll(codes.ToArbitrary(), code =>
        {
            Assert.True(Names.TryParseReturnValue(Names.OfReturnValue(code), out var back) && back == code);
            Assert.True(Names.TryParseClass(Names.OfClass(code), out back) && back == code);
            Assert.True(Names.TryParseKeyType(Names.OfKeyType(code), out back) && back == code);
            Assert.True(Names.TryParseCertificateType(Names.OfCertificateType(code), out back) && back == code);
            Assert.True(Names.TryParseMechanism(Names.OfMechanism(code), out back) && back == code);
            Assert.True(Names.TryParseAttribute(Names.OfAttribute(code), out back) && back == code);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact]
    public void Utf_8_says_the_same_and_is_read_the_same()
    {
        for (var code = 0UL; code < 0x5000; code++)
        {
            Assert.Equal(Names.OfClass(code), Encoding.UTF8.GetString(Names.Utf8OfClass(code)));
            Assert.Equal(Names.OfKeyType(code), Encoding.UTF8.GetString(Names.Utf8OfKeyType(code)));
            Assert.Equal(Names.OfCertificateType(code), Encoding.UTF8.GetString(Names.Utf8OfCertificateType(code)));
            Assert.Equal(Names.OfMechanism(code), Encoding.UTF8.GetString(Names.Utf8OfMechanism(code)));
            Assert.Equal(Names.OfAttribute(code), Encoding.UTF8.GetString(Names.Utf8OfAttribute(code)));
            Assert.True(Names.TryParseClass(Names.Utf8OfClass(code), out var back) && back == code);
            Assert.True(Names.TryParseKeyType(Names.Utf8OfKeyType(code), out back) && back == code);
            Assert.True(Names.TryParseCertificateType(Names.Utf8OfCertificateType(code), out back) && back == code);
            Assert.True(Names.TryParseMechanism(Names.Utf8OfMechanism(code), out back) && back == code);
            Assert.True(Names.TryParseAttribute(Names.Utf8OfAttribute(code), out back) && back == code);
        }
    }

    [Fact]
    public void A_second_name_is_understood_and_the_first_one_written()
    {
        Assert.True(Names.TryParseKeyType("CKK_ECDSA", out var keyType));
        Assert.Equal("CKK_EC", Names.OfKeyType(keyType));
        Assert.True(Names.TryParseAttribute("CKA_ECDSA_PARAMS", out var attribute));
        Assert.Equal("CKA_EC_PARAMS", Names.OfAttribute(attribute));
        Assert.True(Names.TryParseMechanism("CKM_ECDSA_KEY_PAIR_GEN", out var mechanism));
        Assert.Equal("CKM_EC_KEY_PAIR_GEN", Names.OfMechanism(mechanism));
    }

    [Theory]
    [InlineData("0x120")]
    [InlineData("0X00000120")]
    [InlineData("0x0000000000000120")]
    public void Hexadecimal_numbers_may_be_written_in_any_length(string text)
    {
        Assert.True(Names.TryParseAttribute(text, out var code));
        Assert.Equal(Cka.Modulus, code);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0x")]
    [InlineData("0x ")]
    [InlineData("0x-1")]
    [InlineData("0x1_0")]
    [InlineData("0x10000000000000000")]
    [InlineData("288")]
    [InlineData("cka_modulus")]
    [InlineData(" CKA_MODULUS")]
    [InlineData("CKM_RSA_PKCS")]
    [InlineData("CKA_NO_SUCH_THING")]
    public void Anything_else_is_refused(string text)
    {
        Assert.False(Names.TryParseAttribute(text, out _));
        Assert.False(Names.TryParseAttribute(Encoding.UTF8.GetBytes(text), out _));
    }

    [Fact]
    public void Text_that_is_too_long_or_no_utf_8_is_refused()
    {
        Assert.False(Names.TryParseAttribute(Encoding.UTF8.GetBytes(new string('A', 100_000)), out _));
        Assert.False(Names.TryParseAttribute([0x43, 0x4B, 0xFF, 0xFE], out _));
    }

    [Fact]
    public void A_malformed_line_of_a_table_is_refused()
    {
        Assert.Throws<FormatException>(() => new NameTable().Add("0000001 CKA_TOO_SHORT"u8));
        Assert.Throws<FormatException>(() => new NameTable().Add("00000001CKA_NO_BLANK"u8));
        Assert.Throws<FormatException>(() => new NameTable().Add("CKA_NO_CODE"u8));
        Assert.Throws<FormatException>(() => new NameTable().Add("00000001"u8));
        Assert.Equal("CKA_TOKEN", Assert.Single(new NameTable().Add("00000001 CKA_TOKEN\r\n"u8).All).Text);
    }
}
