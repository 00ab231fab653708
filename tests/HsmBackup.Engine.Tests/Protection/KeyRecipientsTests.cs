using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection;

public sealed class KeyRecipientsTests
{
    [Fact]
    public void At_least_one_certificate_is_needed() => Refused([], "No certificate");

    [Fact]
    public void A_short_RSA_key_is_refused()
    {
        using TestCertificate certificate = TestCertificate.Rsa(1024);
        Refused([certificate.Public], "1024 bits");
    }

    [Fact]
    public void A_certificate_for_signing_alone_is_refused()
    {
        using TestCertificate rsa = TestCertificate.Rsa(
            usage: X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyAgreement);
        Refused([rsa.Public], "key encipherment");
        using TestCertificate ec = TestCertificate.Ec(
            ECCurve.NamedCurves.nistP256, X509KeyUsageFlags.DigitalSignature);
        Refused([ec.Public], "key agreement");
    }

    [Fact]
    public void A_certificate_for_encryption_is_accepted()
    {
        using TestCertificate rsa = TestCertificate.Rsa(usage: X509KeyUsageFlags.KeyEncipherment);
        using TestCertificate ec = TestCertificate.Ec(ECCurve.NamedCurves.nistP256, X509KeyUsageFlags.KeyAgreement);
        using TestCertificate plain = TestCertificate.Ec(ECCurve.NamedCurves.nistP384);
        KeyFile.CheckRecipients([rsa.Public, ec.Public, plain.Public]);
    }

    [OpenSslFact]
    public void A_key_that_can_only_sign_is_refused()
    {
        using TestFolder folder = new();
        string path = folder.File("ed25519.crt");
        Assert.Equal(0, Programs.Run(
            "openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=signer",
            "-keyout", folder.File("ed25519.key"), "-out", path).ExitCode);
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificateFromFile(path);
        Refused([certificate], "neither RSA nor EC");
    }

    [Fact]
    public void One_bad_certificate_among_good_ones_stops_everything_before_a_file_is_made()
    {
        using TestFolder folder = new();
        using TestCertificate good = TestCertificate.Rsa();
        using TestCertificate bad = TestCertificate.Rsa(1024, name: "CN=weak");
        using OneTimeKey key = TestKey.Counting;
        HsmBackupException error = Assert.Throws<HsmBackupException>(
            () => KeyFile.WriteSealed(folder.File("key"), null, key, "id", [good.Public, bad.Public]));
        Assert.Equal(ErrorCode.KeyRecipientInvalid, error.Code);
        Assert.Equal("CN=weak", error.Target);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Root));
    }

    private static void Refused(IReadOnlyList<X509Certificate2> recipients, string reason)
    {
        HsmBackupException error = Assert.Throws<HsmBackupException>(() => KeyFile.CheckRecipients(recipients));
        Assert.Equal(ErrorCode.KeyRecipientInvalid, error.Code);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }
}
