using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Health;

/// <summary>Lays the nodes of a cluster side by side. A pure function of what they hold.</summary>
internal static class ClusterDrift
{
    /// <summary>What stands for "this node does not have it".</summary>
    private const string Absent = "";

    /// <summary>How each node departs from the majority.</summary>
    /// <param name="nodes">What each node holds; those that nobody could look into are left out by the caller.</param>
    /// <returns>A list for each node, in their order.</returns>
    public static IReadOnlyList<IReadOnlyList<DriftItem>> Find(IReadOnlyList<IReadOnlyList<InventoryObject>> nodes)
    {
        List<DriftItem>[] drift = [.. nodes.Select(_ => new List<DriftItem>())];
        var identities = new Dictionary<string, List<InventoryObject>[]>(StringComparer.Ordinal);
        for (int node = 0; node < nodes.Count; node++)
        {
            foreach (InventoryObject item in nodes[node])
            {
                if (!identities.TryGetValue(item.Identity, out List<InventoryObject>[]? holders))
                {
                    holders = [.. nodes.Select(_ => new List<InventoryObject>(1))];
                    identities.Add(item.Identity, holders);
                }
                holders[node].Add(item);
            }
        }
        foreach (List<InventoryObject>[] holders in identities.Values)
        {
            Compare(holders, drift);
        }
        return drift;
    }

    /// <summary>Objects of one name, on all nodes. A node may hold several of them.</summary>
    private static void Compare(List<InventoryObject>[] holders, List<DriftItem>[] drift)
    {
        string[] held = [.. holders.Select(Fingerprints)];
        if (Array.TrueForAll(held, h => h == held[0]))
        {
            return;
        }
        string majority = MajorityOf(held);
        List<InventoryObject> model = holders[Array.IndexOf(held, majority)];
        for (int node = 0; node < holders.Length; node++)
        {
            if (held[node] != majority)
            {
                drift[node].AddRange(Differ(model, holders[node]));
            }
        }
    }

    /// <summary>
    /// What most nodes hold. Where as many lack an object as have it, it is missing and not extra: a cluster is there to keep keys. Where as
    /// many hold one thing as another, the first node decides which of them is shown as different; both are in question.
    /// </summary>
    private static string MajorityOf(string[] held) => held
        .GroupBy(h => h, StringComparer.Ordinal)
        .OrderByDescending(g => g.Count()).ThenBy(g => g.Key == Absent ? 1 : 0)
        .First().Key;

    private static string Fingerprints(List<InventoryObject> objects) => objects.Count switch
    {
        0 => Absent,
        1 => objects[0].Fingerprint,
        _ => string.Join(' ', objects.Select(o => o.Fingerprint).Order(StringComparer.Ordinal)),
    };

    private static IEnumerable<DriftItem> Differ(List<InventoryObject> expected, List<InventoryObject> actual)
    {
        List<InventoryObject> missing = [.. expected];
        List<InventoryObject> extra = [];
        foreach (InventoryObject item in actual)
        {
            int same = missing.FindIndex(m => m.Fingerprint == item.Fingerprint);
            if (same >= 0)
            {
                missing.RemoveAt(same);
            }
            else
            {
                extra.Add(item);
            }
        }
        // What has the same name on both sides, and is not the same, is one different object and not two.
        int pairs = Math.Min(missing.Count, extra.Count);
        for (int i = 0; i < pairs; i++)
        {
            yield return new DriftItem(DriftKind.Different, extra[i].Summary, DifferencesOf(missing[i], extra[i]));
        }
        foreach (InventoryObject item in missing.Skip(pairs))
        {
            yield return new DriftItem(DriftKind.Missing, item.Summary, []);
        }
        foreach (InventoryObject item in extra.Skip(pairs))
        {
            yield return new DriftItem(DriftKind.Extra, item.Summary, []);
        }
    }

    private static List<string> DifferencesOf(InventoryObject expected, InventoryObject actual)
    {
        List<string> differences = ObjectComparison.Differences(expected.Record, actual.Record);
        if (expected.KeyDigest != actual.KeyDigest)
        {
            differences.Insert(0, "it is another key");
        }
        if (differences.Count == 0)
        {
            // What one node shows and another fails at is not known to be the same.
            differences.AddRange(UnreadOnOneSide(actual, expected).Select(a => $"{a} cannot be read on this node"));
            differences.AddRange(UnreadOnOneSide(expected, actual).Select(a => $"{a} cannot be read on the others"));
        }
        return differences;
    }

    private static IEnumerable<string> UnreadOnOneSide(InventoryObject one, InventoryObject other) =>
        one.Record.Unavailable.Select(u => u.Type).Except(other.Record.Unavailable.Select(u => u.Type)).Select(Names.OfAttribute);
}
