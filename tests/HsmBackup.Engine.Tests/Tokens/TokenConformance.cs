using System.Security.Cryptography;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Tests.Support;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Tokens;

/// <summary>
/// The same story on every maker's token: fill it with every kind of object, back it up, lose it, restore, prove, compare. What a token
/// cannot do is no failure but a line in its table.
/// </summary>
internal static class TokenConformance
{
    static TokenConformance()
    {
        // OpenSSL loads its legacy ciphers for a process when it is first asked for one, and SoftHSM shares that OpenSSL: it has DES if
        // somebody else used it before. Here somebody has.
#pragma warning disable CA5351
        using var des = DES.Create();
#pragma warning restore CA5351
        des.EncryptEcb(new byte[8], PaddingMode.None);
    }

    /// <summary>Tells the story, and compares what became of each sample with the token's table in the folder Expected.</summary>
    public static void AssertTable(string name, ITestToken token)
    {
        string[] actual = LoseAndRestore(token).Split('\n');
        string[] expected = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Tokens", "Expected", name));
        IEnumerable<string> wrong = expected.Except(actual).Select(line => "- " + line).Concat(actual.Except(expected).Select(line => "+ " + line));
        Assert.True(expected.Order(StringComparer.Ordinal).SequenceEqual(actual), $"{name}\n" + string.Join('\n', wrong));
    }

    /// <summary>Tells the story and gives the table of what became of each sample, a line for each.</summary>
    private static string LoseAndRestore(ITestToken token)
    {
        using var fixture = new BackupFixture(token);
        List<(string Name, string? Refusal)> samples = Fill(fixture);
        BackupResult backup = fixture.BackUp(allowPartial: true);
        token.Replace();

        RestoreResult restored = fixture.Restore(backup, change: r => r with { AllowPartial = true });

        using (RestoreOperation again = fixture.Prepare(backup, change: r => r with { AllowPartial = true }))
        {
            Assert.DoesNotContain(again.Plan.Items, i => i.Action is PlanAction.Add or PlanAction.Remove);
        }
        AssertNextGenerationIsEqual(fixture, backup, restored);
        token.Replace();
        return Table(samples, backup, restored, Use(fixture, backup));
    }

    /// <summary>A backup of what was restored holds what the first one holds: what came back unchanged is equal, and captured again.</summary>
    private static void AssertNextGenerationIsEqual(BackupFixture fixture, BackupResult backup, RestoreResult restored)
    {
        HashSet<string> changed = [.. restored.Objects.Where(o => o.Proof != CheckOutcome.Passed || o.Differences.Count > 0).Select(o => o.Object.Label)];
        BackupResult second = fixture.BackUp(allowPartial: true);
        CompareResult compared = CompareOperation.Run(new CompareRequest
        {
            ReferencePath = backup.Path,
            ReferenceKey = backup.Key!,
            DifferencePath = second.Path,
            DifferenceKey = second.Key,
        }, null, CancellationToken.None);
        Assert.Empty(compared.Objects.Where(o => o.Side != CompareSide.Equal && !changed.Contains(o.Object.Label))
            .Select(o => $"{o.Object}: {o.Side}, {string.Join("; ", o.Details)}"));
        Assert.Empty(second.Verdicts.Where(o => o.Verdict != Verdict.Captured && !changed.Contains(o.Label)).Select(o => $"{o}: {o.Verdict}, {o.Reason}"));
    }

    /// <summary>Restores once more, on trial, and uses every key.</summary>
    private static IReadOnlyList<BackupCheck> Use(BackupFixture fixture, BackupResult backup)
    {
        TestResult result = TestOperation.Run(new TestRequest
        {
            Path = backup.Path,
            Level = TestLevel.Restore,
            AllowPartial = true,
            Key = backup.Key,
            ScratchToken = fixture.Token.Address,
            ScratchPin = fixture.Token.Pin,
        }, null, CancellationToken.None);
        Assert.Contains(result.Checks, c => c is { Name: "Restore to a scratch token", Outcome: CheckOutcome.Passed });
        return result.Checks;
    }

    private static List<(string Name, string? Refusal)> Fill(BackupFixture fixture)
    {
        var samples = new List<(string Name, string? Refusal)>();
        using TokenConnection connection = fixture.Open();
        var content = new TokenContent(connection.Session);
        foreach ((string name, Action<TokenContent> make) in TokenSamples.All)
        {
            try
            {
                make(content);
                samples.Add((name, null));
            }
            catch (InvalidOperationException e)
            {
                samples.Add((name, e.Message.Split(": ")[^1]));
            }
        }
        return samples;
    }

    private static string Table(
        List<(string Name, string? Refusal)> samples, BackupResult backup, RestoreResult restored, IReadOnlyList<BackupCheck> uses)
    {
        List<string> table = [.. samples.Where(s => s.Refusal is not null).Select(s => $"'{s.Name}' not made: {s.Refusal}")];
        foreach (ObjectSummary o in backup.Verdicts)
        {
            RestoredObject? back = restored.Objects.FirstOrDefault(r => r.Object.Index == o.Index);
            string label = o.Label.Length > 40 ? o.Label[..10] + "..." : o.Label;
            string outcome = back is null ? "lost without a word"
                : back.Action == PlanAction.Unrestorable ? $"{o.Verdict}, {o.Reason}"
                : back.Differences.Count > 0 ? $"{o.Verdict}, restored, but " + string.Join("; ", back.Differences)
                : o.Verdict != Verdict.Captured || o.Reason is not null ? $"{o.Verdict}, {o.Reason}, restored"
                : "restored";
            outcome += back?.Proof == CheckOutcome.Failed && back.Action != PlanAction.Unrestorable ? ", not proven" : "";
            IEnumerable<string> used = uses.Where(c => c.Name == $"{o} used").Select(c => $"; {c.Outcome} {c.Detail}");
            table.Add($"'{label}' {o.Class[4..]}{(o.KeyType is null ? "" : " " + o.KeyType[4..])}: {outcome}{string.Concat(used)}");
        }
        table.Sort(StringComparer.Ordinal);
        return string.Join('\n', table);
    }
}
