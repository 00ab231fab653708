using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.Pkcs;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Handover;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Handover;

/// <summary>Sealed keys opened by private keys that are in a token: SoftHSM, whose OAEP knows SHA-1 only, and NSS, whose OAEP knows more.</summary>
public sealed class TokenRecipientKeyTests : IDisposable
{
    private const string Id = "20261122T020000Z-payments-0a1b2c3d";

    private readonly TestFolder _folder = new();
    private readonly OneTimeKey _key = TestKey.Counting;

    public void Dispose()
    {
        _key.Dispose();
        _folder.Dispose();
    }

    public static TheoryData<string, string> Keys
    {
        get
        {
            var all = new TheoryData<string, string>();
            foreach (string token in new[] { "SoftHSM", "NSS" })
            {
                foreach (string kind in new[] { "RSA-2048", "RSA-3072", "P-256", "P-384", "P-521" })
                {
                    all.Add(token, kind);
                }
            }
            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void A_key_of_a_token_opens_what_was_sealed_for_its_certificate(string kindOfToken, string kind)
    {
        using ITestToken token = Make(kindOfToken);
        using X509Certificate2 certificate = MakeKey(token, kind, withCertificate: false, withPublicKey: true);
        string path = Seal(certificate);
        AssertOpens(token, path, [certificate]);
        // Without the certificate nobody can tell which key it is.
        using OfficerKeys none = OfficerKeys.FromToken(token.Address, token.Pin, [], CancellationToken.None);
        AssertStaysSealed(path, none);
    }

    [Theory]
    [InlineData("RSA-2048")]
    [InlineData("P-256")]
    public void The_certificate_may_be_in_the_token(string kind)
    {
        using ITestToken token = Make("SoftHSM");
        using X509Certificate2 certificate = MakeKey(token, kind, withCertificate: true, withPublicKey: true);
        AssertOpens(token, Seal(certificate), []);
    }

    [Fact]
    public void An_EC_key_without_its_public_key_is_found_by_trying()
    {
        using ITestToken token = Make("SoftHSM");
        using X509Certificate2 other = MakeKey(token, "P-256", withCertificate: false, withPublicKey: false);
        using X509Certificate2 certificate = MakeKey(token, "P-256", withCertificate: false, withPublicKey: false);
        AssertOpens(token, Seal(certificate), [other, certificate]);
        AssertOpens(token, Seal(other), [other, certificate]);
    }

    [Theory]
    [InlineData("RSA-2048")]
    [InlineData("P-256")]
    public void A_damaged_content_key_is_refused(string kind)
    {
        using ITestToken token = Make("SoftHSM");
        using X509Certificate2 certificate = MakeKey(token, kind, withCertificate: false, withPublicKey: true);
        string path = Seal(certificate);
        byte[] content = File.ReadAllBytes(path);
        var cms = new EnvelopedCms();
        cms.Decode(content);
        content[content.AsSpan().IndexOf(cms.RecipientInfos[0].EncryptedKey) + 20] ^= 1;
        File.WriteAllBytes(path, content);
        using OfficerKeys keys = OfficerKeys.FromToken(token.Address, token.Pin, [certificate], CancellationToken.None);
        AssertStaysSealed(path, keys);
    }

    private static ITestToken Make(string kind) => kind == "NSS" ? new NssToken("officer") : new SoftHsmToken("officer");

    private string Seal(X509Certificate2 certificate)
    {
        string path = _folder.File($"{Guid.NewGuid():N}.p7m");
        KeyFile.WriteSealed(path, null, _key, Id, [certificate]);
        return path;
    }

    private static void AssertOpens(ITestToken token, string path, X509Certificate2[] certificates)
    {
        using OfficerKeys keys = OfficerKeys.FromToken(token.Address, token.Pin, certificates, CancellationToken.None);
        using OneTimeKey opened = KeyFileReader.ReadSealed(path, keys.Keys, Id);
        Assert.Equal(TestKey.CountingHex, TestKey.Hex(opened));
    }

    private static void AssertStaysSealed(string path, OfficerKeys keys) => Assert.Equal(
        ErrorCode.KeyFileSealed, Assert.Throws<HsmBackupException>(() => KeyFileReader.ReadSealed(path, keys.Keys, Id)).Code);

    private static X509Certificate2 MakeKey(ITestToken token, string kind, bool withCertificate, bool withPublicKey)
    {
        using TokenConnection connection = TokenConnection.Open(token.Address, token.Pin, readWrite: true, CancellationToken.None);
        var content = new TokenContent(connection.Session) { Next = connection.Session.FindTokenObjects().Count + 1 };
        X509Certificate2 certificate;
        ulong publicKey;
        if (kind.StartsWith("RSA", StringComparison.Ordinal))
        {
            (publicKey, _) = content.Rsa(kind, int.Parse(kind[4..], CultureInfo.InvariantCulture));
            AttributeMap read = connection.Session.GetAttributes(publicKey, Cka.Modulus, Cka.PublicExponent);
            using var rsa = RSA.Create(new RSAParameters { Modulus = read.Bytes(Cka.Modulus), Exponent = read.Bytes(Cka.PublicExponent) });
            certificate = Certify(new PublicKey(rsa));
        }
        else
        {
            (byte[] parameters, ECCurve curve) = kind switch
            {
                "P-256" => (TokenContent.P256, ECCurve.NamedCurves.nistP256),
                "P-384" => (TokenContent.P384, ECCurve.NamedCurves.nistP384),
                _ => (TokenContent.P521, ECCurve.NamedCurves.nistP521),
            };
            (publicKey, _) = content.Ec(kind, parameters);
            byte[] point = EcPublicPoint.Raw(connection.Session.GetAttributes(publicKey, Cka.EcPoint).Bytes(Cka.EcPoint)!);
            int length = point.Length / 2;
            using var ec = ECDsa.Create(new ECParameters { Curve = curve, Q = new ECPoint { X = point[1..(1 + length)], Y = point[(1 + length)..] } });
            certificate = Certify(new PublicKey(ec));
        }
        if (withCertificate)
        {
            content.Certificate(certificate, kind);
        }
        if (!withPublicKey)
        {
            Assert.Equal(Ckr.Ok, connection.Session.TryDestroyObject(publicKey));
        }
        return certificate;
    }

    private static X509Certificate2 Certify(PublicKey key)
    {
        using var authority = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(new X500DistinguishedName("CN=officer"), key, HashAlgorithmName.SHA256);
        return request.Create(new X500DistinguishedName("CN=authority"), X509SignatureGenerator.CreateForECDsa(authority),
            DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(100), RandomNumberGenerator.GetBytes(8));
    }
}
