using System.Security.Cryptography;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Reporting;

/// <summary>The report of a drill for people: the verdict first, then what it rests on, then how to check both.</summary>
internal static class DrillDocument
{
    /// <summary>Makes the document.</summary>
    /// <param name="report">The drill.</param>
    /// <param name="json">Its JSON, whose SHA-256 the document carries.</param>
    /// <param name="signed">Whether the files are signed by the cluster's identity key.</param>
    public static Document Of(DrillReport report, byte[] json, bool signed)
    {
        string digest = Convert.ToHexStringLower(SHA256.HashData(json));
        return new Document
        {
            Kind = "Recovery drill",
            Title = $"{DrillWords.Of(report.Scenario)}: {report.Cluster}",
            Subtitle = Phrase.Of($"{PlainText.Minute(report.Started)}, drill {Piece.Code(report.Id)}"),
            Opening = [.. Opening(report)],
            Sections =
            [
                Issues(report), Steps(report), History(report), DrillKeys.Section(report), Backups(report), Environment(report),
                People(report), Verification(report, digest, signed),
            ],
            RunningFoot = $"Drill {report.Id}",
            Footer = Phrase.Of($"Made by {Program(report)} from {Piece.Code(DrillRecords.JsonFile)}, SHA-256 {Piece.Code(digest)}"),
        };
    }

    private static IEnumerable<Block> Opening(DrillReport report)
    {
        yield return new Verdict(ToneOf(report), report.Result.ToString(), [.. VerdictLines(report)]);
        if (report.Environment.SoftwareTargets)
        {
            yield return new Note(Tone.Warning,
                "The targets were throw-away software tokens: that the keys come back is shown, how long the HSMs take for it is not.");
        }
        yield return new Figures([.. Figures(report)]);
    }

    private static Tone ToneOf(DrillReport report) => report.Result switch
    {
        DrillResult.Passed =>
            report.Measures.RecoveryTimeMet == false || report.Measures.RecoveryPointMet == false ? Tone.Warning : Tone.Good,
        DrillResult.Failed => Tone.Bad,
        _ => Tone.Warning,
    };

    private static IEnumerable<Phrase> VerdictLines(DrillReport report)
    {
        yield return DrillWords.Rehearsed(report);
        DrillMeasures measures = report.Measures;
        switch (report.Result)
        {
            case DrillResult.Passed:
                string used = measures.KeysUsed == measures.KeysExpected
                    ? "each was" : $"{PlainText.Number(measures.KeysUsed)} of them were";
                string skipped = measures.KeysSkipped == 0
                    ? "" : $", {PlainText.Number(measures.KeysSkipped)} could not be used, for the reasons below";
                yield return $"Every step passed. All {PlainText.Count(measures.KeysExpected, "expected key", "expected keys")} came "
                    + $"back and were proven to be the same; {used} used with the right result{skipped}.";
                if (measures.RecoveryTimeMet == false)
                {
                    yield return $"The recovery took longer than its target of {PlainText.Span(measures.RecoveryTimeTarget ?? default)}.";
                }
                if (measures.RecoveryPointMet == false)
                {
                    yield return $"The backup was older than its target of {PlainText.Span(measures.RecoveryPointTarget ?? default)}.";
                }
                break;
            case DrillResult.Interrupted:
                yield return "The drill was stopped before its end, and says nothing about recovery.";
                break;
            default:
                DrillStep? step = report.Steps.FirstOrDefault(s => s.Outcome == CheckOutcome.Failed);
                yield return step is null
                    ? "Recovery was not shown." : Phrase.Of($"It failed at the step {Piece.Strong(DrillWords.Of(step))}.");
                break;
        }
        if (report.Problem is not null)
        {
            yield return report.Error is { } error ? Phrase.Of($"{report.Problem} {Piece.Quiet($"({error})")}") : report.Problem;
        }
    }

