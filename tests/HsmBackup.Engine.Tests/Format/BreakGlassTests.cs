using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Format;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tests.Protection;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Format;

/// <summary>Does what <c>docs/break-glass.md</c> says, with the very commands that stand there.</summary>
public sealed partial class BreakGlassTests
{
    private static readonly string Document = File.ReadAllText(Vectors.PathOf("../docs/break-glass.md"));

    [FactWithTools("bash", "openssl", "jq", "tail", "shred")]
    public void A_private_key_is_recovered_signs_and_is_the_one_of_the_public_key()
    {
        string output = Run(Vectors.PathOf("golden.hsmbackup"), 0, "1.", "2.", "3.", "4.", "5.", "6.", "A private key", "7.");
        Assert.Contains("complete: 4 objects", output, StringComparison.Ordinal);
        Assert.Contains("Verified OK", output, StringComparison.Ordinal);
        using RSA found = RSA.Create();
        found.ImportFromPem(PublicKey().Match(output).Value);
        Assert.Equal(Attribute("golden.hsmbackup", 1, "CKA_MODULUS"), found.ExportParameters(false).Modulus);
    }

    [FactWithTools("bash", "openssl", "jq", "tail", "shred")]
    public void Zero_bytes_behind_a_private_key_do_not_matter()
    {
        string output = Run(Vectors.PathOf("golden-forms.hsmbackup"), 6, "1.", "2.", "3.", "4.", "6.", "A private key", "7.");
        Assert.Contains("Verified OK", output, StringComparison.Ordinal);
        using ECDsa found = ECDsa.Create();
        found.ImportFromPem(PublicKey().Match(output).Value);
        Assert.Equal(Attribute("golden-forms.hsmbackup", 7, "CKA_PUBLIC_KEY_INFO"), found.ExportSubjectPublicKeyInfo());
    }

    [FactWithTools("bash", "openssl", "jq", "tail", "shred")]
    public void A_secret_key_is_recovered_from_every_form_of_material()
    {
        for (int number = 0; number < 6; number++)
        {
            string output = Run(Vectors.PathOf("golden-forms.hsmbackup"), number, "1.", "2.", "3.", "4.", "6.", "A secret key", "7.");
            Assert.EndsWith("\n" + Convert.ToHexStringLower(GoldenFile.SecretOf(number)) + "\n", output, StringComparison.Ordinal);
        }
    }

    [FactWithTools("bash", "openssl", "jq", "tail", "shred")]
    public void What_is_too_long_for_openssl_is_unwrapped_in_bash()
    {
        foreach (int number in (int[])[0, 4, 5])
        {
            // The same commands, told that everything is too long: a key that really is takes half a minute.
            (int exitCode, string output) = Execute(Vectors.PathOf("golden-forms.hsmbackup"), number, TestKey.CountingText,
                ["1.", "2.", "3.", "4.", "6.", "A secret key", "7."], "LONGEST=0\n");
            Assert.True(exitCode == 0, output);
            Assert.EndsWith("\n" + Convert.ToHexStringLower(GoldenFile.SecretOf(number)) + "\n", output, StringComparison.Ordinal);
        }
    }

    [FactWithTools("bash", "openssl", "jq", "tail", "shred")]
    public void A_backup_of_many_segments_with_attachments_is_read()
    {
        using TestFolder folder = new();
        string path = folder.File("large.hsmbackup");
        byte[][] lines = [.. Enumerable.Range(0, 5).Select(i => Sample.Line(i, 1024 * 1024))];
        byte[] noise = new byte[4_200_000];
        Random.Shared.NextBytes(noise);
        File.WriteAllBytes(path, Sample.Write(lines, [new BackupAttachment("vendor.bin", new MemoryStream(noise))]));
        string output = Run(path, 0, "1.", "2.", "3.", "4.", "5.", "7.");
        Assert.Contains("5 segments", output, StringComparison.Ordinal);
        Assert.Contains("segment-3: bytes of vendor.bin from 4193920", output, StringComparison.Ordinal);
        Assert.Contains("complete: 5 objects", output, StringComparison.Ordinal);
    }

    [FactWithTools("bash", "openssl", "jq", "tail", "shred")]
    public void It_stops_where_a_backup_or_its_key_is_wrong()
    {
        string[] all = ["1.", "2.", "3.", "4.", "5.", "7."];
        Assert.Contains("not a backup", Refused("magic-version-2"), StringComparison.Ordinal);
        Assert.Contains("does not belong here", Refused("segments-swapped"), StringComparison.Ordinal);
        Assert.Contains("does not belong here", Refused("header-edited"), StringComparison.Ordinal);
        Assert.Contains("is not complete", Refused("segment-last-dropped"), StringComparison.Ordinal);
        Assert.Contains("is not complete", Refused("end-digest"), StringComparison.Ordinal);
        Assert.Contains("is not the key", Refused(
            "mac-wrong", key: TestKey.CountingText.Replace("cyq5", "cyq6", StringComparison.Ordinal)), StringComparison.Ordinal);

        string Refused(string name, string key = TestKey.CountingText)
        {
            (int exitCode, string output) = Execute(Vectors.PathOf($"must-fail/{name}.hsmbackup"), 0, key, all);
            Assert.NotEqual(0, exitCode);
            return output;
        }
    }

