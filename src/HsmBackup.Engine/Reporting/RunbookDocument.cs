using System.Security.Cryptography.X509Certificates;
using HsmBackup.Engine.Clusters;

namespace HsmBackup.Engine.Reporting;

/// <summary>
/// The recovery runbook of a cluster. It is read at night, by somebody who has not slept, perhaps on paper: what to do first stands first,
/// every command is complete, and what is not known is a gap to fill and never left out.
/// </summary>
internal static class RunbookDocument
{
    /// <summary>Makes the document.</summary>
    public static Document Of(RunbookSource source)
    {
        ClusterDefinition cluster = source.Cluster;
        Section[] sections =
        [
            Start(source), RunbookProcedures.ClusterLoss(source), RunbookProcedures.NodeLoss(source), RunbookProcedures.KeyLoss(source),
            RunbookProcedures.LostOneTimeKey(source), People(cluster), RunbookPlaces.Section(source), Facts(cluster),
            RunbookTexts.Communication(cluster),
            RunbookTexts.Afterwards(source), Drills(source), About(source),
        ];
        return new Document
        {
            Kind = "Recovery runbook",
            Title = $"Recovery runbook: {cluster.Name}",
            Subtitle = Phrase.Of($"As of {PlainText.Minute(source.Made)}, cluster {Piece.Code(cluster.Id)}"),
            Sections = [.. sections.Select((s, i) => s with { Title = $"{RunbookSections.Number(i)} {s.Title}" })],
            Contents = true,
            RunningFoot = $"Recovery runbook {cluster.Name} - as of {PlainText.Minute(source.Made).Replace(':', '.')}",
            Footer = $"Made by HsmBackup {source.ToolVersion} on {source.Computer} from the definition of the cluster, its stores and "
                + $"its drills. It holds no PIN, key or share.",
        };
    }

    private static Section Start(RunbookSource source)
    {
        string until = source.Cluster.Targets?.Rto is { } rto
            ? $"Recovery must end within {PlainText.Span(rto)} of the beginning." : "No recovery time is set for this cluster.";
        string look = $"Get-HsmClusterHealth -Cluster {RunbookCommands.Cluster(source.Cluster)} -NoLogin{RunbookCommands.State(source)}";
        return new Section(RunbookSections.Start, "Start here",
        [
            new Table("What has happened, and where to read on", ["What you see", "What it is", "Go to"],
            [
                [Phrase.Of($"{Piece.Strong("No node answers")}, or none can be trusted"), "Loss of the cluster",
                    RunbookSections.Link(RunbookSections.ClusterLoss)],
                [Phrase.Of($"{Piece.Strong("One node is gone")}, and another still serves"), "Loss of a node",
                    RunbookSections.Link(RunbookSections.NodeLoss)],
                [Phrase.Of($"{Piece.Strong("Keys are missing")} or are not what they were"), "Loss of keys",
                    RunbookSections.Link(RunbookSections.KeyLoss)],
                [Phrase.Of($"{Piece.Strong("Nobody has the one-time key")} of a backup"), "Lost one-time key",
                    RunbookSections.Link(RunbookSections.LostKey)],
            ]),
            new Heading("First, whatever it is"),
            new Bullets(
            [
                Phrase.Of($"Write down the time: {Piece.Gap} UTC. {until}"),
                FirstCall(source.Cluster),
                "Initialise, delete and switch off nothing. A token that does not answer may still hold its keys.",
                "Keep a log from now on: who did what, and when. One person types, another reads along.",
                Phrase.Of($"See how the nodes are; this changes nothing and logs in nowhere: {Piece.Code(look)}"),
            ], ToTick: true),
            new Note(Tone.Warning, "A PIN is tried once. If a PIN is refused, stop and ask: some HSMs lock for ever after a few."),
        ]);
    }

    private static Phrase FirstCall(ClusterDefinition cluster) => cluster.Escalation is [var first, ..]
        ? Phrase.Of($"Call {Piece.Strong(string.Join(" and ", first.Contacts.Select(n => Reach(cluster, n))))}; "
            + $"{RunbookSections.Link(RunbookSections.People)} says who comes next.")
        : Phrase.Of($"Call the person in charge: {Piece.Gap}. The definition of the cluster names nobody.");

