using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Format;

namespace HsmBackup.Engine.Reporting;

/// <summary>The procedures of a runbook, step by step, each with its commands.</summary>
internal static partial class RunbookProcedures
{
    public static Section NodeLoss(RunbookSource source)
    {
        ClusterDefinition cluster = source.Cluster;
        bool fromPeers = cluster.FillsFromPeers;
        return new Section(RunbookSections.NodeLoss, "Loss of a node",
        [
            new Paragraph(fromPeers
                ? "A node has failed and a blank token takes its place. It is initialised, joined by the custodians' shares, filled "
                    + "from the nodes that are left, and every key is proven."
                : cluster.ClusterKey is null
                    ? "A node has failed and a blank token takes its place. This cluster has no cluster key, so the node is filled from "
                        + "the latest backup."
                    : "The node has failed and a blank token takes its place. It has no peers: it is initialised, joined by the "
                        + "custodians' shares, and filled from the latest backup."),
            Rehearsed(source, DrillScenario.NodeLoss),
            new Steps(
            [
                new Step("See which node it is, and that it is not just the network: a node that is merely unreachable needs no repair.",
                    [Command("node loss, look",
                        [RunbookCommands.SetCluster(cluster), $"Get-HsmClusterHealth -Cluster $cluster{RunbookCommands.State(source)}"])]),
                new Step("Take the failed node out of service, and connect the blank token under the same library.", []),
                .. fromPeers ? (Step[])[] :
                [
                    new Step($"Take the latest backup. You are asked for its one-time key below.{RunbookCommands.BackupsGap(cluster)}",
                        [Command("node loss, backup", [RunbookCommands.TakeLatest(cluster), "$backup"])]),
                ],
                new Step("Look at the plan, then repair. Only the lines of the node that has failed:",
                    [.. cluster.Nodes.SelectMany(n => (Block[])
                    [
                        new Heading($"Node {n.Name}{(n.Zone is null ? "" : $", {n.Zone}")}, token {n.Address}"),
                        .. PlanThenAct($"node loss, node {n.Name}", RunbookCommands.Repair(source, n.Name)),
                    ])]),
                new Step(Phrase.Of($"Every node must say {Piece.Code("Online")}."),
                    [Command("node loss, check", [RunbookCommands.DeepHealth(source)])]),
                new Step(Phrase.Of(
                    $"Go through {RunbookSections.Link(RunbookSections.Afterwards)}. The failed HSM still holds keys: have it erased or "
                    + $"destroyed by two people, and on record."), []),
            ]),
            new Heading("If it is otherwise"),
            new Bullets(
            [
                Phrase.Of($"The new token has another label or library: add "
                    + $"{Piece.Code("-Replacement @{ TokenLabel = 'LABEL'; Library = 'PATH' }")}; it is written into the definition."),
                .. !fromPeers ? (Phrase[])[] :
                [
                    Phrase.Of($"No other node can be looked into: type the line below, then add {Piece.Code("-LiteralPath $backup.Path")}; "
                        + $"you are asked for its one-time key.{RunbookCommands.BackupsGap(cluster)}"),
                ],
            ]),
            .. !fromPeers ? (Block[])[] : [Command("Variant: node loss, from the latest backup", [RunbookCommands.TakeLatest(cluster)])],
        ])
        { OwnPage = true };
    }

