using System.Security.Cryptography;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Tokens;

public sealed class PrivateKeyInfoTests
{
    // SEQUENCE { 0, { id-ecPublicKey, prime256v1 }, OCTET STRING { SEQUENCE { 1, OCTET STRING scalar, [1] { BIT STRING point } } } }
    private const string EcAlgorithm = "301306072A8648CE3D020106082A8648CE3D030107";

    private static readonly ECDsa Key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private static readonly ECParameters Numbers = Key.ExportParameters(true);

    [Fact]
    public void An_ec_key_is_the_same_with_and_without_its_point()
    {
        Assert.NotNull(IdentityOf(Ec(Numbers.D!, PointOf(Numbers))));
        Assert.Equal(IdentityOf(Ec(Numbers.D!, PointOf(Numbers))), IdentityOf(Ec(Numbers.D!, null)));
    }

    [Fact]
    public void Zero_bytes_before_a_number_make_no_difference() =>
        Assert.Equal(IdentityOf(Ec(Numbers.D!, null)), IdentityOf(Ec([0, .. Numbers.D!], null)));

    [Fact]
    public void Another_scalar_is_another_key()
    {
        byte[] other = [.. Numbers.D!];
        other[^1] ^= 1;

        Assert.NotEqual(IdentityOf(Ec(Numbers.D!, null)), IdentityOf(Ec(other, null)));
    }

    [Fact]
    public void A_point_that_is_not_the_scalars_makes_it_no_key()
    {
        byte[] other = PointOf(Numbers);
        other[^1] ^= 1;

        Assert.Null(IdentityOf(Ec(Numbers.D!, other)));
        Assert.Null(IdentityOf(Ec(Numbers.D!, [0])));
    }

    [Theory]
    [InlineData("prime256v1")]
    [InlineData("secp384r1")]
    [InlineData("secp521r1")]
    public void The_point_is_worked_out_from_the_scalar(string curve)
    {
        using var key = ECDsa.Create(ECCurve.CreateFromFriendlyName(curve));

        Assert.Equal(PointOf(key.ExportParameters(false)), PrivateKeyInfo.PublicValue(key.ExportPkcs8PrivateKey()));
    }

    [Fact]
    public void Every_number_of_an_rsa_key_counts()
    {
        using var rsa = RSA.Create(1024);
        byte[] pkcs8 = rsa.ExportPkcs8PrivateKey();
        string? right = IdentityOf(pkcs8);
        Assert.NotNull(right);

        // From the private exponent to the coefficient, at the end; the first half is the modulus.
        foreach (int position in Enumerable.Range(0, 8).Select(i => pkcs8.Length - 1 - (i * 60)))
        {
            byte[] wrong = [.. pkcs8];
            wrong[position] ^= 1;
            Assert.NotEqual(right, IdentityOf(wrong));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("30")]
    [InlineData("3003020100")]
    [InlineData("30820FFF020100")]
    [InlineData("3019020100" + EcAlgorithm)]
    public void What_is_no_key_has_no_identity(string hex)
    {
        Assert.Null(IdentityOf(Convert.FromHexString(hex)));
        Assert.Null(PrivateKeyInfo.PublicValue(Convert.FromHexString(hex)));
    }

    private static string? IdentityOf(byte[] pkcs8)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        return PrivateKeyInfo.TryAppendIdentity(hash, pkcs8) ? Convert.ToHexString(hash.GetHashAndReset()) : null;
    }

    private static byte[] PointOf(ECParameters numbers) => [4, .. numbers.Q.X!, .. numbers.Q.Y!];

    private static byte[] Ec(byte[] scalar, byte[]? point)
    {
        byte[] bits = point is null ? [] : Der(0xA1, Der(0x03, [0, .. point]));
        byte[] key = Der(0x30, [0x02, 0x01, 0x01, .. Der(0x04, scalar), .. bits]);
        return Der(0x30, [0x02, 0x01, 0x00, .. Convert.FromHexString(EcAlgorithm), .. Der(0x04, key)]);
    }

    private static byte[] Der(byte tag, byte[] content) =>
        content.Length < 128 ? [tag, (byte)content.Length, .. content] : [tag, 0x81, (byte)content.Length, .. content];
}