    private static IEnumerable<Figure> Figures(DrillReport report)
    {
        DrillMeasures measures = report.Measures;
        if (report.Scenario == DrillScenario.BackupVerification)
        {
            // Nothing is recovered, so there is no time that a recovery takes.
            int passed = report.Backups.Count(b => b.Result == CheckOutcome.Passed);
            yield return new Figure("Backups verified", $"{PlainText.Number(passed)} of {PlainText.Number(report.Backups.Count)}",
                "chosen at random", Whole(passed, report.Backups.Count));
        }
        else
        {
            Figure time = Against("Recovery time", measures.RecoveryTime, measures.RecoveryTimeTarget, measures.RecoveryTimeMet,
                report.Result, "not known");
            yield return report.Environment.SoftwareTargets && measures.RecoveryTimeMet == true
                ? time with { Judged = $"{time.Judged}, on software tokens", Tone = Tone.Plain } : time;
            // Where a backup was found and has no age, nothing came back from it: a node that peers fill is as new as they are.
            if (measures.RecoveryPoint is not null || report.Backups.Count == 0)
            {
                yield return Against("Recovery point", measures.RecoveryPoint, measures.RecoveryPointTarget, measures.RecoveryPointMet,
                    report.Result, report.Result == DrillResult.Interrupted ? "not known" : "no backup", "age of the backup, ");
            }
        }
        yield return new Figure("Keys proven", $"{PlainText.Number(measures.KeysProven)} of {PlainText.Number(measures.KeysExpected)}",
            $"{PlainText.Number(measures.KeysRecovered)} recovered", Whole(measures.KeysProven, measures.KeysExpected));
        yield return new Figure("Keys used", $"{PlainText.Number(measures.KeysUsed)} of {PlainText.Number(measures.KeysExpected)}",
            measures.KeysSkipped == 0 ? "none skipped" : $"{PlainText.Number(measures.KeysSkipped)} skipped, with reasons",
            measures.KeysSkipped == 0 ? Whole(measures.KeysUsed, measures.KeysExpected)
                : measures.KeysUsed > 0 && measures.KeysUsed + measures.KeysSkipped == measures.KeysExpected ? Tone.Warning : Tone.Bad);
    }

    private static Figure Against(string name, TimeSpan? value, TimeSpan? target, bool? met, DrillResult result, string missing,
        string what = "") => new(
        name, value is { } known ? PlainText.Span(known) : missing,
        what + (target, met) switch
        {
            (null, _) => "no target set",
            ({ } t, true) => $"target {Unbroken(t)}: met" + (result == DrillResult.Passed ? "" : ", but the drill did not pass"),
            ({ } t, false) => $"target {Unbroken(t)}: missed",
            ({ } t, null) => $"target {Unbroken(t)}: not shown",
        },
        met switch
        {
            true => result == DrillResult.Passed ? Tone.Good : Tone.Plain,
            false => Tone.Warning,
            null => value is null ? Tone.Bad : Tone.Plain,
        });

    private static string Unbroken(TimeSpan span) => PlainText.Span(span).Replace(' ', '\u00A0');

    private static Tone Whole(int number, int expected) => expected > 0 && number == expected ? Tone.Good : Tone.Bad;

    private static Section Issues(DrillReport report) => new("issues", "Deviations and follow-ups",
    [
        new Heading("Deviations"),
        report.Deviations.Count == 0
            ? new Paragraph(report.Result == DrillResult.Passed
                ? "None: the drill went as planned." : "None beside what is said at the top.")
            : new Bullets([.. report.Deviations.Select(d => (Phrase)d)]),
        new Heading("Follow-ups"),
        report.FollowUps.Count == 0 ? new Paragraph("None.") : new Bullets([.. report.FollowUps.Select(f => (Phrase)f)], ToTick: true),
    ]);

    private static Section Steps(DrillReport report)
    {
        Drawing? chart = DrillCharts.OfSteps(report);
        TimeSpan whole = new(report.Steps.Sum(s => s.Elapsed.Ticks));
        string beside = report.Steps.All(s => s.IsRecovery) ? ""
            : " Steps in grey, with their times in brackets, belong to the rehearsal and not to the recovery: they do not count.";
        return new Section("steps", "Steps",
        [
            new Paragraph($"From {PlainText.Time(report.Started)} to {PlainText.Time(report.Ended)}; "
                + $"the steps took {PlainText.Span(whole)}.{beside}"),
            .. chart is null ? (Block[])[] : [chart],
            new Table("Every step, in the order of time", ["Step", "Result", "Time", "What was done"],
                [.. report.Steps.Select(s => (IReadOnlyList<Phrase>)
                [
                    Phrase.Of($"{Piece.Strong(DrillWords.OfStep(s.Name))}{Piece.Quiet(s.Subject is null ? "" : " " + s.Subject)}"),
                    DrillWords.Of(s.Outcome),
                    s.Outcome == CheckOutcome.NotRun
                        ? "" : s.IsRecovery ? PlainText.Span(s.Elapsed) : Piece.Quiet($"({PlainText.Span(s.Elapsed)})"),
                    s.Error is { } error ? Phrase.Of($"{s.Detail} {Piece.Quiet($"({error})")}") : s.Detail ?? "",
                ])]) { Numbers = [2] },
        ]);
    }

    private static Section History(DrillReport report)
    {
        FormerDrill[] former = [.. report.Former.Reverse().Take(50)];
        Drawing? chart = DrillCharts.OfHistory(report);
        return new Section("history", "Earlier drills", former.Length == 0 && chart is null ? [new Paragraph("There are none on record.")] :
        [
            .. chart is null ? (Block[])[] : [chart],
            former.Length == 0
                ? new Paragraph("This is the first drill on record.")
                : new Table("The latest first", ["Day", "Scenario", "Result", "Recovery time", "Drill"],
                [.. former.Select(f => (IReadOnlyList<Phrase>)
                [
                    PlainText.Day(f.Started), DrillWords.Of(f.Scenario), DrillWords.ResultOf(f.Result),
                    f.RecoveryTime is { } time
                        ? PlainText.Span(time) + (f.SoftwareTargets ? " (software tokens)" : "")
                        : f.Scenario == DrillScenario.BackupVerification ? "" : "not known",
                    Piece.Code(f.Id),
                ])]) { Numbers = [3] },
        ]);
    }

