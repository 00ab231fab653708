using System.Text.Json.Nodes;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Format;
using HsmBackup.Engine.Tests.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>
/// Files that are authentic, made by somebody with the one-time key, and contradict themselves about the cluster key: refused when they
/// are opened, before any token is.
/// </summary>
public sealed class ClusterBoundManifestTests
{
    private const string Manifest = """
        {"tool":"HsmBackup 0.1.0",
         "token":{"label":"payments-1","serial":"1","manufacturer":"m","model":"m","firmware":"1"},"library":"l","iv":"AAAAAAAAAAAAAAAAAAAAAA==",
         "clusterKey":{"check":"00112233445566778899aabbccddeeff","wrapChecks":{"RFC5649":"ffeeddccbbaa99887766554433221100"}},
         "kek":{"form":"RFC5649","data":"AAAA","clusterKeyCheck":"00112233445566778899aabbccddeeff"}}
        """;

    private const string Wrapped = """{"object":0,"class":"CKO_SECRET_KEY","verdict":"Captured","attributes":{"CKA_CLASS":"CKO_SECRET_KEY"},"material":{"form":"RFC5649","data":"AAAA"}}""";
    private const string Readable = """{"object":0,"class":"CKO_SECRET_KEY","verdict":"Captured","attributes":{"CKA_CLASS":"CKO_SECRET_KEY"},"material":{"form":"VALUE","values":{"CKA_VALUE":"AAAA"}}}""";

    [Fact]
    public void One_that_is_right_is_opened()
    {
        using OpenedBackup opened = Open();
        Assert.NotNull(opened.Manifest.Kek);
        Assert.Equal("ffeeddccbbaa99887766554433221100", opened.Manifest.ClusterKey!.WrapChecks[Engine.Pkcs11.WrapForm.Rfc5649]);
        Assert.Null(opened.Host);
        Assert.Single(opened.Records(CancellationToken.None));
    }

    [Fact]
    public void A_bound_backup_needs_its_KEK() => Refused(m => m.AsObject().Remove("kek"));

    [Fact]
    public void A_bound_backup_needs_its_cluster_key() => Refused(m => m.AsObject().Remove("clusterKey"));

    [Fact]
    public void A_backup_that_is_not_bound_has_no_KEK() => Refused(_ => { }, h => h with { Mode = BackupMode.OneTimeKey });

    [Fact]
    public void Header_and_manifest_name_the_same_cluster_key() => Refused(_ => { }, h => h with { ClusterKeyCheck = "ff112233445566778899aabbccddeeff" });

    [Fact]
    public void A_header_that_names_a_cluster_key_needs_one_in_the_manifest() => Refused(m =>
    {
        m.AsObject().Remove("kek");
        m.AsObject().Remove("clusterKey");
    }, h => h with { Mode = BackupMode.OneTimeKey });

    [Fact]
    public void A_manifest_with_a_cluster_key_needs_one_in_the_header() => Refused(
        m => m.AsObject().Remove("kek"), h => h with { Mode = BackupMode.OneTimeKey, ClusterKeyCheck = null });

    [Theory]
    [InlineData("kek", "clusterKeyCheck", "ff112233445566778899aabbccddeeff")]
    [InlineData("kek", "form", "VALUE")]
    [InlineData("kek", "form", "RSA-OAEP")]
    [InlineData("kek", "form", "rfc5649")]
    [InlineData("kek", "data", "")]
    [InlineData("kek", "data", "not base64")]
    [InlineData("clusterKey", "check", "00112233445566778899AABBCCDDEEFF")]
    [InlineData("clusterKey", "check", "0011")]
    public void A_member_with_another_value_is_refused(string member, string name, string value) => Refused(m => m[member]![name] = value);

    [Theory]
    [InlineData("kek", "form")]
    [InlineData("kek", "data")]
    [InlineData("kek", "clusterKeyCheck")]
    [InlineData("clusterKey", "check")]
    [InlineData("clusterKey", "wrapChecks")]
    public void No_member_may_be_missing(string member, string name) => Refused(m => m[member]!.AsObject().Remove(name));

    [Theory]
    [InlineData("VALUE", "ffeeddccbbaa99887766554433221100")]
    [InlineData("RFC5649", "ffee")]
    public void Wrap_checks_are_of_AES_and_of_their_length(string form, string check) => Refused(m => m["clusterKey"]!["wrapChecks"] = new JsonObject { [form] = check });

    [Fact]
    public void A_bound_backup_that_holds_a_key_by_its_value_is_refused()
    {
        using OpenedBackup opened = Open(line: Readable);
        HsmBackupException error = Assert.Throws<HsmBackupException>(() => opened.Records(CancellationToken.None).Count());
        Assert.Equal(ErrorCode.AuthenticationFailed, error.Code);
        Assert.Contains("by its value", error.Message, StringComparison.Ordinal);
    }

    private static void Refused(Action<JsonNode> change, Func<BackupHeader, BackupHeader>? header = null) =>
        Assert.Equal(ErrorCode.AuthenticationFailed, Sample.CodeOf(() => Open(change, header).Dispose()));

    private static OpenedBackup Open(Action<JsonNode>? change = null, Func<BackupHeader, BackupHeader>? header = null, string line = Wrapped)
    {
        JsonNode manifest = JsonNode.Parse(Manifest)!;
        change?.Invoke(manifest);
        BackupHeader bound = Sample.Header(1) with { Mode = BackupMode.ClusterBound, ClusterKeyCheck = "00112233445566778899aabbccddeeff" };
        using TestFolder folder = new();
        using BackupKeys keys = Sample.Keys();
        using ContentSpool spool = new(folder.Root, Sample.Id);
        spool.Add(System.Text.Encoding.UTF8.GetBytes(line));
        MemoryStream output = new();
        BackupFileWriter.Write(output, header?.Invoke(bound) ?? bound, keys, System.Text.Encoding.UTF8.GetBytes(manifest.ToJsonString()), spool);
        using OneTimeKey key = TestKey.Counting;
        return OpenedBackup.Open(output, key, CancellationToken.None);
    }
}
