using System.Globalization;
using HsmBackup.Engine.Clusters;

namespace HsmBackup.Engine.Reporting;

/// <summary>What is said to others during an incident, and what is done after it.</summary>
internal static class RunbookTexts
{
    public static Section Communication(ClusterDefinition cluster)
    {
        string rto = cluster.Targets?.Rto is { } span ? PlainText.Span(span) : "[time]";
        return new Section(RunbookSections.Communication, "What to tell others",
        [
            new Paragraph("Fill in what stands in brackets. Say what is known, and when the next word comes; name no keys, no nodes and "
                + "no causes that are not certain."),
            new Heading("First word, within 30 minutes"),
            Template("first word", $"""
                Subject: HSM cluster {cluster.Name}: [not available / limited] since [time] UTC

                Since [time] UTC the HSM cluster {cluster.Name} is [not available / limited]. Affected: [services].
                Recovery has begun under [name]. Its target is {rto} from the beginning.
                No data is known to be disclosed. [Or: whether it is, is being examined.]
                Next word: [time] UTC. Questions to: [name, telephone].
                """),
            new Heading("On the way, as promised"),
            Template("on the way", $"""
                Subject: HSM cluster {cluster.Name}: recovery under way, [time] UTC

                Done: [steps]. Now: [step]. Expected end: [time] UTC.
                [What has changed since the last word.]
                Next word: [time] UTC. Questions to: [name, telephone].
                """),
            new Heading("The end"),
            Template("the end", $"""
                Subject: HSM cluster {cluster.Name}: available again since [time] UTC

                The HSM cluster {cluster.Name} serves again since [time] UTC, after [duration].
                [All keys were recovered and proven. / These were not: ...]
                Changes between [time of the backup] and [time of the incident] UTC are [not affected / lost].
                A report follows by [date]. Questions to: [name, telephone].
                """),
        ])
        { OwnPage = true };
    }

    public static Section Afterwards(RunbookSource source)
    {
        ClusterDefinition cluster = source.Cluster;
        return new Section(RunbookSections.Afterwards, "Afterwards",
        [
            new Paragraph(Phrase.Of(
                $"In a new session, type {Piece.Code(RunbookCommands.SetCluster(cluster))} first; where the definition was lost, the "
                + $"file that it was restored to.")),
            new Heading("On the same day"),
            new Bullets(
            [
                Phrase.Of($"All nodes are {Piece.Code("Online")}: {Piece.Code(RunbookCommands.DeepHealth(source))}"),
                "A new backup was made after the recovery, its one-time key is with its officer, and it passed a test of level Restore.",
                "One-time keys, shares and PINs that were used are back where they belong; files that held them are deleted.",
                .. Shares(cluster),
                "Failed HSMs are locked away until they are erased or destroyed by two people.",
                "The last word to others was sent.",
                Phrase.Of($"The audit log is whole, and a copy is put aside: "
                    + $"{Piece.Code($"Test-HsmAuditLog -Cluster $cluster{RunbookCommands.State(source)}")}"),
            ], ToTick: true),
            new Heading("Within a week"),
            new Bullets(
            [
                "Time line written, from the log that was kept: begin, first call, decisions, end.",
                $"Recovery time measured and compared with its target "
                    + $"({(cluster.Targets?.Rto is { } rto ? PlainText.Span(rto) : "none set")}); recovery point with its target "
                    + $"({(cluster.Targets?.Rpo is { } rpo ? PlainText.Span(rpo) : "none set")}).",
                "Cause found. What would have shown it earlier? What would have made it harmless?",
                "Follow-ups decided, each with a name and a date.",
                "Duties to report to authorities, customers and card schemes checked.",
                Phrase.Of($"What was wrong or missing in this runbook is put right in the definition, and the runbook exported again: "
                    + $"{Piece.Code($"Export-HsmRunbook -Cluster $cluster -Destination FOLDER{RunbookCommands.State(source)}")}"),
                Phrase.Of($"The scenario rehearsed again: "
                    + $"{Piece.Code($"Invoke-HsmDrill -Cluster $cluster -Scenario ClusterLoss{RunbookCommands.State(source)}")}"),
            ], ToTick: true),
            new Signatures([("Head of the recovery", null), ("Second person", null)]),
        ]);
    }

    // New shares are of the same key: they help against one share that was seen, and not against enough of them.
    private static IEnumerable<Phrase> Shares(ClusterDefinition cluster)
    {
        if (cluster.ClusterKey is { } key)
        {
            string numbers = string.Create(CultureInfo.InvariantCulture, $"-Threshold {key.Threshold} -ShareCount {key.Shares}");
            yield return Phrase.Of(
                $"Shares that were read aloud or typed where others could see are replaced, and the old ones destroyed: "
                + $"{Piece.Code($"New-HsmClusterKey -Cluster $cluster -Resplit {numbers}")}");
            yield return Phrase.Of(
                $"Where {key.Threshold} shares or more may be known to others, so is the cluster key, whatever the shares: it is "
                + $"replaced, and a new backup made: {Piece.Code($"New-HsmClusterKey -Cluster $cluster {numbers} -Force")}. "
                + $"Backups from before go on needing the old shares.");
        }
    }

    private static Listing Template(string name, string text) => new("text", text, $"Template: {name}");
}