    private static string Reach(ClusterDefinition cluster, string name) =>
        cluster.Contacts.FirstOrDefault(c => c.Name.Equals(name, StringComparison.OrdinalIgnoreCase))?.Phone is { } phone
            ? $"{name} ({Unbroken(phone)})" : name;

    private static string Unbroken(string phone) => phone.Replace(' ', '\u00A0');

    private static Section People(ClusterDefinition cluster) => new(RunbookSections.People, "Who to call, and when",
    [
        cluster.Escalation.Count == 0
            ? new Note(Tone.Warning, "The definition has no escalation matrix. Add \"escalation\" to it, and export this runbook again.")
            : new Table("Escalation matrix: times from the beginning of the incident", ["After", "Call", "For"],
                [.. cluster.Escalation.Select(s => (IReadOnlyList<Phrase>)
                [
                    Piece.Strong(s.After == TimeSpan.Zero ? "at once" : PlainText.Span(s.After)),
                    string.Join("; ", s.Contacts.Select(n => Reach(cluster, n))), s.Purpose ?? "",
                ])]),
        cluster.Contacts.Count == 0
            ? new Note(Tone.Warning, "The definition names no contacts. Add \"contacts\" to it, and export this runbook again.")
            : new Table("Contacts", ["Name", "Role", "Telephone", "E-mail", "Notes"],
                [.. cluster.Contacts.Select(c =>
                    (IReadOnlyList<Phrase>)[Piece.Strong(c.Name), c.Role ?? "", Unbroken(c.Phone ?? ""), c.Email ?? "", c.Notes ?? ""])]),
        new Facts([("Maker of the HSMs, support", Piece.Gap), ("Contract number", Piece.Gap)]),
    ]);

    private static Section Facts(ClusterDefinition cluster) => new(RunbookSections.Facts, "The cluster",
    [
        new Facts(
        [
            ("Name", cluster.Name),
            ("Id", Piece.Code(cluster.Id)),
            ("Description", cluster.Description ?? ""),
            ("Definition", cluster.DefinitionPath is null ? "in no file" : Piece.Code(cluster.DefinitionPath)),
            ("Recovery time objective", Target(cluster.Targets?.Rto)),
            ("Recovery point objective", Target(cluster.Targets?.Rpo)),
            ("Cluster key", cluster.ClusterKey is not { } key ? "none: backups are not bound to the cluster"
                : Phrase.Of($"{Piece.Code(key.Check)}, made {PlainText.Day(key.Created)}, in "
                    + $"{PlainText.Count(key.Shares, "share", "shares")} of which {key.Threshold} give it back")),
            ("Identity key", Identity(cluster)),
        ]),
        new Table("Nodes", ["Node", "Token", "Library", "PIN from", "Zone"],
            [.. cluster.Nodes.Select(n => (IReadOnlyList<Phrase>)
            [
                Piece.Strong(n.Name),
                n.Address.TokenSerial is { } serial
                    ? Phrase.Of($"{n.Address.TokenLabel} {Piece.Quiet("serial " + serial)}") : n.Address.TokenLabel ?? "",
                Piece.Code(n.Address.Library.Path), n.Pin?.ToString() ?? "given each time", n.Zone ?? "",
            ])]),
        .. cluster.Acknowledged.Count == 0 ? (Block[])[] :
        [
            new Table("What backups may lack: these objects do not come back by a restore", ["Object", "Reason"],
                [.. cluster.Acknowledged.Select(a =>
                    (IReadOnlyList<Phrase>)[string.Join(", ", ((string?[])[a.Class, a.Label, a.Id]).OfType<string>()), a.Reason])]),
        ],
    ]);

    private static string Target(TimeSpan? target) => target is { } span ? PlainText.Span(span) : "none set";

    private static Phrase Identity(ClusterDefinition cluster)
    {
        if (cluster.IdentityCertificate is null)
        {
            return "none: backups and drill reports are not signed";
        }
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(Convert.FromBase64String(cluster.IdentityCertificate));
        return Phrase.Of($"{certificate.Subject}, SHA-256 of its certificate "
            + $"{Piece.Code(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(certificate.RawData)))}");
    }

