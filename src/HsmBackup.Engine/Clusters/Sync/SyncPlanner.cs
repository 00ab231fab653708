using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Sync;

/// <summary>What one node holds, for the planner.</summary>
/// <param name="Node">Its name.</param>
/// <param name="Objects">Its objects, equal keys with equal digests.</param>
internal sealed record SyncSource(string Node, IReadOnlyList<InventoryObject> Objects);

/// <summary>A step with what is needed to carry it out.</summary>
/// <param name="Item">The step.</param>
/// <param name="Source">The object that comes; null where none does.</param>
/// <param name="Target">The object that goes; null where none does.</param>
internal sealed record SyncStep(SyncItem Item, InventoryObject? Source, InventoryObject? Target);

/// <summary>
/// Decides what a synchronisation does. A pure function of what the nodes hold. An object has a name where it has an id or a label: of one
/// name there should be the same on all nodes, and anything else is in question. Objects without a name are only counted.
/// </summary>
/// <param name="nodes">The nodes that could be read.</param>
/// <param name="unread">How many nodes of the cluster could not be read, and may hold anything.</param>
/// <param name="resolve">The node that is right where nodes differ; null where nobody said so.</param>
/// <param name="removeExtra">True where objects that only a minority has are to go instead of being copied.</param>
internal sealed class SyncPlanner(IReadOnlyList<SyncSource> nodes, int unread, string? resolve, bool removeExtra)
{
    // On how many nodes each key is, under whatever name.
    private readonly Dictionary<string, int> _holdersOf = nodes.SelectMany(n => n.Objects.Select(o => o.KeyDigest).Where(d => d.Length > 0).Distinct())
        .CountBy(d => d, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);

    /// <summary>Makes the steps.</summary>
    public IReadOnlyList<SyncStep> Plan()
    {
        var identities = new Dictionary<string, List<InventoryObject>[]>(StringComparer.Ordinal);
        for (int node = 0; node < nodes.Count; node++)
        {
            // Of an object that did not tell its class there is nothing to compare.
            foreach (InventoryObject item in nodes[node].Objects.Where(o => o.Record.ObjectClass != ulong.MaxValue))
            {
                if (!identities.TryGetValue(item.Identity, out List<InventoryObject>[]? held))
                {
                    held = [.. nodes.Select(_ => new List<InventoryObject>(1))];
                    identities.Add(item.Identity, held);
                }
                held[node].Add(item);
            }
        }
        return [.. identities.Values.SelectMany(PlanOne).OrderBy(s => IndexOf(s.Item.Node))];
    }

    private IEnumerable<SyncStep> PlanOne(List<InventoryObject>[] held)
    {
        InventoryObject any = held.First(h => h.Count > 0)[0];
        if (Array.TrueForAll(held, h => Missing(held[0], h).Count == 0 && Missing(h, held[0]).Count == 0))
        {
            return [];
        }
        if (any.Record.Label.Length == 0 && any.Record.Id.Length == 0)
        {
            return PlanNameless(held);
        }
        List<InventoryObject>[] holders = [.. held.Where(h => h.Count > 0)];
        return Array.TrueForAll(holders, h => Missing(holders[0], h).Count == 0 && Missing(h, holders[0]).Count == 0)
            ? PlanMissing(held, holders.Length)
            : PlanDispute(held);
    }

    /// <summary>Those that have it have the same; the others lack it.</summary>
    private IEnumerable<SyncStep> PlanMissing(List<InventoryObject>[] held, int holders) =>
        IsExtra(holders)
            ? held.SelectMany((h, node) => h.Select(o => RemoveExtra(node, o, holders)))
            : held.SelectMany((h, node) => h.Count > 0 ? [] : Copies(node, held));

