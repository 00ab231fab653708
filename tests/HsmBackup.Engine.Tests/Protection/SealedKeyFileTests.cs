using System.Security.Cryptography.Pkcs;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using HsmBackup.Engine.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection;

public sealed class SealedKeyFileTests : IDisposable
{
    private const string Id = "20261121T220500Z-payments-0a1b2c3d";
    private const string Text = "# HsmBackup one-time key of backup " + Id + "\n" + TestKey.CountingText + "\n";

    private readonly TestFolder _folder = new();
    private readonly OneTimeKey _key = TestKey.Counting;
    private readonly string _backups;
    private readonly string _path;

    public SealedKeyFileTests()
    {
        _backups = _folder.Folder("backups");
        _path = _folder.File("it's the key.p7m");
    }

    public static TheoryData<string> Kinds => new() { "RSA-2048", "P-256", "P-384", "P-521", "P-256 for key agreement alone" };

    public void Dispose()
    {
        _key.Dispose();
        _folder.Dispose();
    }

    [OpenSslTheory]
    [MemberData(nameof(Kinds))]
    public void OpenSSL_opens_a_sealed_file(string kind)
    {
        using TestCertificate recipient = TestCertificate.Of(kind);
        (string certificate, string key) = recipient.Export(_folder, "officer");
        Seal(recipient.Public);
        Assert.Equal(Text, OpenSsl("-decrypt", "-in", _path, "-recip", certificate, "-inkey", key));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_sealed_file_is_read_with_the_certificate(string kind)
    {
        using TestCertificate recipient = TestCertificate.Of(kind);
        Seal(recipient.Public);
        using OneTimeKey read = KeyFile.Read(_path, [recipient.WithKey]);
        Assert.Equal(TestKey.CountingHex, TestKey.Hex(read));
    }

    [OpenSslTheory]
    [InlineData("RSA-2048", "rsa_padding_mode:oaep", "rsa_oaep_md:sha256")]
    [InlineData("P-256", "ecdh_kdf_md:sha256", "ecdh_cofactor_mode:0")]
    public void A_file_that_OpenSSL_sealed_in_the_same_way_is_read(string kind, string option, string secondOption)
    {
        using TestCertificate recipient = TestCertificate.Of(kind);
        (string certificate, _) = recipient.Export(_folder, "officer");
        string plain = _folder.File("plain.txt");
        File.WriteAllText(plain, Text);
        OpenSsl(
            "-encrypt", "-binary", "-aes256", "-outform", "DER", "-in", plain, "-out", _path,
            "-recip", certificate, "-keyopt", option, "-keyopt", secondOption);
        using OneTimeKey read = KeyFile.Read(_path, [recipient.WithKey]);
        Assert.Equal(TestKey.CountingHex, TestKey.Hex(read));
    }

    [Fact]
    public void The_platform_opens_a_file_that_is_sealed_for_an_RSA_key()
    {
        using TestCertificate recipient = TestCertificate.Rsa();
        Seal(recipient.Public);
        EnvelopedCms cms = new();
        cms.Decode(File.ReadAllBytes(_path));
        cms.Decrypt([recipient.WithKey]);
        Assert.Equal(Text, Encoding.ASCII.GetString(cms.ContentInfo.Content));
    }

    [Theory]
    [InlineData(0, "RSA-2048")]
    [InlineData(2, "P-256")]
    [InlineData(2, "RSA-2048", "P-256")]
    public void The_version_is_the_one_that_RFC_5652_asks_for(int version, params string[] kinds)
    {
        TestCertificate[] recipients = [.. kinds.Select(TestCertificate.Of)];
        Seal([.. recipients.Select(recipient => recipient.Public)]);
        EnvelopedCms cms = new();
        cms.Decode(File.ReadAllBytes(_path));
        Assert.Equal(version, cms.Version);
        Array.ForEach(recipients, recipient => recipient.Dispose());
    }

    [OpenSslFact]
    public void Each_of_several_recipients_opens_the_file_alone()
    {
        using TestCertificate first = TestCertificate.Of("RSA-2048");
        using TestCertificate second = TestCertificate.Of("P-256");
        using TestCertificate third = TestCertificate.Of("P-384");
        Seal(first.Public, second.Public, third.Public);
        foreach (TestCertificate recipient in new[] { first, second, third })
        {
            using OneTimeKey read = KeyFile.Read(_path, [recipient.WithKey]);
            Assert.Equal(TestKey.CountingHex, TestKey.Hex(read));
            (string certificate, string key) = recipient.Export(_folder, "officer");
            Assert.Equal(Text, OpenSsl("-decrypt", "-in", _path, "-recip", certificate, "-inkey", key));
        }
    }

    [Fact]
    public void The_key_does_not_show_in_the_file_and_no_two_files_are_alike()
    {
        using TestCertificate recipient = TestCertificate.Of("P-256");
        Seal(recipient.Public);
        byte[] one = File.ReadAllBytes(_path);
        File.Delete(_path);
        Seal(recipient.Public);
        Assert.NotEqual(one, File.ReadAllBytes(_path));
        Assert.True(one.AsSpan().IndexOf("hsmkey1"u8) < 0);
        Assert.True(one.AsSpan().IndexOf(_key.Bytes[..8]) < 0);
    }

    [UnixFact]
    public void A_sealed_file_too_is_for_its_owner_alone()
    {
        using TestCertificate recipient = TestCertificate.Of("P-256");
        Seal(recipient.Public);
        TestFolder.AssertOwnerOnly(_path);
    }

    [Fact]
    public void A_sealed_file_too_is_refused_beside_the_backup_and_over_another_file()
    {
        using TestCertificate recipient = TestCertificate.Of("P-256");
        string beside = Path.Combine(_backups, "key.p7m");
        Refused(ErrorCode.KeyFileBesideBackup, () => KeyFile.WriteSealed(beside, _backups, _key, Id, [recipient.Public]));
        Assert.Empty(Directory.GetFileSystemEntries(_backups));
        Seal(recipient.Public);
        Refused(ErrorCode.KeyFileExists, () => Seal(recipient.Public));
    }

    [Fact]
    public void Without_a_private_key_the_message_says_whose_is_needed()
    {
        using TestCertificate first = TestCertificate.Of("RSA-2048");
        using TestCertificate second = TestCertificate.Of("P-256");
        using TestCertificate stranger = TestCertificate.Of("P-256");
        Seal(first.Public, second.Public);
        // The public certificate alone, and somebody else's key, are of no use.
        HsmBackupException error = Refused(
            ErrorCode.KeyFileSealed, () => KeyFile.Read(_path, [first.Public, second.Public, stranger.WithKey]));
        Assert.Contains(first.Public.Issuer, error.Message, StringComparison.Ordinal);
        Assert.Contains(first.Public.SerialNumber, error.Message, StringComparison.Ordinal);
        Assert.Contains(second.Public.SerialNumber, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(stranger.Public.SerialNumber, error.Message, StringComparison.Ordinal);
        Assert.Contains("is available here", error.Message, StringComparison.Ordinal);
    }

    [OpenSslFact]
    public void The_command_that_the_message_recommends_opens_the_file()
    {
        using TestCertificate recipient = TestCertificate.Of("P-384");
        (string certificate, string key) = recipient.Export(_folder, "officer");
        Seal(recipient.Public);
        HsmBackupException error = Refused(ErrorCode.KeyFileSealed, () => KeyFile.Read(_path));
        string command = error.RecommendedAction[error.RecommendedAction.IndexOf("openssl", StringComparison.Ordinal)..]
            .Replace("certificate.pem", certificate, StringComparison.Ordinal)
            .Replace("private-key.pem", key, StringComparison.Ordinal);
        (int exitCode, string output, string errors) = Programs.Run("sh", "-c", command);
        Assert.True(exitCode == 0, errors);
        Assert.Equal(Text, output.ReplaceLineEndings("\n"));
    }

    [Theory]
    [InlineData("RSA-2048")]
    [InlineData("P-256")]
    public void A_damaged_file_gives_a_clear_error_or_the_key_but_never_anything_else(string kind)
    {
        using TestCertificate recipient = TestCertificate.Of(kind);
        Seal(recipient.Public);
        byte[] whole = File.ReadAllBytes(_path);
        HashSet<ErrorCode> codes = [];
        for (int i = 0; i < whole.Length; i++)
        {
            byte[] damaged = [.. whole];
            damaged[i] ^= (byte)(1 << (i % 8));
            TryRead(damaged, recipient, codes);
            if (i % 8 == 0)
            {
                TryRead(whole[..i], recipient, codes);
            }
        }
        Assert.Equal([ErrorCode.KeyTextInvalid, ErrorCode.KeyFileSealed], codes.Order());
    }

    [Theory]
    [InlineData("RSA-2048")]
    [InlineData("P-256")]
    public void A_private_key_that_fails_is_told_apart_from_one_that_is_missing(string kind)
    {
        using TestCertificate recipient = TestCertificate.Of(kind);
        Seal(recipient.Public);
        byte[] damaged = File.ReadAllBytes(_path);
        EnvelopedCms cms = new();
        cms.Decode(damaged);
        damaged[damaged.AsSpan().IndexOf(cms.RecipientInfos[0].EncryptedKey) + 9] ^= 1;
        File.WriteAllBytes(_path, damaged);
        HsmBackupException error = Refused(ErrorCode.KeyFileSealed, () => KeyFile.Read(_path, [recipient.WithKey]));
        Assert.Contains("The private key at hand could not open it", error.Message, StringComparison.Ordinal);
        Assert.NotNull(error.InnerException);
    }

    private void TryRead(byte[] content, TestCertificate recipient, HashSet<ErrorCode> codes)
    {
        File.WriteAllBytes(_path, content);
        try
        {
            // A changed comment or version number harms nobody.
            using OneTimeKey read = KeyFile.Read(_path, [recipient.WithKey]);
            Assert.Equal(TestKey.CountingHex, TestKey.Hex(read));
        }
        catch (HsmBackupException e)
        {
            codes.Add(e.Code);
        }
    }

    private void Seal(params X509Certificate2[] recipients) => KeyFile.WriteSealed(_path, _backups, _key, Id, recipients);

    private static string OpenSsl(params string[] arguments)
    {
        string[] form = arguments[0] == "-decrypt" ? ["-inform", "DER"] : [];
        (int exitCode, string output, string errors) = Programs.Run("openssl", ["cms", .. arguments, .. form]);
        Assert.True(exitCode == 0, errors);
        return output.ReplaceLineEndings("\n");
    }

    private static HsmBackupException Refused(ErrorCode code, Action action)
    {
        HsmBackupException error = Assert.Throws<HsmBackupException>(action);
        Assert.Equal(code, error.Code);
        return error;
    }
}
