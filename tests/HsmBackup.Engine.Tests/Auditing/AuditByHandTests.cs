using System.Text.RegularExpressions;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Tests.Format;
using Xunit;

namespace HsmBackup.Engine.Tests.Auditing;

/// <summary>Does what <c>docs/audit-log.md</c> says, with the very commands that stand there.</summary>
public sealed partial class AuditByHandTests : IDisposable
{
    private static readonly string Document = File.ReadAllText(Vectors.PathOf("../docs/audit-log.md"));
    private readonly AuditSample _sample = new(maxFileLength: 3000);

    public void Dispose() => _sample.Dispose();

    [FactWithTools("bash", "sha256sum", "jq", "openssl")]
    public void The_chain_and_the_checkpoints_verify_by_standard_tools()
    {
        AuditEntry last = Fill();
        Assert.Equal($"12 entries, head {last.Hash}\n", Run(0));
        Assert.Equal("Verified OK\nsigns up to entry 10\n", Run(1));
    }

    [FactWithTools("bash", "sha256sum", "jq", "openssl")]
    public void They_find_what_was_changed()
    {
        Fill();
        string file = Directory.GetFiles(_sample.Log.Folder, "*.jsonl").Order(StringComparer.Ordinal).First();
        File.WriteAllText(file, File.ReadAllText(file).Replace("token 2", "token 9", StringComparison.Ordinal));
        string said = Run(0);
        Assert.Contains("audit-000001.jsonl: entry 2 was changed\n", said, StringComparison.Ordinal);
        Assert.Contains("entry 3 is not chained to the one before\n", said, StringComparison.Ordinal);
        _sample.Log.Append(AuditCheckpoint.Sign(_sample.Log.ReadHead()! with { Head = new string('0', 64) }, _sample.Certificate, _sample.Signer));
        Assert.EndsWith("Verified OK\nsigns another log\n", Run(1), StringComparison.Ordinal);
    }

    private AuditEntry Fill()
    {
        for (int i = 1; i <= 10; i++)
        {
            _sample.Add($"token {i} \"\u00dc\" ,\"hash\":\"x");
        }
        _sample.Sign();
        return _sample.Add();
    }

    private string Run(int block) =>
        System.Text.Encoding.UTF8.GetString(Tool.Run("bash", ["-c", Blocks().Matches(Document)[block].Groups["text"].Value], _sample.Log.Folder));

    [GeneratedRegex("```bash\n(?<text>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Blocks();
}
