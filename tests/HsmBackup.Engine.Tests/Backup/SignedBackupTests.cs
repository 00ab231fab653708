using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Tests.Format;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>The signature of a cluster's identity, checked without any key.</summary>
public sealed class SignedBackupTests : IDisposable
{
    private readonly TestCluster _cluster = new(2);
    private readonly BackupResult _backup;

    public SignedBackupTests()
    {
        _cluster.HoldCeremony();
        _backup = _cluster.BackUp();
    }

    public void Dispose() => _cluster.Dispose();

    private ReadOnlyMemory<byte> Certificate => _cluster.Ceremony.IdentityCertificate!.Value;

    [Fact]
    public void Its_origin_is_checked_at_level_integrity()
    {
        TestResult result = Test(_backup.Path, Certificate);

        Assert.True(result.Passed, string.Join("\n", result.Checks));
        Assert.Contains("OU=HsmBackup identity", Assert.Single(result.Checks, c => c is { Name: "Origin", Outcome: CheckOutcome.Passed }).Detail, StringComparison.Ordinal);
        Assert.Equal(_backup.Signer, BackupFile.ReadHeader(_backup.Path).Header.Signer);
    }

    [Fact]
    public void Every_node_signs_for_the_cluster() => Assert.True(Test(_cluster.BackUp(1).Path, Certificate).Passed);

    [Fact]
    public void Without_the_pinned_certificate_a_name_in_the_file_is_only_a_claim()
    {
        TestResult result = Test(_backup.Path, null);
        Assert.True(result.Passed);
        Assert.Equal(CheckOutcome.Skipped, Assert.Single(result.Checks, c => c.Name == "Origin").Outcome);
    }

    [Fact]
    public void The_identity_of_another_cluster_is_not_taken_for_this_ones()
    {
        using var other = new TestCluster(1);
        other.HoldCeremony();
        TestResult result = Test(_backup.Path, other.Ceremony.IdentityCertificate!.Value);
        Assert.False(result.Passed);
        Assert.Equal(ErrorCode.SignatureInvalid, result.Error);
    }

    [Fact]
    public void A_backup_that_nobody_signed_fails_where_a_signature_is_expected()
    {
        TestResult result = Test(_cluster.BackUp(0, r => r with { Cluster = r.Cluster! with { IdentityCertificate = null } }).Path, Certificate);
        Assert.False(result.Passed);
        Assert.Equal(ErrorCode.SignatureInvalid, result.Error);
    }

    [Fact]
    public void The_signature_of_another_backup_does_not_do()
    {
        BackupFileSummary mine = BackupFile.CheckIntegrity(_backup.Path);
        BackupFileSummary other = BackupFile.CheckIntegrity(_cluster.BackUp().Path);
        Assert.True(Verify(mine, mine.Signature!.Value));
        Assert.False(Verify(mine, other.Signature!.Value));
    }

    [Fact]
    public void Every_bit_of_the_signature_counts()
    {
        BackupFileSummary summary = BackupFile.CheckIntegrity(_backup.Path);
        byte[] signature = summary.Signature!.Value.ToArray();
        for (int i = 0; i < signature.Length; i++)
        {
            signature[i] ^= 1;
            Assert.False(Verify(summary, signature), $"byte {i}");
            signature[i] ^= 1;
        }
        Assert.False(Verify(summary, signature.AsMemory(..^1)));
        Assert.False(Verify(summary, (byte[])[.. signature, 0]));
    }

    [FactWithTools("openssl")]
    public void OpenSSL_verifies_it_over_the_bytes_before_the_seal()
    {
        BackupFileSummary summary = BackupFile.CheckIntegrity(_backup.Path);
        byte[] file = File.ReadAllBytes(_backup.Path);
        int seal = SealOf(file, summary.SignedDigest);
        string content = Write("content", file[..seal]);
        string signature = Write("signature.der", summary.Signature!.Value.ToArray());
        string certificate = Write("identity.pem", System.Text.Encoding.ASCII.GetBytes(X509CertificateLoader.LoadCertificate(Certificate.Span).ExportCertificatePem()));
        string[] verify = ["cms", "-verify", "-binary", "-inform", "DER", "-in", signature, "-content", content, "-CAfile", certificate, "-purpose", "any", "-out", "/dev/null"];

        Tool.Run("openssl", verify);

        file[seal / 2] ^= 1;
        Write("content", file[..seal]);
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => Tool.Run("openssl", verify));
    }

    [Fact]
    public void A_node_without_the_identity_key_does_not_pretend()
    {
        _cluster.Tokens[1].Replace();
        _cluster.Join(1);
        Assert.Equal(ErrorCode.IdentityKeyMissing, Assert.Throws<HsmBackupException>(() => _cluster.BackUp(1)).Code);
    }

    [Fact]
    public void A_restored_cluster_keeps_its_identity()
    {
        _cluster.Tokens[1].Replace();
        _cluster.Join(1);
        _cluster.Restore(_backup, 1);

        using (TokenConnection connection = _cluster.Open(1))
        {
            Assert.NotNull(IdentityKey.Find(connection, Certificate));
        }
        Assert.True(Test(_cluster.BackUp(1).Path, Certificate).Passed);
    }

    private bool Verify(BackupFileSummary summary, ReadOnlyMemory<byte> signature) =>
        SealSignature.Verify(signature, Convert.FromHexString(summary.SignedDigest), Certificate);

    private TestResult Test(string path, ReadOnlyMemory<byte>? certificate) => TestOperation.Run(
        new TestRequest { Path = path, Level = TestLevel.Integrity, Cluster = _cluster.Cluster with { IdentityCertificate = certificate } }, null, CancellationToken.None);

    /// <summary>Where the seal begins: the place up to which the file has the signed digest.</summary>
    private static int SealOf(byte[] file, string digest) => Enumerable.Range(33, file.Length - 33).Select(behind => file.Length - behind)
        .First(end => Convert.ToHexStringLower(SHA256.HashData(file.AsSpan(0, end))) == digest);

    private string Write(string name, byte[] content)
    {
        string path = Path.Combine(_cluster.Folder, name);
        File.WriteAllBytes(path, content);
        return path;
    }
}