    public static Section KeyLoss(RunbookSource source)
    {
        ClusterDefinition cluster = source.Cluster;
        string restore = $"Restore-HsmKey -LiteralPath $backup.Path -Cluster $cluster{RunbookCommands.State(source)}";
        return new Section(RunbookSections.KeyLoss, "Loss of keys",
        [
            new Paragraph("Keys were deleted or overwritten, and the nodes serve. The lost keys are brought back, and nothing else is "
                + "touched."),
            Rehearsed(source, DrillScenario.KeyLoss),
            new Steps(
            [
                new Step("Stop whatever deletes them: a script, an application, an account. Otherwise they go again.", []),
                new Step("See where they are missing. If one node still has them, no backup is needed.",
                    [Command("key loss, look", [RunbookCommands.SetCluster(cluster), RunbookCommands.DeepHealth(source)])]),
                .. !cluster.FillsFromPeers ? (Step[])[] :
                [
                    new Step("If a node still has them: look at what would be copied, then copy. Nothing is overwritten or removed.",
                        [.. PlanThenAct("Variant: key loss, from the other nodes",
                            $"Sync-HsmCluster -Cluster $cluster{RunbookCommands.State(source)}")]),
                ],
                new Step(Phrase.Of(
                    $"If all have lost them: list the backups, and choose by its time "
                    + $"{Piece.Strong("the newest from before the loss")}. One that was made after it lacks the keys. "
                    + $"The beginning of its id will do, with {Piece.Code("*")} after it.{RunbookCommands.BackupsGap(cluster)}"),
                    [Command("key loss, choose",
                    [
                        $"{RunbookCommands.Backups(cluster)} | Select-Object BackupId, Created, State, KeyCheck",
                        $"$backup = {RunbookCommands.Backups(cluster, " -BackupId (Read-Host 'Id of the backup')")}"
                            + " | Select-Object -Last 1",
                    ])]),
                .. cluster.Stores.Count == 0 ? (Step[])[] :
                [
                    new Step("Hold that backup, so that retention leaves it alone.",
                        [Command("key loss, hold", ["Lock-HsmBackup -Cluster $cluster -BackupId $backup.BackupId -Reason 'Key loss'"])]),
                ],
                new Step("List what is in the backup. You are asked for its one-time key.",
                    [Command("key loss, list", [$"{restore} -WhatIf"])]),
                new Step("Say which key was lost, as the list has it.",
                    [Command("key loss, label", ["$label = Read-Host 'Label of the lost key'"])]),
                new Step("Bring it back. What belongs to it, such as its public key and certificates, comes along. A conflict stops it "
                    + "before anything is changed.",
                    [.. PlanThenAct("key loss, restore", $"{restore} -Label $label")]),
                new Step(Phrase.Of($"Every node must say {Piece.Code("Online")}. Let an application use the key."),
                    [Command("key loss, check", [RunbookCommands.DeepHealth(source)])]),
                new Step(Phrase.Of($"Make a backup, then go through {RunbookSections.Link(RunbookSections.Afterwards)}."),
                    [Command("key loss, backup", [RunbookCommands.NewBackup(cluster)])]),
            ]),
            new Heading("If it is otherwise"),
            new Bullets(
            [
                Phrase.Of($"A key was overwritten: what has its id or label now is a conflict in the plan. Be sure that nobody needs "
                    + $"that, then add {Piece.Code("-Replace")} to plan and restore. "
                    + $"A safety backup of the token is made first, which opens with the same one-time key."),
                Phrase.Of($"Several keys were lost: {Piece.Code("-Label")} takes several names and wildcards, and {Piece.Code("-Id")} "
                    + $"takes ids, as the list shows them."),
                Phrase.Of($"Nobody has the one-time key of that backup: {RunbookSections.Link(RunbookSections.LostKey)}."),
            ]),
        ])
        { OwnPage = true };
    }

