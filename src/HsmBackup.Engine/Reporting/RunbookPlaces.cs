using System.Globalization;
using HsmBackup.Engine.Catalogue;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Definitions;

namespace HsmBackup.Engine.Reporting;

/// <summary>Where the copies, the keys and the custodians are.</summary>
internal static class RunbookPlaces
{
    private const int MostBackups = 10;

    public static Section Section(RunbookSource source) => new(RunbookSections.Places, "Where backups, keys and custodians are",
    [
        new Heading("Stores"),
        Stores(source),
        .. source.MissingStores.Select(m =>
            (Block)new Note(Tone.Warning, $"The store {m.Store} could not be looked into when this was written: {m.Error.Message}")),
        new Heading("The latest backups"),
        Backups(source),
        new Heading("One-time keys"),
        Keys(source),
        .. Waiting(source),
        new Heading("Custodians"),
        .. Custodians(source.Cluster),
        new Heading("When backups are made"),
        new Paragraph(Schedule(source.Cluster.Schedule)),
    ])
    { OwnPage = true };

    private static Block Stores(RunbookSource source) => source.Cluster.Stores.Count == 0
        ? new Note(Tone.Warning, "The definition names no stores: write down where the backups are.")
        : new Table("In the order in which they are looked into", ["Store", "Kind", "Place", "Backups", "Newest"],
            [.. source.Cluster.Stores.Select(s => (IReadOnlyList<Phrase>)
            [
                Piece.Strong(s.Name), s.Kind.ToString(), Piece.Code(s.Location),
                source.MissingStores.Any(m => m.Store == s.Name)
                    ? new Piece("not seen", Tone.Warning) : PlainText.Number(In(source, s).Count()),
                In(source, s).LastOrDefault() is { } newest ? PlainText.Minute(newest.Created) : "",
            ])])
        { Numbers = [3] };

    private static IEnumerable<BackupInfo> In(RunbookSource source, ClusterStore store) =>
        source.Backups.Where(b => b.Copies.Any(c => c.Store == store.Name && c.State == CopyState.Present));

    private static Block Backups(RunbookSource source) => source.Backups.Count == 0
        ? new Note(Tone.Bad, "No backup was found when this was written.")
        : new Table($"The newest first, {PlainText.Number(source.Backups.Count)} in all", ["Backup", "Made", "State", "Copies"],
            [.. source.Backups.Reverse().Take(MostBackups).Select(b => (IReadOnlyList<Phrase>)
            [
                Piece.Code(b.BackupId), PlainText.Minute(b.Created),
                b.Restorable
                    ? new Piece("Restorable", Tone.Good)
                    : b.Complete ? new Piece("Complete, not proven lately", Tone.Warning) : new Piece("Partial", Tone.Bad),
                string.Join(", ", b.Copies.Select(c => c.ToString())),
            ])]);

    private static Facts Keys(RunbookSource source)
    {
        ClusterSchedule? schedule = source.Cluster.Schedule;
        return new Facts(
        [
            ("Keys of backups made by hand", Phrase.Of($"with whoever made the backup; kept in {Piece.Gap}")),
            .. schedule is null ? (IEnumerable<(string, Phrase)>)[] :
            [
                ("Keys of scheduled backups are sealed for", schedule.KeyRecipients.Count == 0
                    ? "nobody" : Phrase.Join(", ", schedule.KeyRecipients.Select(Piece.Code))),
                ("They wait in", Place(source, schedule)),
                ("After they were received, they are kept in", Piece.Gap),
            ],
        ]);
    }

    private static Phrase Place(RunbookSource source, ClusterSchedule schedule)
    {
        string? known = source.KeyFolder ?? schedule.KeyFolder;
        Phrase folder = known is null ? "the state folder of the account that runs the schedule" : Piece.Code(known);
        return schedule.KeyVault is { } vault ? Phrase.Of($"vault {vault}; {folder} says which") : folder;
    }

    private static IEnumerable<Block> Waiting(RunbookSource source)
    {
        if (source.WaitingKeys.Count > 0)
        {
            yield return new Table("Keys that nobody had received when this was written", ["Backup", "Since", "Sealed for"],
                [.. source.WaitingKeys.Select(k =>
                    (IReadOnlyList<Phrase>)[Piece.Code(k.BackupId), PlainText.Minute(k.Since), string.Join("; ", k.SealedFor)])]);
        }
    }

    private static IEnumerable<Block> Custodians(ClusterDefinition cluster)
    {
        if (cluster.ClusterKey is not { } key)
        {
            yield return new Paragraph("The cluster has no cluster key, and needs no custodians.");
            yield break;
        }
        string retired = key.RetiredShareSets.Count == 0 ? ""
            : $" Shares of the sets {string.Join(", ", key.RetiredShareSets)} were replaced: HsmBackup refuses them, but enough of one "
            + $"set still give the key. Destroy them.";
        yield return new Paragraph(Phrase.Of(
            $"The cluster key {Piece.Code(key.Check)} is in {PlainText.Count(key.Shares, "share", "shares")} of set "
            + $"{Piece.Strong(key.ShareSetId.ToString(CultureInfo.InvariantCulture))}; "
            + $"{Piece.Strong(key.Threshold.ToString(CultureInfo.InvariantCulture))} of them give it back.{retired}"));
        ClusterContact[] people =
            [.. cluster.Contacts.Where(c => c.Role?.Contains("custodian", StringComparison.OrdinalIgnoreCase) == true)];
        yield return new Table(
            "Who has which share is written down nowhere else: fill it in by hand where the definition does not say it",
            ["Share", "Custodian", "Telephone", "Where the share is"],
            [.. Enumerable.Range(1, Math.Max(key.Shares, people.Length)).Select(i => (IReadOnlyList<Phrase>)
            [
                i <= key.Shares ? Piece.Gap : "", i <= people.Length ? people[i - 1].Name : Piece.Gap,
                i <= people.Length ? people[i - 1].Phone ?? "" : Piece.Gap,
                i <= people.Length && people[i - 1].Notes is { } notes ? notes : Piece.Gap,
            ])]);
    }

    private static string Schedule(ClusterSchedule? schedule) => schedule is null
        ? "Nothing is scheduled: backups are made by hand."
        : $"At {string.Join(", ", schedule.Times.Select(t => t.ToString("HH:mm", CultureInfo.InvariantCulture)))} "
            + $"{(schedule.Utc ? "UTC" : "by the clock of the computer")}, "
            + $"{(schedule.Days.Count == 0 ? "every day" : string.Join(", ", schedule.Days))}, of node {schedule.Node ?? "(the first)"}, "
            + $"to {(schedule.Stores.Count == 0 ? "all stores" : string.Join(", ", schedule.Stores))}.";
}
