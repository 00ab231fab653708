using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Reporting;
using HsmBackup.Engine.Tests.Format;
using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Reporting;

/// <summary>A drill on record is what was written when it ended, or it is Altered.</summary>
public sealed class DrillPublicationTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly byte[] _certificate;

    public DrillPublicationTests()
    {
        using X509Certificate2 certificate = new CertificateRequest("CN=payments identity", _key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        _certificate = certificate.RawData;
    }

    public static TheoryData<string> Files =>
    [
        DrillRecords.JsonFile, DrillRecords.HtmlFile, DrillRecords.MarkdownFile, DrillRecords.JUnitFile, DrillRecords.DigestFile,
        DrillRecords.SignatureFile,
    ];

    [Fact]
    public void A_signed_drill_is_on_record_with_every_form()
    {
        DrillRecord record = Publish();
        Assert.Equal(DrillIntegrity.Signed, record.Integrity);
        Assert.Equal("CN=payments identity", record.Signer);
        Assert.True(File.Exists(record.HtmlPath));
        DrillRecord listed = Assert.Single(Records().List(_certificate));
        Assert.Equal((record.Id, DrillIntegrity.Signed, DrillResult.Passed), (listed.Id, listed.Integrity, listed.Report!.Result));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void One_changed_byte_anywhere_is_noticed(string name)
    {
        string path = Path.Combine(Publish().Folder, name);
        byte[] content = File.ReadAllBytes(path);
        // The first, the last, and some between: a digit in the JSON, the verdict in the page.
        foreach (int at in (int[])[0, 1, content.Length / 7, content.Length / 3, content.Length / 2, content.Length * 5 / 6,
            content.Length - 2, content.Length - 1])
        {
            foreach (byte change in (byte[])[0x01, 0x20, 0x80])
            {
                byte[] changed = [.. content];
                changed[at] ^= change;
                File.WriteAllBytes(path, changed);
                AssertAltered($"{name}, byte {at}, changed by {change:x2}");
            }
        }
        File.WriteAllBytes(path, [.. content, (byte)'\n']);
        AssertAltered($"{name}, a byte longer");
        File.WriteAllBytes(path, content[..^1]);
        AssertAltered($"{name}, a byte shorter");
        File.WriteAllBytes(path, content);
        Assert.Equal(DrillIntegrity.Signed, Assert.Single(Records().List(_certificate)).Integrity);
    }

    [Theory]
    [InlineData(DrillRecords.JsonFile)]
    [InlineData(DrillRecords.HtmlFile)]
    [InlineData(DrillRecords.MarkdownFile)]
    [InlineData(DrillRecords.JUnitFile)]
    [InlineData(DrillRecords.DigestFile)]
    public void A_missing_file_is_noticed(string name)
    {
        File.Delete(Path.Combine(Publish().Folder, name));
        AssertAltered(name);
    }

    [Fact]
    public void New_digests_do_not_hide_a_change_of_what_was_signed()
    {
        string folder = Publish().Folder;
        string html = Path.Combine(folder, DrillRecords.HtmlFile);
        string before = Digest(html);
        File.WriteAllText(html, File.ReadAllText(html).Replace("Every step passed.", "Every step Passed.", StringComparison.Ordinal));
        string list = Path.Combine(folder, DrillRecords.DigestFile);
        File.WriteAllText(list, File.ReadAllText(list).Replace(before, Digest(html), StringComparison.Ordinal));
        AssertAltered("the page, with its digest");
        // Without the signature it is a record that nobody signed, which does not count where there is an identity key.
        File.Delete(Path.Combine(folder, DrillRecords.SignatureFile));
        Assert.Equal(DrillIntegrity.Unsigned, Assert.Single(Records().List(_certificate)).Integrity);
    }

    [Fact]
    public void A_drill_under_the_name_of_another_is_noticed()
    {
        string folder = Publish().Folder;
        Directory.Move(folder, Path.Combine(Path.GetDirectoryName(folder)!, "20270101T000000Z-00000000"));
        AssertAltered("the folder");
    }

    [Fact]
    public void A_separator_behind_the_name_of_the_folder_changes_nothing()
    {
        DrillRecord record = Publish();
        DrillRecord read = DrillRecords.Read(record.Folder + Path.DirectorySeparatorChar, _certificate);
        Assert.Equal((record.Id, record.Folder, DrillIntegrity.Signed, null), (read.Id, read.Folder, read.Integrity, read.Problem));
    }

    [Fact]
    public void The_signature_of_another_cluster_is_noticed()
    {
        _ = Publish();
        using ECDsa other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 certificate = new CertificateRequest("CN=payments identity", other, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        Assert.Equal(DrillIntegrity.Altered, Assert.Single(Records().List(certificate.RawData)).Integrity);
    }

    [Fact]
    public void Where_signing_fails_the_report_is_kept_and_says_so()
    {
        DrillRecord record = DrillPublication.Publish(SampleDrills.Passed(), Records(),
            _ => throw new HsmBackupException(ErrorCode.NodeSilent, "No node answers.", "Start one."), _certificate);
        Assert.Equal(DrillIntegrity.Unsigned, record.Integrity);
        Assert.Contains("The report could not be signed: No node answers.", record.Report!.Deviations);
        Assert.Contains("The report is not signed", File.ReadAllText(record.HtmlPath), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(record.Folder, DrillRecords.SignatureFile)));
        Assert.Single(Records().List(_certificate));
    }

    [Fact]
    public void A_drill_that_was_killed_while_it_wrote_is_no_record()
    {
        string folder = Publish().Folder;
        Directory.Move(folder, folder + ".new");
        Assert.Empty(Records().List(_certificate));
    }

    [FactWithTools("bash", "openssl", "sha256sum", "jq")]
    public void The_commands_in_the_report_check_it_and_notice_a_change()
    {
        string folder = Publish().Folder;
        File.WriteAllText(Path.Combine(folder, "payments.hsmcluster.json"),
            $$"""{"identityCertificate":"{{Convert.ToBase64String(_certificate)}}"}""");
        string markdown = File.ReadAllText(Path.Combine(folder, DrillRecords.MarkdownFile));
        string[] commands = [.. markdown.Split("```sh\n").Skip(1).Select(p => p[..p.IndexOf("```", StringComparison.Ordinal)])];
        Assert.Equal(2, commands.Length);
        Assert.All(commands, c => Tool.Run("bash", ["-euo", "pipefail", "-c", c], folder));
        string list = Path.Combine(folder, DrillRecords.DigestFile);
        File.WriteAllText(list, File.ReadAllText(list).Replace('a', 'b'));
        Assert.All(commands, c => Assert.NotNull(Record.Exception(() => Tool.Run("bash", ["-euo", "pipefail", "-c", c], folder))));
    }

    public void Dispose()
    {
        _key.Dispose();
        _folder.Dispose();
    }

    private static string Digest(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));

    private void AssertAltered(string what)
    {
        DrillRecord record = Assert.Single(Records().List(_certificate));
        Assert.True(record.Integrity == DrillIntegrity.Altered, what);
        Assert.Null(record.Report);
        Assert.NotNull(record.Problem);
    }

    private DrillRecords Records() => DrillRecords.In(_folder.File("drills"));

    private DrillRecord Publish() => DrillPublication.Publish(SampleDrills.Passed(), Records(),
        SealSignature.With(_certificate, hash => _key.SignHash(hash, DSASignatureFormat.Rfc3279DerSequence)), _certificate);
}
