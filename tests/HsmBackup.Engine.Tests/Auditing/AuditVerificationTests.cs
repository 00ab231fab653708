using HsmBackup.Engine.Auditing;
using HsmBackup.Engine.Format;
using Xunit;

namespace HsmBackup.Engine.Tests.Auditing;

public sealed class AuditVerificationTests : IDisposable
{
    private readonly AuditSample _sample = new();

    public AuditVerificationTests()
    {
        for (int i = 0; i < 5; i++)
        {
            _sample.Add($"token {i}");
        }
        _sample.Sign();
        _sample.Add("token 6");
    }

    public void Dispose() => _sample.Dispose();

    [Fact]
    public void A_whole_log_passes_and_says_up_to_where_it_is_confirmed()
    {
        AuditTestResult result = _sample.Log.Test(_sample.Pinned);
        Assert.True(result.Passed);
        Assert.Equal(("Passed", 7, 1, 1, 1, 7), (result.State, result.Entries, result.Files, result.Checkpoints, result.VerifiedCheckpoints, result.Confirmed));
        Assert.Empty(result.Findings);
        Assert.Equal(_sample.Log.ReadHead()!.Head, result.Head);
        // Without its mark, only what the checkpoint signs is confirmed.
        Assert.Equal(5, AuditVerification.Run(_sample.Files, _sample.Pinned).Confirmed);
    }

    [Fact]
    public void Nothing_checked_is_not_passed()
    {
        AuditTestResult result = AuditVerification.Run([], new AuditFacts());
        Assert.False(result.Passed);
        Assert.Equal(AuditFindingKind.Empty, Assert.Single(result.Findings).Kind);
        Assert.False(AuditVerification.Run([new AuditFile("audit-000001.jsonl", Array.Empty<byte>())], new AuditFacts()).Passed);
    }

    [Fact]
    public void A_changed_entry_is_named_by_file_and_line()
    {
        AuditFinding finding = Find(AuditFindingKind.Changed, Edit(lines => lines[2] = [.. lines[2].AsSpan(0, 20), (byte)'9', .. lines[2].AsSpan(21)]));
        Assert.Equal(("audit-000001.jsonl", 3), (finding.File, finding.Line));
    }