    private static Section Drills(RunbookSource source)
    {
        Drills.DrillReport[] drills = [.. source.Counted.Reverse().Take(10)];
        TimeSpan? maximum = source.Cluster.Policy?.MaximumDrillAge;
        Block verdict = source.Counted.LastOrDefault(d => d.Result == Engine.Drills.DrillResult.Passed) is not { } last
            ? new Note(Tone.Bad, "No passed drill is on record: nobody knows whether this runbook works.")
            : maximum is { } limit && source.Made - last.Started > limit
                ? new Note(Tone.Warning,
                    $"The last passed drill ({DrillWords.Of(last.Scenario)}) was {PlainText.Span(source.Made - last.Started)} ago; the "
                    + $"policy allows {PlainText.Span(limit)}.")
                : new Paragraph($"The last passed drill ({DrillWords.Of(last.Scenario)}) was "
                    + $"{PlainText.Span(source.Made - last.Started)} ago.");
        return new Section(RunbookSections.Drills, "Last drills",
        [
            verdict,
            WholeCluster(source),
            .. drills.Length == 0 ? (Block[])[] :
            [
                new Table("The latest first", ["Day", "Scenario", "Result", "Recovery time", "Keys", "Drill"],
                    [.. drills.Select(d => (IReadOnlyList<Phrase>)
                    [
                        PlainText.Day(d.Started), DrillWords.Of(d.Scenario), DrillWords.ResultOf(d.Result),
                        d.Measures.RecoveryTime is { } time
                            ? PlainText.Span(time) + (d.Environment.SoftwareTargets ? " (software tokens)" : "")
                            : d.Scenario == Engine.Drills.DrillScenario.BackupVerification ? "" : "not known",
                        $"{PlainText.Number(d.Measures.KeysProven)} of {PlainText.Number(d.Measures.KeysExpected)}", Piece.Code(d.Id),
                    ])]) { Numbers = [3, 4] },
            ],
            .. source.Drills.Where(d => d.Integrity == Engine.Drills.DrillIntegrity.Altered)
                .Select(d => (Block)new Note(Tone.Bad, $"The files of drill {d.Id} were changed after it, and do not count: {d.Problem}.")),
        ]);
    }

    // A verified backup says little of whether blank tokens become a cluster.
    private static Block WholeCluster(RunbookSource source) =>
        source.Counted.LastOrDefault(d => d.Scenario == Engine.Drills.DrillScenario.ClusterLoss) is not { } drill
            ? new Note(Tone.Warning, "The loss of the whole cluster has not been rehearsed, as far as is on record.")
            : drill.Result != Engine.Drills.DrillResult.Passed
                ? new Note(Tone.Bad, Phrase.Of(
                    $"The last drill of the loss of the whole cluster, on {PlainText.Day(drill.Started)}, did not pass: "
                    + $"{DrillWords.ResultOf(drill.Result)}."))
                : new Paragraph($"The loss of the whole cluster was last rehearsed on {PlainText.Day(drill.Started)}, and passed.");

    private static Section About(RunbookSource source)
    {
        string cluster = RunbookCommands.Cluster(source.Cluster);
        string state = RunbookCommands.State(source);
        return new Section(RunbookSections.About, "Is this runbook current?",
        [
            new Paragraph(Phrase.Of($"It was made from the configuration as of {PlainText.Time(source.Made)}. "
                + $"{Piece.Code($"Test-HsmRunbook -Cluster {cluster}{state}")} says whether that still is the configuration, and "
                + $"{Piece.Code($"Export-HsmRunbook -Cluster {cluster} -Destination FOLDER{state}")} makes a new one. "
                + $"Backups made since are found by the commands themselves.")),
            new Table("Fingerprints of the parts of the definition", ["Part", "Fingerprint"],
                [.. RunbookParts.Of(source.Cluster).Select(p => (IReadOnlyList<Phrase>)[p.Key, Piece.Code(p.Value)])]),
        ]);
    }
}
