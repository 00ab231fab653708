using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;
using HsmBackup.Engine.Drills;
using HsmBackup.Engine.Stores;

namespace HsmBackup.Engine.Reporting;

/// <content>The loss of the whole cluster, and what goes otherwise where more than its nodes is lost.</content>
internal static partial class RunbookProcedures
{
    public static Section ClusterLoss(RunbookSource source)
    {
        ClusterDefinition cluster = source.Cluster;
        string restore = RunbookCommands.Restore(source);
        return new Section(RunbookSections.ClusterLoss, "Loss of the whole cluster",
        [
            new Paragraph("All nodes are lost, or none can be trusted. A new cluster is made from the latest backup: blank tokens get "
                + "label, PINs and cluster key, then every object, and each key is proven."),
            Rehearsed(source, DrillScenario.ClusterLoss),
            new Heading("You need"),
            new Bullets([.. Needs(source)], ToTick: true),
            new Heading("Steps"),
            new Steps(
            [
                new Step("Disconnect every old token and lock it away: it may still hold keys, and no command may reach it. Then "
                    + "connect blank ones with the same libraries.", []),
                new Step(Phrase.Of(
                    $"On the recovery computer, start {Piece.Code("pwsh")}, load the module, and look for the latest "
                    + $"backup.{Expect(source.Latest)}{RunbookCommands.BackupsGap(cluster)}"),
                    [Command("cluster loss, look",
                    [
                        "Import-Module HsmBackup", RunbookCommands.SetCluster(cluster),
                        $"{RunbookCommands.Backups(cluster)} | Select-Object -Last 5", RunbookCommands.TakeLatest(cluster),
                    ])]),
                .. !HandsKeysOver(source) ? (Step[])[] :
                [
                    new Step(Phrase.Of(
                        $"If the one-time key of that backup has not been received yet, an officer for whom it was sealed receives it "
                        + $"now, into a file. {Where(source)}"),
                        [Command("Variant: cluster loss, receive the key",
                        [
                            $"{RunbookCommands.Receive(source, "$backup.BackupId")} -KeyPath {ShellText.Value($"./{cluster.Name}.key")}",
                        ])]),
                ],
                new Step(Phrase.Of(
                    $"Look at the plan. Nothing is changed yet. {Piece.Strong("Replace and Remove must be 0 for every node")}: anything "
                    + $"else means an old token. Stop, and go back to the first step. "
                    + $"Where the one-time key is in a file, add {Piece.Code("-KeyPath FILE")} here and below{ShareOption(cluster)}."),
                    [Command("cluster loss, plan", [restore + " -WhatIf"])]),
                new Step(Phrase.Of(
                    $"Restore. You are asked for the PIN of the security officer, the PINs of the nodes that have no "
                    + $"source{Custodians(cluster)} and the one-time key. "
                    + $"Where other programs must find the tokens again, add {Piece.Code("-ClientConfigurationPath ./client")}: it "
                    + $"writes their configuration too, for p11-kit and OpenSSL, with no PIN in it. "
                    + $"If it is interrupted, type the same command again: it finishes what was begun."),
                    [Command("cluster loss, restore", [restore])]),
                new Step(Phrase.Of(
                    $"Every node must say {Piece.Code("Online")}. If one does not, go on with "
                    + $"{RunbookSections.Link(RunbookSections.NodeLoss)} for that node."),
                    [Command("cluster loss, check", [RunbookCommands.DeepHealth(source)])]),
                new Step("Let an application use its key, and write down when it did: that is the end of the recovery time.", []),
                new Step("Make a backup of the new cluster at once. Its one-time key is shown once: have it taken down.",
                    [Command("cluster loss, backup", [RunbookCommands.NewBackup(cluster)])]),
                .. cluster.Schedule is null ? (Step[])[] :
                [
                    new Step("If this computer takes the place of the one that made the scheduled backups, install the schedule here.",
                        [Command("cluster loss, schedule",
                            [$"Register-HsmBackupSchedule -Cluster $cluster{RunbookCommands.State(source)}"])]),
                ],
                new Step(Phrase.Of($"Go through {RunbookSections.Link(RunbookSections.Afterwards)}."), []),
            ]),
            .. ClusterVariants(source),
        ])
        { OwnPage = true };
    }

    private static Phrase ShareOption(ClusterDefinition cluster) =>
        cluster.ClusterKey is null ? Phrase.Empty : Phrase.Of($"; where shares are, {Piece.Code("-SharePath FILE, FILE")}");