    /// <summary>What all nodes that have something of this name have of it, for a node that has nothing.</summary>
    private IEnumerable<SyncStep> Copies(int node, List<InventoryObject>[] held)
    {
        // The keys are the same everywhere, but not every token lets them go.
        int from = Array.FindIndex(held, h => h.Count > 0 && h.TrueForAll(IsWhole));
        from = from >= 0 ? from : Array.FindIndex(held, h => h.Count > 0);
        return held[from].Select(o => Copy(node, o, from, "the node does not have it"));
    }

    /// <summary>Objects of one name that are not the same.</summary>
    private IEnumerable<SyncStep> PlanDispute(List<InventoryObject>[] held)
    {
        int right = IndexOf(resolve);
        if (right >= 0 && held[right].Count > 0)
        {
            return held.SelectMany((h, node) => node == right ? [] : Fill(node, h, right, held[right]));
        }
        List<InventoryObject>[] holders = [.. held.Where(h => h.Count > 0)];
        bool sameKey = Array.TrueForAll(holders, h => h is [{ KeyDigest.Length: > 0 } one] && one.KeyDigest == holders[0][0].KeyDigest);
        string majority = holders.GroupBy(Fingerprints, StringComparer.Ordinal).OrderByDescending(g => g.Count()).First().Key;
        int model = Array.FindIndex(held, h => h.Count > 0 && Fingerprints(h) == majority);
        return held.SelectMany((h, node) => (h.Count, sameKey) switch
        {
            // The key is not in question, and a node without it is worse than one with other attributes.
            (0, true) => [Copy(node, held[model][0], model, "the node does not have it")],
            (0, false) => [Step(node, SyncAction.Conflict, held[model][0], "the node does not have it, and the others have different ones")],
            _ when Fingerprints(h) == majority => [],
            (_, true) => [Step(node, SyncAction.Different, h[0],
                $"{string.Join("; ", ObjectComparison.Differences(held[model][0].Record, h[0].Record))} (as {nodes[model].Node} has it)")],
            _ => h.Select(o => Step(node, SyncAction.Conflict, o, Other(nodes[model].Node, held[model], h))),
        });
    }

    private static string Other(string node, List<InventoryObject> model, List<InventoryObject> held)
    {
        if (model.Count != held.Count)
        {
            return FormattableString.Invariant($"{node} has {model.Count} of this name instead of {held.Count}");
        }
        bool compared = model.Concat(held).All(o => o.KeyDigest.Length > 0 || !o.Record.HasSecret);
        return compared ? $"{node} has another one of this name" : $"{node} has one of this name with other attributes, and their keys cannot be compared";
    }

    /// <summary>Objects without a name: every node is to have each as often as the node that has it most often.</summary>
    private IEnumerable<SyncStep> PlanNameless(List<InventoryObject>[] held)
    {
        foreach (IGrouping<string, InventoryObject> same in held.SelectMany(h => h).GroupBy(o => o.Fingerprint, StringComparer.Ordinal))
        {
            int[] counts = [.. held.Select(h => h.Count(o => o.Fingerprint == same.Key))];
            int holders = counts.Count(c => c > 0);
            int from = Array.IndexOf(counts, counts.Max());
            for (int node = 0; node < counts.Length; node++)
            {
                InventoryObject model = held[from].Find(o => o.Fingerprint == same.Key)!;
                if (IsExtra(holders))
                {
                    foreach (InventoryObject extra in held[node].Where(o => o.Fingerprint == same.Key))
                    {
                        yield return RemoveExtra(node, extra, holders);
                    }
                    continue;
                }
                bool sameKey = model.KeyDigest.Length > 0 && held[node].Exists(o => o.KeyDigest == model.KeyDigest);
                for (int i = counts[node]; i < counts[from]; i++)
                {
                    yield return sameKey && counts[node] == 0
                        ? Step(node, SyncAction.Different, model, $"the node has this key with other attributes than {nodes[from].Node}")
                        : Copy(node, model, from, "the node does not have it");
                }
            }
        }
    }

