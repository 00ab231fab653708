using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Drills;

namespace HsmBackup.Engine.Reporting;

/// <summary>
/// The keys of a drill. What failed comes first, and every line of it is open and printed; what passed is one line for each key,
/// whatever the number of nodes, and folded away by kind.
/// </summary>
internal static class DrillKeys
{
    // Beyond this, a kind of keys that all passed is not printed: hundreds of pages are read by nobody.
    private const int MostPrinted = 1000;

    // Beyond this, keys that were skipped for one reason are folded.
    private const int MostOpen = 20;

    public static Section Section(DrillReport report)
    {
        if (report.Keys.Count == 0)
        {
            return new Section("keys", "Keys and certificates", [new Paragraph("The drill did not come as far as a key.")]);
        }
        int nodes = report.Keys.Select(k => k.Node).Distinct(StringComparer.Ordinal).Count();
        return new Section("keys", "Keys and certificates",
        [
            Counts(report, nodes),
            .. Detailed(report, CheckOutcome.Failed, "Failed"),
            .. Detailed(report, CheckOutcome.NotRun, "Not tested: the drill did not come so far"),
            .. Detailed(report, CheckOutcome.Skipped, "Proven, and not used"),
            .. Passed(report, nodes),
        ]);
    }

    private static Table Counts(DrillReport report, int nodes) => new(
        nodes == 1 ? "By kind" : $"By kind, on {nodes} nodes: each key counts once for each node",
        ["Kind", "Passed", "Failed", "Skipped", "Not run"],
        [.. Kinds(report.Keys).Select(g => (IReadOnlyList<Phrase>)
        [
            Piece.Strong(g.Key), Count(g, CheckOutcome.Passed, Tone.Plain), Count(g, CheckOutcome.Failed, Tone.Bad),
            Count(g, CheckOutcome.Skipped, Tone.Warning), Count(g, CheckOutcome.NotRun, Tone.Warning),
        ])])
    { Numbers = [1, 2, 3, 4] };

    private static Piece Count(IEnumerable<DrilledKey> keys, CheckOutcome outcome, Tone tone) =>
        keys.Count(k => k.Result == outcome) is var number and > 0 ? new Piece(PlainText.Number(number), tone) : Piece.Quiet("0");

    private static IEnumerable<Block> Detailed(DrillReport report, CheckOutcome outcome, string heading)
    {
        DrilledKey[] keys = [.. report.Keys.Where(k => k.Result == outcome)];
        if (keys.Length == 0)
        {
            yield break;
        }
        yield return new Heading($"{heading} ({PlainText.Number(keys.Length)})");
        // One reason for a thousand keys is one line, and the keys below it.
        foreach (IGrouping<string, DrilledKey> reason in keys.GroupBy(k => k.Reason ?? "No reason was given.", StringComparer.Ordinal))
        {
            DrilledKey[] alike = [.. reason];
            Block table = new Table(reason.Key, ["Key", "Node", "Recovered", "Proven", "Uses"], [.. alike.Select(DetailedRow)]);
            yield return outcome == CheckOutcome.Failed || alike.Length <= MostOpen
                ? table : new Fold($"{PlainText.Count(alike.Length, "key", "keys")}: {reason.Key}", [table], alike.Length <= MostPrinted);
        }
    }

    private static IReadOnlyList<Phrase> DetailedRow(DrilledKey key) =>
    [
        Phrase.Of($"{Name(key)} {Piece.Quiet(DrillWords.OfKind(key))}"), key.Node,
        key.Recovered ? "yes" : new Piece("no", key.Result == CheckOutcome.Failed ? Tone.Bad : Tone.Plain),
        DrillWords.Of(key.Proof),
        Phrase.Join("; ", key.Uses.Select(u =>
            new Piece($"{u.Use} {Word(u.Outcome)}: {u.Detail}", u.Outcome == CheckOutcome.Failed ? Tone.Bad : Tone.Plain))),
    ];

    private static IEnumerable<Block> Passed(DrillReport report, int nodes)
    {
        DrilledKey[] passed = [.. report.Keys.Where(k => k.Result == CheckOutcome.Passed)];
        if (passed.Length == 0)
        {
            yield break;
        }
        yield return new Heading($"Passed ({PlainText.Number(passed.Length)})");
        foreach (IGrouping<string, DrilledKey> kind in Kinds(passed))
        {
            IReadOnlyList<Phrase>[] rows = [.. kind.GroupBy(k => (k.BackupId, k.Label, k.Id, Uses(k))).Select(k => (IReadOnlyList<Phrase>)
            [
                Name(k.First()), Nodes([.. k.Select(one => one.Node)], nodes), k.Key.Item4,
            ])];
            bool printed = rows.Length <= MostPrinted;
            var table = new Table("Each was proven to be that of the backup, and used", ["Key", "Nodes", "Uses that were tried"], rows);
            yield return new Fold($"{kind.Key}: {PlainText.Count(rows.Length, "key", "keys")}", [table], printed);
            if (!printed)
            {
                yield return new Paragraph(Piece.Quiet(
                    $"The list of the {PlainText.Number(rows.Length)} {kind.Key} that passed is not printed; "
                    + $"{DrillRecords.JsonFile} has each of them."));
            }
        }
    }

    private static Phrase Name(DrilledKey key) => (key.Label, key.Id) switch
    {
        ("", "") => Piece.Quiet("(no label, no id)"),
        ("", var id) => Phrase.Of($"{Piece.Quiet("(no label)")} {Piece.Code(id)}"),
        (var label, "") => Piece.Strong(label),
        (var label, var id) => Phrase.Of($"{Piece.Strong(label)} {Piece.Code(id)}"),
    };

    private static string Uses(DrilledKey key) => key.Uses.Count == 0
        ? "" : string.Join(", ", key.Uses.Select(u => u.Outcome == CheckOutcome.Passed ? u.Use : $"{u.Use} ({Word(u.Outcome)})"));

    private static Phrase Nodes(string[] on, int nodes) => on.Length == nodes && nodes > 1 ? $"all {nodes}" : string.Join(", ", on);

    private static string Word(CheckOutcome outcome) => DrillWords.Of(outcome).Text.ToLowerInvariant();

    private static IEnumerable<IGrouping<string, DrilledKey>> Kinds(IEnumerable<DrilledKey> keys) =>
        keys.GroupBy(DrillWords.OfKind, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal);
}