    private static Section Backups(DrillReport report) => new("backups", "Backups used", report.Backups.Count == 0
        ? [new Paragraph("None was found that could be used.")]
        : [.. report.Backups.SelectMany(b => (Block[])[new Heading(b.BackupId), new Facts(
        [
            ("Result", DrillWords.Of(b.Result)),
            ("Made", PlainText.Time(b.Created)),
            ("Taken from", Phrase.Of($"{b.Store}: {Piece.Code(b.Location)}")),
            ("Objects", $"{PlainText.Number(b.Captured)} of {PlainText.Number(b.Objects)} are in it whole"),
            ("Protection", b.Mode == BackupMode.ClusterBound ? "bound to the cluster: one-time key and cluster key" : "one-time key"),
            ("Length", PlainText.Bytes(b.Length)),
            ("SHA-256", b.Digest is null ? "could not be read" : Piece.Code(b.Digest)),
        ])])]);

    private static Section Environment(DrillReport report)
    {
        DrillEnvironment e = report.Environment;
        return new Section("environment", "Environment",
        [
            new Facts(
            [
                ("Cluster", Phrase.Of($"{report.Cluster}, {Piece.Code(report.ClusterId)}")),
                ("Recovered to", e.SoftwareTargets
                    ? "throw-away software tokens" : e.DrillCluster is null ? "tokens" : $"drill cluster {e.DrillCluster}"),
                .. report.LostStore is { } lost ? (IEnumerable<(string, Phrase)>)[("Store that was lost", lost)] : [],
                ("Computer", e.Computer),
                ("Account", e.User),
                ("Operating system", e.OperatingSystem),
                ("Program", Program(report)),
                .. report.Seed is { } seed
                    ? (IEnumerable<(string, Phrase)>)[("Seed of random choices", Piece.Code(FormattableString.Invariant($"{seed}")))]
                    : [],
            ]),
            .. e.Targets.Count == 0 ? (Block[])[] : [new Table("Target tokens", ["Node", "Token", "Serial", "Model", "Firmware"],
                [.. e.Targets.Select(t =>
                    (IReadOnlyList<Phrase>)[t.Node, t.TokenLabel, t.TokenSerial ?? "", t.Model ?? "", t.Firmware ?? ""])])],
        ]);
    }

    // The version by itself, or with the name before it as backups have it.
    private static string Program(DrillReport report) =>
        report.Environment.ToolVersion.StartsWith("HsmBackup", StringComparison.Ordinal)
            ? report.Environment.ToolVersion : "HsmBackup " + report.Environment.ToolVersion;

    private static Section People(DrillReport report) => new("people", "People",
    [
        new Facts(
        [
            ("Operator", report.Operator ?? "not named"),
            ("Witness", report.Witness ?? "none"),
            .. report.Notes is null ? (IEnumerable<(string, Phrase)>)[] : [("Notes", report.Notes)],
        ]),
        new Signatures([("Operator", report.Operator), ("Witness", report.Witness)]),
    ]);

    private static Section Verification(DrillReport report, string digest, bool signed) => new("verify", "How to check this report",
    [
        new Paragraph(Phrase.Of(
            $"This page says what {Piece.Code(DrillRecords.JsonFile)} beside it says. Its SHA-256 is {Piece.Code(digest)}")),
        new Paragraph(Phrase.Of(
            $"In the folder of the drill, this shows that no file was changed since {Piece.Code(DrillRecords.DigestFile)} was written:")),
        new Listing("sh", $"sha256sum -c {DrillRecords.DigestFile}", "Check the files"),
        .. signed ? (Block[])
        [
            new Paragraph("And this that the cluster's identity key, which never leaves its HSMs, has signed that list. The certificate "
                + "comes from the definition of the cluster, which must not come from the same place as the report:"),
            new Listing("sh", SignatureCommands(report.Cluster), "Check the signature"),
        ] : [new Note(Tone.Warning,
            "The report is not signed: whoever can write into its folder can change it and the list of digests with it.")],
        new Paragraph(Phrase.Of($"{Piece.Code($"Get-HsmDrill -Cluster {report.Cluster}")} checks both for every drill on record.")),
    ]);

    private static string SignatureCommands(string cluster) => $"""
        jq -r .identityCertificate {cluster}.hsmcluster.json | openssl base64 -d -A | openssl x509 -inform DER -out identity.pem
        openssl cms -verify -binary -inform DER -in {DrillRecords.SignatureFile} -content {DrillRecords.DigestFile} \
          -certfile identity.pem -nointern -noverify -out /dev/null
        """;
}
