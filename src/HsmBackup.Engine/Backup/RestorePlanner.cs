using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>An object of the backup or the token as the planner sees it.</summary>
/// <param name="Summary">For people.</param>
/// <param name="Identity">Equal for what a person takes for the same object.</param>
/// <param name="Fingerprint">Equal for objects that are the same, key included.</param>
/// <param name="Handle">Its handle on the token; 0 in a backup.</param>
/// <param name="IsWhole">True where the backup has all of it, or a safety backup could.</param>
/// <param name="IsDebris">True for what an interrupted restore left half made.</param>
internal sealed record PlanObject(
    ObjectSummary Summary, string Identity, string Fingerprint, ulong Handle, bool IsWhole, bool IsDebris = false)
{
    /// <summary>False where the token will not let it be removed (CKA_DESTROYABLE).</summary>
    public bool IsDestroyable { get; init; } = true;

    /// <summary>False where none of its attributes can be set once it is made (CKA_MODIFIABLE).</summary>
    public bool IsChangeable { get; init; } = true;

    /// <summary>Equal for objects of which a token with Quirks.IdentifierIsUnique can make only one; null where that does not apply.</summary>
    public string? UniqueKey { get; init; }

    /// <summary>What stands for its key in a comparison; empty where there is none.</summary>
    public string KeyDigest { get; init; } = "";

    /// <summary>True for a private or secret key.</summary>
    public bool HasSecret { get; init; }

    /// <summary>True where both are the same object, key and all, and that was seen.</summary>
    public bool IsProvenBy(PlanObject? target) =>
        target is not null && Summary.Verdict == Verdict.Captured && Fingerprint == target.Fingerprint && (!HasSecret || KeyDigest.Length > 0);

    /// <summary>The object itself, without its key, where it was asked to be kept.</summary>
    public ObjectRecord? Record { get; init; }
}

/// <summary>A plan item with what is needed to carry it out.</summary>
/// <param name="Item">The item.</param>
/// <param name="Source">The object of the backup; null for Remove.</param>
/// <param name="Target">The object of the token; null for Add and Unrestorable.</param>
internal sealed record PlanStep(PlanItem Item, PlanObject? Source, PlanObject? Target);

/// <summary>Decides what a restore does. A pure function of what the backup and the token hold.</summary>
internal static class RestorePlanner
{
    /// <summary>Makes the steps: each object of the backup and of the token is in exactly one.</summary>
    public static IReadOnlyList<PlanStep> Plan(IReadOnlyList<PlanObject> backup, IReadOnlyList<PlanObject> token)
    {
        var steps = new List<PlanStep>();
        var targets = new List<PlanObject>(token);
        var open = new List<PlanObject>();

        // Objects are a multiset: two equal ones in the backup want two on the token.
        Dictionary<string, Queue<PlanObject>> equals = Index(targets, t => t.Fingerprint);
        var taken = new HashSet<PlanObject>(ReferenceEqualityComparer.Instance);
        foreach (PlanObject source in backup)
        {
            if (equals.TryGetValue(source.Fingerprint, out Queue<PlanObject>? same) && same.TryDequeue(out PlanObject? target))
            {
                taken.Add(target);
                steps.Add(Step(PlanAction.Keep, source, target, source.IsWhole
                    ? "the token has it already"
                    : "the backup lists it without its key; the token's own stays"));
            }
            else
            {
                open.Add(source);
            }
        }
        targets.RemoveAll(taken.Contains);

        Dictionary<string, Queue<PlanObject>> alike = Index(targets, t => t.Identity);
        taken.Clear();
        foreach (PlanObject source in open)
        {
            PlanObject? target = alike.TryGetValue(source.Identity, out Queue<PlanObject>? queue) && queue.TryDequeue(out PlanObject? first) ? first : null;
            if (target is not null)
            {
                taken.Add(target);
            }
            steps.Add((source.IsWhole, target) switch
            {
                (true, null) => Step(PlanAction.Add, source, null, "the token does not have it"),
                (true, _) => Step(PlanAction.Replace, source, target, "the token has it with another key or other attributes"),
                (false, null) => Step(PlanAction.Unrestorable, source, null, $"{source.Summary.Verdict}: {source.Summary.Reason}"),
                // Better the one that is there than none.
                (false, _) => Step(PlanAction.Keep, source, target, "the backup lists it without its key; the token's own stays"),
            });
        }
        steps.AddRange(targets.Where(t => !taken.Contains(t)).Select(t => new PlanStep(
            new PlanItem(PlanAction.Remove, t.Summary, t.IsDebris ? "left half made by an interrupted restore" : "the backup does not have it"), null, t)));
        return steps;
    }

    private static PlanStep Step(PlanAction action, PlanObject source, PlanObject? target, string reason) =>
        new(new PlanItem(action, source.Summary, reason), source, target);

    private static Dictionary<string, Queue<PlanObject>> Index(List<PlanObject> objects, Func<PlanObject, string> key) =>
        objects.GroupBy(key, StringComparer.Ordinal).ToDictionary(g => g.Key, g => new Queue<PlanObject>(g), StringComparer.Ordinal);
}