    public static Section LostOneTimeKey(RunbookSource source)
    {
        ClusterDefinition cluster = source.Cluster;
        return new Section(RunbookSections.LostKey, "Lost one-time key",
        [
            new Paragraph("A backup opens with its own one-time key and no other. HsmBackup keeps no copy of it, and nobody can make it "
                + "again. Every backup has a key of its own, so losing one loses one backup."),
            new Steps(
            [
                new Step("Look whether it waits to be received, or who has received it.", [Command("lost key, who has it",
                [
                    RunbookCommands.SetCluster(cluster),
                    $"(Get-HsmClusterHealth -Cluster $cluster -NoLogin{RunbookCommands.State(source)})[0].WaitingKeys",
                    $"Get-HsmAuditLog -Action Receive-HsmBackupKey, New-HsmBackup -Last 20{RunbookCommands.State(source)}",
                ])]),
                .. !HandsKeysOver(source) ? (Step[])[] :
                [
                    new Step(Phrase.Of($"If it waits, an officer for whom it was sealed receives it. {Where(source)}"),
                        [Command("Variant: lost key, receive", [RunbookCommands.Receive(source, "(Read-Host 'Id of the backup')")])]),
                ],
                new Step(Phrase.Of(
                    $"{Piece.Strong("If the cluster still serves")}: make a new backup now, and have its key taken down. Then the old "
                    + $"one is no longer needed.{RunbookCommands.BackupsGap(cluster)}"),
                    [Command("lost key, new backup", [RunbookCommands.NewBackup(cluster)])]),
                new Step(Phrase.Of(
                    $"{Piece.Strong("If the cluster is lost too")}: take the newest backup whose key is at hand, and go on with "
                    + $"{RunbookSections.Link(RunbookSections.ClusterLoss)}, "
                    + $"with {Piece.Code("-LiteralPath")} and the path of that backup. Changes since are lost."),
                    [Command("lost key, older backups",
                    [
                        $"{RunbookCommands.Backups(cluster)} | Sort-Object Created -Descending"
                            + " | Select-Object BackupId, Created, State, KeyCheck, Path",
                    ])]),
                new Step(Phrase.Of(
                    $"{Piece.Strong("If somebody may have taken it")}: {Stolen(source)} Have the backup's copies removed once a newer "
                    + $"one is proven, and treat it as an incident."), []),
            ]),
            new Note(Tone.Plain,
                "A key is told from others by its check value, which stands in the header of its backup (KeyCheck above) and is no "
                + "secret. A key for another backup is refused, with the name of that backup."),
        ])
        { OwnPage = true };
    }

    // Keys of backups that are made by hand never wait.
    private static bool HandsKeysOver(RunbookSource source) => source.Cluster.Schedule is not null || source.WaitingKeys.Count > 0;

    private static Phrase Where(RunbookSource source) =>
        Phrase.Of($"Keys wait in {(source.KeyFolder is { } folder ? Piece.Code(folder) : Piece.Gap)}; as of "
            + $"{PlainText.Minute(source.Made)} {PlainText.Count(source.WaitingKeys.Count, "key waits", "keys wait")} there. "
            + $"The officer's private key is in a file: add {Piece.Code("-PrivateKeyPath FILE")}; on a token: "
            + $"{Piece.Code("-Library PATH -TokenLabel LABEL")}.");

    private static string Stolen(RunbookSource source) => source.Latest?.Mode == BackupMode.ClusterBound
        ? "backups of this cluster are bound to it. With the file and the one-time key alone no key comes out; with an HSM of the "
            + "cluster or a quorum of custodians it does."
        : "whoever has the file and its one-time key has every key in it. Replace those keys.";

    private static Block Rehearsed(RunbookSource source, DrillScenario scenario) =>
        source.Counted.LastOrDefault(d => d.Scenario == scenario) is not { } drill
            ? new Note(Tone.Warning, "This procedure has not been rehearsed, as far as is on record.")
            : new Paragraph(Phrase.Of($"Last rehearsed on {PlainText.Day(drill.Started)}: {DrillWords.ResultOf(drill.Result)}"
                + $"{(drill.Measures.RecoveryTime is { } time ? $" in {PlainText.Span(time)}" : "")}"
                + $"{(drill.Environment.SoftwareTargets ? ", on software tokens" : "")}."));

    // Whoever copies a listing runs all of it: what is to be looked at stands alone.
    private static Block[] PlanThenAct(string name, string command) =>
        [Command($"{name}: plan", [command + " -WhatIf"]), new Paragraph("If the plan is as it must be:"), Command(name, [command])];

    private static Listing Command(string name, IEnumerable<string> lines) => new("powershell", string.Join('\n', lines), name);
}
