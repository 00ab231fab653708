using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Clusters.Sync;

/// <summary>
/// What some tokens have room for once only (<see cref="Quirks.IdentifierIsUnique"/>): a key of a class and id. Another one is given its id
/// after it was made, so that it stands beside the first; one that cannot be changed must be made with it, and would overwrite it.
/// </summary>
internal static class UniqueNames
{
    /// <summary>Takes out of a plan what would overwrite something.</summary>
    public static IReadOnlyList<SyncStep> Check(IReadOnlyList<SyncStep> steps, IReadOnlyDictionary<string, OpenNode> nodes)
    {
        var taken = nodes.Values.Where(n => n.Kek.Capabilities.Quirks.HasFlag(Quirks.IdentifierIsUnique))
            .ToDictionary(n => n.Node.Name, n => n.Objects.Select(o => ObjectComparison.UniqueKey(o.Record)).OfType<string>().ToHashSet(StringComparer.Ordinal), StringComparer.Ordinal);
        return taken.Count == 0 ? steps : [.. steps.Select(s => WouldOverwrite(s, taken) ? NotPossible(s) : s)];
    }

    private static bool WouldOverwrite(SyncStep step, Dictionary<string, HashSet<string>> taken) =>
        step.Source is { } source && taken.TryGetValue(step.Item.Node, out HashSet<string>? there)
        && ObjectComparison.UniqueKey(source.Record) is { } name && !there.Add(name) && !ObjectTemplate.IsChangeable(source.Record);

    private static SyncStep NotPossible(SyncStep step) => new(step.Item with
    {
        Action = SyncAction.NotPossible,
        Reason = "its token holds a key with this id already, and can hold a key that may not be changed only in the place of that one",
    }, null, null);
}