    [Fact]
    public void Another_spelling_of_an_entry_is_a_change()
    {
        foreach ((string from, string to) in ((string, string)[])[("\"process\":", "\"process\": "), ("token 2", "token\\u00202"), ("{\"sequence\"", "{\"more\":1,\"sequence\"")])
        {
            Find(AuditFindingKind.Changed, Edit(lines =>
            {
                string text = System.Text.Encoding.ASCII.GetString(lines[2]).Replace(from, to, StringComparison.Ordinal);
                string hashed = text[..text.LastIndexOf(",\"hash\"", StringComparison.Ordinal)];
                string hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(AuditSample.Bytes(hashed)));
                lines[2] = AuditSample.Bytes($"{hashed},\"hash\":\"{hash}\"}}\n");
            }));
        }
    }

    [Fact]
    public void A_removed_entry_leaves_a_gap() => Assert.Equal(4, Find(AuditFindingKind.Removed, Edit(lines => lines.RemoveAt(2))).Sequence);

    [Fact]
    public void A_repeated_or_moved_entry_is_out_of_order()
    {
        Find(AuditFindingKind.Reordered, Edit(lines => lines.Insert(4, lines[1])));
        Find(AuditFindingKind.Reordered, Edit(lines => (lines[1], lines[3]) = (lines[3], lines[1])));
    }

    [Fact]
    public void A_replaced_entry_breaks_the_chain()
    {
        AuditEntry other = _sample.Entries()[2] with { Target = "another token" };
        Assert.Equal(4, Find(AuditFindingKind.Replaced, Edit(lines => lines[2] = AuditLine.Write(other).Line)).Sequence);
    }

    [Fact]
    public void Entries_before_a_checkpoint_cannot_be_chained_anew_without_the_key()
    {
        List<AuditEntry> entries = _sample.Entries();
        entries[1] = entries[1] with { Target = "another token" };
        byte[] forged = [.. AuditSample.Chained(entries, null).SelectMany(l => l)];
        AuditTestResult result = AuditVerification.Run([new AuditFile("audit-000001.jsonl", forged)], _sample.Pinned);
        Assert.Equal(AuditFindingKind.CheckpointInvalid, Assert.Single(result.Findings).Kind);
        Assert.False(result.Passed);
    }

    [Fact]
    public void Entries_after_the_last_checkpoint_are_protected_by_what_others_remember_and_by_nothing_else()
    {
        List<AuditEntry> entries = _sample.Entries();
        AuditHead before = entries[^1].Head;
        entries[^1] = entries[^1] with { Target = "another token" };
        AuditFile forged = new("audit-000001.jsonl", AuditSample.Chained(entries, null).SelectMany(l => l).ToArray());
        Assert.True(AuditVerification.Run([forged], _sample.Pinned).Passed);
        Assert.Equal(AuditFindingKind.Replaced, Fault(AuditVerification.Run([forged], _sample.Pinned with { Heads = [AuditSample.Fact(before)] })).Kind);
    }

    [Fact]
    public void A_checkpoint_by_another_key_is_not_that_of_the_cluster()
    {
        using AuditSample attacker = new();
        AuditEntry entry = _sample.Log.Checkpoint(AuditSample.ClusterId, "payments", attacker.Certificate, attacker.Signer)!;
        Assert.Equal((AuditFindingKind.SignerUntrusted, entry.Sequence), (Fault(_sample.Log.Test(_sample.Pinned)).Kind, Fault(_sample.Log.Test(_sample.Pinned)).Sequence!.Value));
        var none = new AuditFacts { Signers = new Dictionary<string, ReadOnlyMemory<byte>?> { [AuditSample.ClusterId] = null } };
        Assert.Equal(AuditFindingKind.SignerUntrusted, Fault(_sample.Log.Test(none)).Kind);
    }

    [Fact]
    public void A_checkpoint_of_a_cluster_that_nobody_named_is_reported_as_unverified_and_is_no_fault()
    {
        AuditTestResult result = _sample.Log.Test(new AuditFacts());
        Assert.True(result.Passed);
        Assert.Equal((AuditFindingKind.SignerUnverified, false), (Assert.Single(result.Findings).Kind, result.Findings[0].IsFault));
        Assert.Equal(0, result.VerifiedCheckpoints);
    }

    [Fact]
    public void A_checkpoint_whose_signature_is_wrong_is_found_whoever_signed()
    {
        AuditRecord wrong = AuditCheckpoint.Sign(_sample.Log.ReadHead()!, _sample.Certificate, _ => _sample.Signer(new byte[32]));
        _sample.Log.Append(wrong with { ClusterId = AuditSample.ClusterId });
        Assert.Equal(AuditFindingKind.CheckpointInvalid, Fault(_sample.Log.Test(new AuditFacts())).Kind);
    }

    [Fact]
    public void A_shorter_log_is_found_by_what_a_backup_remembers()
    {
        AuditFact fact = AuditSample.Fact(_sample.Log.ReadHead()!);
        AuditFinding finding = Find(AuditFindingKind.Truncated, Edit(lines => lines.RemoveAt(6)), _sample.Pinned with { Heads = [fact] });
        Assert.Contains(fact.Source, finding.Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void A_backup_that_knows_another_log_is_a_fault_unless_that_log_is_named()
    {
        AuditFacts facts = _sample.Pinned with { Heads = [AuditSample.Fact(new AuditHead(new string('a', 32), 3, new string('b', 64)))] };
        Assert.Equal(AuditFindingKind.OtherLog, Fault(_sample.Log.Test(facts)).Kind);
        Assert.True(_sample.Log.Test(facts with { OtherLogs = [new string('a', 32)] }).Passed);
    }

    [Fact]
    public void Foreign_missing_and_misnamed_files_are_found()
    {
        List<AuditFile> files = _sample.Files;
        Assert.Equal(AuditFindingKind.FileMisplaced, Fault(AuditVerification.Run([.. files, new AuditFile("audit-2.jsonl", files[0].Content)], _sample.Pinned)).Kind);
        Assert.Equal(AuditFindingKind.FileMisplaced, Fault(AuditVerification.Run([files[0] with { Name = "audit-000002.jsonl" }], _sample.Pinned)).Kind);
        Assert.Equal(AuditFindingKind.Reordered, Fault(AuditVerification.Run([files[0], files[0] with { Name = "audit-000002.jsonl" }], _sample.Pinned)).Kind);
    }

    [Fact]
    public void A_file_that_ends_within_a_line_is_damaged_where_another_follows()
    {
        AuditFile first = _sample.Files[0] with { Content = _sample.Files[0].Content[..^1] };
        Assert.False(AuditVerification.Run([first, new AuditFile("audit-000002.jsonl", Array.Empty<byte>())], _sample.Pinned).Passed);
    }

    [Fact]
    public void Many_notes_never_hide_a_fault()
    {
        for (int i = 0; i < 1100; i++)
        {
            _sample.Log.Append(new AuditRecord(AuditEntry.Repaired, AuditResult.Succeeded));
        }
        AuditEntry last = _sample.Add();
        AuditTestResult result = _sample.Log.Test(new AuditFacts { Heads = [AuditSample.Fact(last.Head with { Head = new string('0', 64) })] });
        Assert.False(result.Passed);
        Assert.Equal(AuditFindingKind.Replaced, Fault(result).Kind);
    }

    private AuditFile Edit(Action<List<byte[]>> edit)
    {
        List<byte[]> lines = [.. _sample.Files[0].Lines().Select(l => (byte[])[.. l.Span, (byte)'\n'])];
        edit(lines);
        return new AuditFile("audit-000001.jsonl", lines.SelectMany(l => l).ToArray());
    }

    private AuditFinding Find(AuditFindingKind kind, AuditFile file, AuditFacts? facts = null)
    {
        AuditTestResult result = AuditVerification.Run([file], facts ?? _sample.Pinned);
        Assert.False(result.Passed);
        return result.Findings.First(f => f.Kind == kind);
    }

    private static AuditFinding Fault(AuditTestResult result) => result.Findings.First(f => f.IsFault);
}
