using System.Globalization;

namespace HsmBackup.Engine.Backup;

/// <summary>A name that somebody looks for, and how it is compared.</summary>
/// <param name="Text">What was asked for, as it was written.</param>
/// <param name="Matches">Whether a name is meant by it.</param>
public sealed record NameFilter(string Text, Func<string, bool> Matches)
{
    /// <summary>A name without wildcards.</summary>
    public static NameFilter Exactly(string text) => new(text, name => name.Equals(text, StringComparison.OrdinalIgnoreCase));
}

/// <summary>
/// Which objects of a backup are wanted: those whose label, id and class are each among the names asked for, and those named one by
/// one. What was not asked about does not matter.
/// </summary>
public sealed record KeySelection
{
    /// <summary>Labels; none for any.</summary>
    public IReadOnlyList<NameFilter> Labels { get; init; } = [];

    /// <summary>Values of CKA_ID in hexadecimal digits; none for any.</summary>
    public IReadOnlyList<NameFilter> Ids { get; init; } = [];

    /// <summary>Classes by their PKCS#11 names; none for any.</summary>
    public IReadOnlyList<NameFilter> Classes { get; init; } = [];

    /// <summary>Objects that are wanted whatever the names above say, as a listing or a comparison gave them.</summary>
    public IReadOnlyList<ObjectSummary> Objects { get; init; } = [];

    /// <summary>True where what belongs to the wanted objects comes along: public keys, certificates, and their issuers.</summary>
    public bool WithCompanions { get; init; } = true;

    /// <summary>True where nothing was asked for at all.</summary>
    public bool IsEmpty => !HasNames && Objects.Count == 0;

    private bool HasNames => Labels.Count + Ids.Count + Classes.Count > 0;

    /// <inheritdoc/>
    public override string ToString()
    {
        List<string> parts = [];
        AddNames(parts, "label", Labels);
        AddNames(parts, "id", Ids);
        AddNames(parts, "class", Classes);
        if (Objects.Count > 0)
        {
            parts.Add(string.Join(", ", Objects.Take(5)) + (Objects.Count > 5 ? $" and {Objects.Count - 5} more" : ""));
        }
        return string.Join(" and ", parts);
    }

    /// <summary>Whether an object is wanted for its own sake.</summary>
    internal bool Includes(BackupEntry entry) => Objects.Any(o => IsMeant(o, entry)) || (HasNames && Asked(entry).All(met => met));

    /// <summary>The objects that come close to what was asked for, the closest first.</summary>
    internal IReadOnlyList<BackupEntry> Near(IEnumerable<BackupEntry> entries)
    {
        string[] texts = [.. Labels.Concat(Ids).Select(n => Plain(n.Text)), .. Objects.Select(o => Plain(o.Label)), .. Objects.Select(o => o.Id)];
        return [.. entries
            .Select(e => (Entry: e, Distance: Asked(e).Any(met => met) ? 0 : texts.Where(t => t.Length > 0).Select(t => Distance(t, e)).DefaultIfEmpty(int.MaxValue).Min()))
            .Where(e => e.Distance < int.MaxValue)
            .OrderBy(e => e.Distance)
            .Select(e => e.Entry)];
    }

    /// <summary>For each kind of name that was asked for, whether the object has one of them.</summary>
    private IEnumerable<bool> Asked(BackupEntry entry)
    {
        if (Labels.Count > 0)
        {
            yield return Labels.Any(l => l.Matches(entry.Label) || l.Matches(entry.Summary.Label));
        }
        if (Ids.Count > 0)
        {
            yield return Ids.Any(i => i.Matches(entry.Summary.Id));
        }
        if (Classes.Count > 0)
        {
            yield return Classes.Any(c => c.Matches(entry.Summary.Class));
        }
    }

    /// <summary>Its place in this backup tells two objects of one name apart; an object of a token, or of another backup, is told by its names.</summary>
    private static bool IsMeant(ObjectSummary wanted, BackupEntry entry) =>
        (wanted.Class, wanted.KeyType, wanted.Label, wanted.Id) == (entry.Summary.Class, entry.Summary.KeyType, entry.Summary.Label, entry.Summary.Id)
        && (wanted.Index < 0 || wanted.Index == entry.Summary.Index || !entry.SharesItsName);

    private static int Distance(string text, BackupEntry entry)
    {
        int nearest = int.MaxValue;
        foreach (string name in (string[])[Plain(entry.Summary.Label), entry.Summary.Id])
        {
            if (name.Length == 0)
            {
                continue;
            }
            bool contained = name.Contains(text, StringComparison.Ordinal) || (name.Length > 2 && text.Contains(name, StringComparison.Ordinal));
            int changes = contained ? 1 : Changes(text, name);
            nearest = contained || changes <= Math.Max(1, text.Length / 3) ? Math.Min(nearest, changes) : nearest;
        }
        return nearest;
    }

    /// <summary>How many characters must be typed otherwise to make the one text of the other (Levenshtein).</summary>
    private static int Changes(string one, string other)
    {
        int[] row = [.. Enumerable.Range(0, other.Length + 1)];
        for (int i = 1; i <= one.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= other.Length; j++)
            {
                int above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (one[i - 1] == other[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }
        return row[^1];
    }

    private static string Plain(string text) =>
        new([.. text.ToLower(CultureInfo.InvariantCulture).Where(c => c is not ('*' or '?' or '[' or ']' or '`')).Take(256)]);

    private static void AddNames(List<string> parts, string what, IReadOnlyList<NameFilter> names)
    {
        if (names.Count > 0)
        {
            parts.Add($"{what} {string.Join(", ", names.Select(n => $"'{n.Text}'"))}");
        }
    }
}
