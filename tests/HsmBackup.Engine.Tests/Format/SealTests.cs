using System.Security.Cryptography;
using System.Security.Cryptography.Pkcs;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Format;
using Xunit;

namespace HsmBackup.Engine.Tests.Format;

public sealed class SealTests
{
    private static readonly BackupHeader Signed = Sample.Header(1) with { Signer = "CN=Payments" };

    [Fact]
    public void A_signature_can_be_verified_without_any_key()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=Payments", key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate =
            request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        byte[] file = Sample.Write([Sample.Line(0)], header: Signed, signer: digest => Sign(certificate, digest));

        BackupFileSummary summary = BackupFile.CheckIntegrity(new MemoryStream(file));
        SignedCms cms = new();
        cms.Decode(summary.Signature!.Value.Span);
        cms.CheckSignature(verifySignatureOnly: true);
        Assert.Equal(summary.SignedDigest, Convert.ToHexStringLower(cms.ContentInfo.Content));
        Assert.Equal(summary.SignedDigest, Convert.ToHexStringLower(SHA256.HashData(BeforeSeal(file))));
        using BackupContent content = Sample.Open(file);
        Assert.Equal(summary.Signature.Value.ToArray(), content.Summary.Signature!.Value.ToArray());
    }

    [Fact]
    public void What_is_not_a_SignedData_is_not_written()
    {
        foreach (byte[] signature in (byte[][])
        [
            [1, 2, 3], Cms.NotReallySigned(type: "1.2.3"), Cms.NotReallySigned(65536), [.. Cms.NotReallySigned(), 0],
        ])
            Assert.Throws<ArgumentException>(() => Sample.Write([Sample.Line(0)], header: Signed, signer: _ => signature));
    }

    [Fact]
    public void A_signer_needs_a_name_in_the_header_and_a_name_needs_a_signer()
    {
        Assert.Throws<ArgumentException>(() => Sample.Write([Sample.Line(0)], header: Signed));
        Assert.Throws<ArgumentException>(() => Sample.Write([Sample.Line(0)], signer: _ => Cms.NotReallySigned()));
    }

    // Here the digest itself is the signed content; a cluster's signature will be a detached one over the bytes.
    private static byte[] Sign(X509Certificate2 certificate, ReadOnlySpan<byte> digest)
    {
        SignedCms cms = new(new ContentInfo(digest.ToArray()));
        cms.ComputeSignature(new CmsSigner(certificate));
        return cms.Encode();
    }

    private static ReadOnlySpan<byte> BeforeSeal(byte[] file)
    {
        ReadOnlySpan<byte> covered = file.AsSpan(..^32);
        // Version and algorithm; before them stands a header of four bytes.
        int inner = covered.LastIndexOf(
            (ReadOnlySpan<byte>)[0x02, 0x01, 0x01, 0x30, 0x0C, 0x06, 0x08, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x02, 0x09]);
        return covered[..(inner - 4)];
    }
}
