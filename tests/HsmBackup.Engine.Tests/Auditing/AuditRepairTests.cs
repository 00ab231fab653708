using System.Security.Cryptography;
using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Tests.Support;
using Xunit;

namespace HsmBackup.Engine.Tests.Auditing;

public sealed class AuditRepairTests : IDisposable
{
    private readonly AuditSample _sample = new();

    public void Dispose() => _sample.Dispose();

    [Fact]
    public void A_line_torn_at_any_byte_is_cut_off_by_the_next_writer_and_put_on_record()
    {
        _sample.Add();
        byte[] whole = File.ReadAllBytes(_sample.LastFile);
        byte[] mark = File.ReadAllBytes(Mark);
        _sample.Add();
        byte[] torn = File.ReadAllBytes(_sample.LastFile)[whole.Length..];
        for (int length = 1; length < torn.Length; length++)
        {
            // As a kill leaves it: a part of the line, and a mark that does not know of it.
            File.WriteAllBytes(_sample.LastFile, [.. whole, .. torn[..length]]);
            File.WriteAllBytes(Mark, mark);
            Assert.Equal(AuditFindingKind.Torn, Assert.Single(_sample.Log.Test(new AuditFacts()).Findings).Kind);

            AuditEntry? told = null;
            _sample.Log.Repaired = e => told = e;
            AuditEntry added = _sample.Add("after the kill");
            Assert.Equal((3, 2, AuditEntry.Repaired, AuditResult.Succeeded), (added.Sequence, told!.Sequence, told.Action, told.Result));
            Assert.Equal($"{length}", told.Details[AuditRepair.CutBytes]);
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(torn.AsSpan(0, length))), told.Details[AuditRepair.CutDigest]);
            AuditTestResult result = _sample.Log.Test(new AuditFacts());
            Assert.True(result.Passed, result.Summary);
            Assert.Equal((AuditFindingKind.Repaired, 2), (Assert.Single(result.Findings).Kind, result.Findings[0].Sequence));
        }
    }

    [Fact]
    public void A_torn_first_line_of_the_log_is_repaired_too()
    {
        _sample.Add();
        byte[] line = File.ReadAllBytes(_sample.LastFile);
        File.WriteAllBytes(_sample.LastFile, line[..30]);
        File.Delete(Mark);
        Assert.Equal(2, _sample.Add().Sequence);
        Assert.True(_sample.Log.Test(new AuditFacts()).Passed);
    }

    [Fact]
    public void A_torn_first_line_of_a_later_file_is_chained_to_the_file_before()
    {
        using AuditSample small = new(maxFileLength: 1000);
        while (small.Add().Sequence < 7 || small.Files[^1].Lines().Count() != 1)
        {
        }
        byte[] line = File.ReadAllBytes(small.LastFile);
        File.WriteAllBytes(small.LastFile, line[..^2]);
        File.Delete(Path.Combine(small.Log.Folder, "head.json"));
        long next = small.Add().Sequence;
        AuditTestResult result = small.Log.Test(new AuditFacts());
        Assert.True(result.Passed, result.Summary);
        Assert.Equal(next, result.Entries);
        File.WriteAllBytes(small.LastFile, []);
        File.Delete(Path.Combine(small.Log.Folder, "head.json"));
        small.Add();
        Assert.True(small.Log.Test(new AuditFacts()).Passed);
    }

    [Fact]
    public void A_mark_that_a_kill_left_behind_is_no_reason_to_complain()
    {
        _sample.Add();
        byte[] mark = File.ReadAllBytes(Mark);
        _sample.Add();
        File.WriteAllBytes(Mark, mark);
        Assert.Equal(3, _sample.Add().Sequence);
        Assert.Empty(_sample.Log.Test(new AuditFacts()).Findings);
    }

    [Fact]
    public void A_log_that_became_shorter_goes_on_and_says_for_ever_what_it_lost()
    {
        _sample.Add();
        byte[] shorter = File.ReadAllBytes(_sample.LastFile);
        AuditEntry lost = _sample.Add();
        File.WriteAllBytes(_sample.LastFile, shorter);
        Assert.Equal(AuditFindingKind.Truncated, Assert.Single(_sample.Log.Test(new AuditFacts()).Findings).Kind);

        Assert.Equal(3, _sample.Add().Sequence);
        AuditEntry repaired = _sample.Entries()[1];
        Assert.Equal((AuditEntry.Repaired, AuditResult.Failed, "2", lost.Hash),
            (repaired.Action, repaired.Result, repaired.Details[AuditRepair.LostEntries], repaired.Details[AuditRepair.LostHead]));
        AuditFinding finding = Assert.Single(_sample.Log.Test(new AuditFacts()).Findings);
        Assert.Equal((AuditFindingKind.Truncated, true), (finding.Kind, finding.IsFault));
    }

    [Fact]
    public void A_log_that_is_gone_but_for_its_mark_begins_anew_and_says_which_it_was()
    {
        string lost = _sample.Add().Log;
        File.Delete(_sample.LastFile);
        AuditEntry added = _sample.Add();
        Assert.NotEqual(lost, added.Log);
        Assert.Equal((2, lost), (added.Sequence, _sample.Entries()[0].Details[AuditRepair.LostLog]));
        Assert.False(_sample.Log.Test(new AuditFacts()).Passed);
    }

    [Fact]
    public void A_mark_that_cannot_be_understood_counts_for_nothing()
    {
        _sample.Add();
        File.WriteAllText(Mark, "garbage");
        _sample.Add();
        Assert.True(_sample.Log.Test(new AuditFacts()).Passed);
        Refusal.Of(ErrorCode.AuditUnwritable, () =>
        {
            File.Delete(Mark);
            Directory.CreateDirectory(Mark);
            _sample.Add();
        });
    }

    private string Mark => Path.Combine(_sample.Log.Folder, "head.json");
}