    [FactWithTools("bash", "openssl", "jq", "tail", "shred")]
    public void A_cluster_bound_backup_shows_everything_but_its_keys()
    {
        using TestCluster cluster = new(1);
        cluster.HoldCeremony();
        using (TokenConnection connection = cluster.Open())
        {
            new TokenContent(connection.Session).Aes("payments", 32);
        }
        BackupResult backup = cluster.BackUp();
        char[] key = new char[OneTimeKey.TextLength];
        backup.Key!.CopyText(key);

        (int exitCode, string output) = Execute(backup.Path, 0, new string(key), ["1.", "2.", "3.", "4.", "5.", "7."]);
        Assert.True(exitCode == 0, output);
        Assert.Contains("complete: 3 objects", output, StringComparison.Ordinal);
        Assert.Contains("payments", output, StringComparison.Ordinal);

        for (int number = 0; number < 3; number++)
        {
            (exitCode, output) = Execute(backup.Path, number, new string(key), ["1.", "2.", "3.", "4.", "6.", "A secret key", "7."]);
            Assert.NotEqual(0, exitCode);
            Assert.Contains("STOP: the keys of this backup are wrapped under a cluster key", output, StringComparison.Ordinal);
            // And who does not let himself be stopped gets nothing either, with any of the keys that the file and its one-time key give.
            foreach (string use in (string[])["kek", "cms", "seal", "check"])
            {
                (exitCode, output) = Execute(backup.Path, number, new string(key), ["1.", "2.", "3.", "4.", "6.", "A secret key", "7."],
                    "jq() { case \"$*\" in '-r .mode') echo OneTimeKey ;; *) command jq \"$@\" ;; esac; }\n",
                    script => script.Replace("KEK=$(derive kek)", $"KEK=$(derive {use})", StringComparison.Ordinal));
                Assert.NotEqual(0, exitCode);
                Assert.DoesNotContain("STOP: the keys of this backup", output, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void It_uses_no_other_programs_than_it_says()
    {
        string script = Script(["1.", "2.", "3.", "4.", "5.", "6.", "A private key", "A secret key", "7."]);
        string[] others = ["head", "sed", "awk", "grep", "xxd", "od", "cut", "cat", "dd", "python", "perl", "basenc", "sha256sum"];
        foreach (string program in others)
            Assert.DoesNotMatch($@"(?m)(^|[|({{;])\s*{program}\b", script);
        foreach (string program in (string[])["bash", "tail", "mktemp", "shred", "rmdir", "openssl", "jq"])
            Assert.Contains($"`{program}`", Document, StringComparison.Ordinal);
    }

    private static string Run(string path, int number, params string[] sections)
    {
        (int exitCode, string output) = Execute(path, number, TestKey.CountingText, sections);
        Assert.True(exitCode == 0, output);
        return output;
    }

    private static (int ExitCode, string Output) Execute(string path, int number, string key, string[] sections,
        string settings = "", Func<string, string>? change = null)
    {
        using TestFolder folder = new();
        string script = folder.File("script");
        // The folder in memory is for people; a failed test is to leave nothing there.
        string text = Script(sections).Replace("/dev/shm", folder.Root, StringComparison.Ordinal);
        text = change?.Invoke(text) ?? text;
        File.WriteAllText(script, $"FILE='{Path.GetFullPath(path)}'\nKEYTEXT='{key}'\nOBJECT={number}\n{settings}{text}");
        (int exitCode, string output, string errors) = Programs.Run("bash", script);
        if (exitCode == 0) Assert.Equal([script], Directory.GetFileSystemEntries(folder.Root));
        return (exitCode, exitCode == 0 ? output : output + errors);
    }

    /// <summary>The bash blocks under some headings, in the order of the document.</summary>
    private static string Script(string[] sections)
    {
        StringBuilder script = new();
        foreach (Match section in Section().Matches(Document))
            if (sections.Any(start => section.Groups["title"].Value.StartsWith(start, StringComparison.Ordinal)))
                foreach (Match block in BashBlock().Matches(section.Groups["body"].Value)) script.Append(block.Groups["code"].Value);
        return script.ToString();
    }

    private static byte[] Attribute(string fileName, int number, string attribute)
    {
        byte[] line = Sample.ReadAll(Vectors.Read(fileName))[number];
        return JsonDocument.Parse(line).RootElement.GetProperty("attributes").GetProperty(attribute).GetBytesFromBase64();
    }

    [GeneratedRegex(@"^##+ (?<title>[^\n]+)\n(?<body>.*?)(?=^##|\z)", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Section();

    [GeneratedRegex(@"^```bash\n(?<code>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex BashBlock();

    [GeneratedRegex("-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", RegexOptions.Singleline)]
    private static partial Regex PublicKey();
}