    private static IEnumerable<Phrase> Needs(RunbookSource source)
    {
        ClusterDefinition cluster = source.Cluster;
        var libraries = Phrase.Join(", ",
            cluster.Nodes.Select(n => n.Address.Library.Path).Distinct(StringComparer.Ordinal).Select(Piece.Code));
        yield return Phrase.Of($"A computer with PowerShell 7.6, the module HsmBackup {source.ToolVersion}, and {libraries}");
        yield return cluster.DefinitionPath is { } path
            ? Phrase.Of($"The definition {Piece.Code(path)}; every backup carries a copy")
            : "The definition of the cluster; every backup carries a copy";
        yield return $"{PlainText.Count(cluster.Nodes.Count, "blank token", "blank tokens")}: "
            + $"{string.Join(", ", cluster.Nodes.Select(n => $"{n.Name} (label {n.Address})"))}";
        yield return "PIN of the security officer for the blank tokens: the one of the factory, or a new one";
        foreach (ClusterNode node in cluster.Nodes)
        {
            yield return $"User PIN of {node.Name}: {(node.Pin is null ? "from whoever has it" : $"from {node.Pin}")}";
        }
        yield return source.Latest is { } latest
            ? Phrase.Of($"The one-time key of the backup that is restored; as of {PlainText.Minute(source.Made)} that is "
                + $"{Piece.Code(latest.BackupId)}, check value {Piece.Code(latest.KeyCheck)}")
            : "The one-time key of the backup that is restored";
        if (cluster.ClusterKey is { } key)
        {
            yield return Phrase.Of(
                $"{Piece.Strong($"{key.Threshold} of the {key.Shares} custodians")}, with their shares of set {key.ShareSetId}: "
                + $"{RunbookSections.Link(RunbookSections.Places)}");
        }
    }

    private static string Expect(BackupInfo? latest) => latest is null
        ? " When this was written there was none."
        : $" When this was written it was {latest.BackupId}, of {PlainText.Minute(latest.Created)}, "
            + $"{(latest.Proof is { } proof ? $"proven by a test of level {proof.Level}" : "not yet proven by a test")}; "
            + "the newest complete one is taken by itself.";

    private static string Custodians(ClusterDefinition cluster) =>
        cluster.ClusterKey is { } key ? $", {PlainText.Count(key.Threshold, "custodian's share", "custodians' shares")}" : "";

    private static IEnumerable<Block> ClusterVariants(RunbookSource source)
    {
        ClusterDefinition cluster = source.Cluster;
        string state = RunbookCommands.State(source);
        ClusterStore[] folders = [.. RunbookCommands.Folders(cluster)];
        yield return new Heading("If the definition of the cluster is lost too");
        Phrase place = folders.Length > 0
            ? Phrase.Of($"They look into the store {Piece.Strong(folders[0].Name)}; "
                + $"for backups elsewhere, put another folder or file there.")
            : Phrase.Of($"In place of {Piece.Code("BACKUPS")} put the backup's file, or the folder that it is in.");
        yield return new Paragraph(Phrase.Of(
            $"It is taken out of the latest backup, and written to a file in the current folder. These lines take the place "
            + $"of looking, plan and restore; all later ones take that file. {place}{Download(cluster)}"));
        yield return Command("Variant: cluster loss, definition from the backup",
        [
            "Import-Module HsmBackup",
            $"$backup = Get-HsmBackup -LiteralPath {(folders.Length > 0 ? ShellText.Value(folders[0].Location) : "BACKUPS")} | "
                + $"Where-Object ClusterId -eq '{cluster.Id}' | Where-Object Complete | Select-Object -Last 1",
            $"$cluster = \"$PWD/{cluster.Name}{ClusterDefinition.FileExtension}\"",
            "$backup",
        ]);
        foreach (Block block in PlanThenAct("Variant: cluster loss, with the definition from the backup",
            $"Restore-HsmCluster -LiteralPath $backup.Path -DefinitionPath $cluster -InitializeToken{state}"))
        {
            yield return block;
        }
        foreach (ClusterStore store in folders.Skip(1))
        {
            yield return new Heading($"If nothing but the store {store.Name} is left");
            foreach (Block block in PlanThenAct($"Variant: cluster loss, from {store.Name}",
                $"Restore-HsmCluster -Cluster $cluster -BackupPath {ShellText.Value(store.Location)} -InitializeToken{state}"))
            {
                yield return block;
            }
        }
        yield return new Heading("If neither this program nor PowerShell can be had");
        yield return new Paragraph(
            "The page docs/break-glass.md of HsmBackup opens a backup that is not bound to the cluster with openssl and jq alone.");
    }

    // Without a definition nothing says how an address is reached.
    private static Phrase Download(ClusterDefinition cluster) =>
        cluster.Stores.Where(s => s.Kind == StoreKind.WebDav).ToArray() is [_, ..] addresses
            ? Phrase.Of($" A backup that is only at {Phrase.Join(", ", addresses.Select(s => Piece.Code(s.Location)))} must be "
                + $"downloaded first, with a browser or curl: the newest file whose name has {Piece.Code(cluster.Name)} in it.")
            : Phrase.Empty;
}