    /// <summary>Makes a node hold what the node holds that was named to be right.</summary>
    private IEnumerable<SyncStep> Fill(int node, List<InventoryObject> has, int right, List<InventoryObject> wanted)
    {
        string why = $"{nodes[right].Node} was named to be right";
        bool comes = true;
        var gone = new Queue<InventoryObject>(Missing(has, wanted));
        foreach (InventoryObject source in Missing(wanted, has))
        {
            comes &= IsWhole(source);
            if (!gone.TryDequeue(out InventoryObject? target))
            {
                yield return Copy(node, source, right, why);
            }
            else if (!IsWhole(source))
            {
                yield return Step(node, SyncAction.NotPossible, source, WhyNot(source));
            }
            else
            {
                yield return IsWhole(target)
                    ? new SyncStep(new SyncItem(nodes[node].Node, SyncAction.Replace, target.Summary, nodes[right].Node, why), source, target)
                    : Step(node, SyncAction.NotPossible, target, NotSaved(target));
            }
        }
        while (gone.TryDequeue(out InventoryObject? target))
        {
            // What is to come is there before anything goes.
            yield return comes ? Remove(node, target, why + ", and does not have it")
                : Step(node, SyncAction.NotPossible, target, $"what {nodes[right].Node} has in its place cannot come");
        }
    }

    /// <summary>Fewer than half of all nodes have it for certain, even if all the unread ones did.</summary>
    private bool IsExtra(int holders) => removeExtra && 2 * (holders + unread) < nodes.Count + unread;

    /// <summary>A key that more nodes have, by another name or with other attributes, is no extra key.</summary>
    private SyncStep RemoveExtra(int node, InventoryObject extra, int holders) =>
        _holdersOf.GetValueOrDefault(extra.KeyDigest) is var all && all > holders && !IsExtra(all)
            ? Step(node, SyncAction.Different, extra, $"{all} nodes have this key, by other names or with other attributes")
            : Remove(node, extra, $"only {holders} of {nodes.Count + unread} nodes have it");

    /// <summary>What is in one list and not in the other; equal objects are counted.</summary>
    private static List<InventoryObject> Missing(List<InventoryObject> from, List<InventoryObject> other)
    {
        if (from.Count == 1 && other.Count == 1)
        {
            return from[0].Fingerprint == other[0].Fingerprint ? [] : [from[0]];
        }
        List<string> rest = [.. other.Select(o => o.Fingerprint)];
        return [.. from.Where(o => !rest.Remove(o.Fingerprint))];
    }

    private static string Fingerprints(List<InventoryObject> objects) => string.Join(' ', objects.Select(o => o.Fingerprint).Order(StringComparer.Ordinal));

    private static bool IsWhole(InventoryObject item) =>
        item.Record.Verdict == Verdict.Captured && (!item.Record.HasSecret || item.Record.Material is not null);

    private static string WhyNot(InventoryObject item) => $"{item.Record.Verdict}: {item.Record.Reason}";

    private static string NotSaved(InventoryObject item) => $"it cannot be saved before it goes: {WhyNot(item)}";

    private int IndexOf(string? name)
    {
        for (int i = 0; i < nodes.Count; i++)
        {
            if (string.Equals(nodes[i].Node, name, StringComparison.OrdinalIgnoreCase))
            {
                return i;
            }
        }
        return -1;
    }

    private SyncStep Copy(int node, InventoryObject source, int from, string reason) => IsWhole(source)
        ? new SyncStep(new SyncItem(nodes[node].Node, SyncAction.Copy, source.Summary, nodes[from].Node, reason), source, null)
        : Step(node, SyncAction.NotPossible, source, WhyNot(source));

    private SyncStep Remove(int node, InventoryObject target, string reason) => IsWhole(target)
        ? new SyncStep(new SyncItem(nodes[node].Node, SyncAction.Remove, target.Summary, null, reason), null, target)
        : Step(node, SyncAction.NotPossible, target, NotSaved(target));

    private SyncStep Step(int node, SyncAction action, InventoryObject item, string reason) =>
        new(new SyncItem(nodes[node].Node, action, item.Summary, null, reason), null, null);
}
