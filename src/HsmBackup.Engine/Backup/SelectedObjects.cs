namespace HsmBackup.Engine.Backup;

/// <summary>What a selection picks out of a backup.</summary>
internal sealed class SelectedObjects
{
    private SelectedObjects(IReadOnlyList<BackupEntry> all, IReadOnlyList<BackupEntry> chosen, IReadOnlyDictionary<int, ObjectSummary> companions)
    {
        Chosen = chosen.Select(e => e.Summary.Index).ToHashSet();
        Companions = companions;
        Entries = [.. all.Where(e => Chosen.Contains(e.Summary.Index) || companions.ContainsKey(e.Summary.Index))];
        HashSet<(ulong, string)> names = [.. Entries.SelectMany(NamesOf)];
        Scope = Entries.Concat(all.Where(e => NamesOf(e).Any(names.Contains))).Select(e => e.Summary.Index).ToHashSet();
    }

    /// <summary>Places in the backup of what was asked for.</summary>
    public IReadOnlySet<int> Chosen { get; }

    /// <summary>Places of what comes along, with what it comes for.</summary>
    public IReadOnlyDictionary<int, ObjectSummary> Companions { get; }

    /// <summary>Both, in the order of the backup.</summary>
    public IReadOnlyList<BackupEntry> Entries { get; }

    /// <summary>Places of both and of every object of the backup that shares an id or a label with one of them.</summary>
    public IReadOnlySet<int> Scope { get; }

    /// <summary>Picks.</summary>
    /// <exception cref="HsmBackupException">NothingSelected, with what there is as its result.</exception>
    public static SelectedObjects Pick(OpenedBackup backup, KeySelection selection, CancellationToken cancellationToken)
    {
        IReadOnlyList<BackupEntry> all = BackupEntry.ReadAll(backup, cancellationToken);
        List<BackupEntry> chosen = [.. all.Where(selection.Includes)];
        if (chosen.Count == 0)
        {
            throw NothingSelected(backup, selection, all);
        }
        return new SelectedObjects(all, chosen, selection.WithCompanions
            ? Backup.Companions.Of(chosen, all)
            : new Dictionary<int, ObjectSummary>());
    }

    private static IEnumerable<(ulong, string)> NamesOf(BackupEntry entry)
    {
        if (entry.Summary.Id.Length > 0)
        {
            yield return (entry.ObjectClass, "id " + entry.Summary.Id);
        }
        if (entry.Label.Length > 0)
        {
            yield return (entry.ObjectClass, "label " + entry.Label);
        }
    }

    private static HsmBackupException NothingSelected(OpenedBackup backup, KeySelection selection, IReadOnlyList<BackupEntry> all)
    {
        const int Shown = 5;
        IReadOnlyList<BackupEntry> near = selection.Near(all);
        string hint = near.Count == 0
            ? $"It holds {all.Count} objects, none of a similar name."
            : $"Close to it: {string.Join("; ", near.Take(Shown).Select(e => e.Summary))}{(near.Count > Shown ? $"; and {near.Count - Shown} more" : "")}.";
        return new HsmBackupException(ErrorCode.NothingSelected,
            selection.IsEmpty
                ? $"It was not said which of the {all.Count} objects of the backup {backup.Header.Id} to restore."
                : $"The backup {backup.Header.Id} holds nothing with {selection}. {hint}",
            "Name objects by label, id or class; wildcards are permitted. With -WhatIf all objects of the backup are listed.")
        {
            Target = backup.Header.Id.ToString(),
            Result = (IReadOnlyList<ObjectSummary>)[.. all.Select(e => e.Summary)],
        };
    }
}
