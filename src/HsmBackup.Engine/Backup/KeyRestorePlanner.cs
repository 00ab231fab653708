using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Backup;

/// <summary>What the caller of a restore of single objects permits.</summary>
/// <param name="Replace">What is in the place of an object may go.</param>
/// <param name="AllowDuplicateLabel">Another id is another place, whatever the label.</param>
internal readonly record struct KeyRestoreRules(bool Replace, bool AllowDuplicateLabel);

/// <summary>
/// Decides what the restore of single objects does. A pure function of what is wanted, of what the backup has beside it under the same
/// names, and of what the token has under those names.
/// </summary>
internal sealed class KeyRestorePlanner
{
    private readonly KeyRestoreRules _rules;
    private readonly IReadOnlyDictionary<int, ObjectSummary> _companions;
    private readonly List<PlanObject> _others;
    private readonly HashSet<PlanObject> _going = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<PlanObject, PlanObject> _staying = new(ReferenceEqualityComparer.Instance);

    private KeyRestorePlanner(KeyRestoreRules rules, IReadOnlyDictionary<int, ObjectSummary> companions, List<PlanObject> others)
    {
        _rules = rules;
        _companions = companions;
        _others = others;
    }

    /// <summary>Makes the steps: each wanted object is in exactly one, and each object of the token that goes in exactly one.</summary>
    /// <param name="backup">The wanted objects and those of the backup that share an id or a label with one; with their records.</param>
    /// <param name="chosen">Places in the backup of those that were asked for.</param>
    /// <param name="companions">Places of those that come along, with what they come for.</param>
    /// <param name="token">The objects of the token of those names; with their records.</param>
    /// <param name="rules">What is permitted.</param>
    public static IReadOnlyList<PlanStep> Plan(IReadOnlyList<PlanObject> backup, IReadOnlySet<int> chosen,
        IReadOnlyDictionary<int, ObjectSummary> companions, IReadOnlyList<PlanObject> token, KeyRestoreRules rules)
    {
        ILookup<bool, PlanObject> parts = backup.ToLookup(o => chosen.Contains(o.Summary.Index) || companions.ContainsKey(o.Summary.Index));
        var others = new List<PlanObject>(token);
        Dictionary<PlanObject, PlanObject> there = TakeEquals(parts[true], others);
        // What the backup had side by side with a wanted object is in nobody's place, even if its attributes are others by now.
        TakeEquals(parts[false], others);
        HashSet<string> beside = [.. parts[false].Select(o => o.Identity).Except(parts[true].Select(o => o.Identity))];
        others.RemoveAll(o => beside.Contains(o.Identity));
        var planner = new KeyRestorePlanner(rules, companions, others);
        planner.Reserve(parts[true].Where(source => !there.ContainsKey(source)));
        return [.. parts[true].SelectMany(source => planner.StepsFor(source, there.GetValueOrDefault(source)))];
    }

    private static Dictionary<PlanObject, PlanObject> TakeEquals(IEnumerable<PlanObject> sources, List<PlanObject> targets)
    {
        var pairs = new Dictionary<PlanObject, PlanObject>(ReferenceEqualityComparer.Instance);
        Dictionary<string, Queue<PlanObject>> equals = targets.GroupBy(t => t.Fingerprint, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => new Queue<PlanObject>(g), StringComparer.Ordinal);
        foreach (PlanObject source in sources)
        {
            if (equals.TryGetValue(source.Fingerprint, out Queue<PlanObject>? same) && same.TryDequeue(out PlanObject? target))
            {
                pairs.Add(source, target);
            }
        }
        targets.RemoveAll(pairs.Values.Contains);
        return pairs;
    }

    /// <summary>What stays for one of the wanted objects is in the place of no other, before anything is decided.</summary>
    private void Reserve(IEnumerable<PlanObject> sources)
    {
        foreach (PlanObject source in sources)
        {
            PlanObject? own = _others.Find(o => !o.IsDebris && IsRival(source, o)
                && (IsCompanion(source) && IsSameCertificate(source, o) || !source.IsWhole && o.Identity == source.Identity));
            if (own is not null)
            {
                _staying.Add(source, own);
                _others.Remove(own);
            }
        }
    }

    private List<PlanStep> StepsFor(PlanObject source, PlanObject? equal)
    {
        List<PlanStep> steps = StepsFor(source, equal, [.. _others.Where(o => !o.IsDebris && IsRival(source, o)).OrderBy(o => o.Identity != source.Identity)]);
        return [.. steps, .. _others.Where(o => o.IsDebris && IsRival(source, o) && _going.Add(o)).Select(o => new PlanStep(
            new PlanItem(PlanAction.Remove, o.Summary, "left half made by an interrupted restore"), null, o))];
    }

    private List<PlanStep> StepsFor(PlanObject source, PlanObject? equal, List<PlanObject> rivals)
    {
        if (equal is null && _staying.TryGetValue(source, out PlanObject? own))
        {
            return [Step(PlanAction.Keep, source, own, source.IsWhole
                ? "the token has this certificate, " + Describe(source, own)
                : "the backup lists it without its key; the token's own stays")];
        }
        if (equal is not null)
        {
            return [Step(PlanAction.Keep, source, equal, source.IsWhole
                ? "the token has it already" + (_rules.Replace ? "" : Beside(source, rivals))
                : "the backup lists it without its key; the token's own stays"), .. RemoveRivals(source, rivals)];
        }
        if (!source.IsWhole)
        {
            return [Step(PlanAction.Unrestorable, source, null, $"{source.Summary.Verdict}: {source.Summary.Reason}")];
        }
        if (rivals.Count > 0 && !_rules.Replace)
        {
            return [Step(PlanAction.Conflict, source, rivals[0], "the token has " + string.Join("; and ", rivals.Select(r => $"{r.Summary}, {Describe(source, r)}")))];
        }
        PlanObject? replaced = rivals.Find(r => _going.Add(r));
        PlanStep step = replaced is null
            ? Step(PlanAction.Add, source, null, "the token does not have it")
            : Step(PlanAction.Replace, source, replaced, $"in place of {replaced.Summary}, {Describe(source, replaced)}");
        return [step, .. RemoveRivals(source, rivals)];
    }

    /// <summary>What else has the name of an object, where it may go: afterwards the object is alone in its place.</summary>
    private List<PlanStep> RemoveRivals(PlanObject source, List<PlanObject> rivals) => !_rules.Replace ? [] :
        [.. rivals.Where(_going.Add).Select(r => new PlanStep(
            new PlanItem(PlanAction.Remove, r.Summary, $"in the place of {source.Summary}, {Describe(source, r)}"), null, r))];

    private bool IsRival(PlanObject source, PlanObject other)
    {
        ObjectRecord wanted = source.Record!;
        ObjectRecord found = other.Record!;
        if (wanted.ObjectClass != found.ObjectClass)
        {
            return false;
        }
        bool sameId = wanted.Id.Length > 0 && wanted.Id == found.Id;
        bool sameLabel = wanted.Label.Length > 0 && wanted.Label == found.Label
            && !(_rules.AllowDuplicateLabel && wanted.Id != found.Id);
        return sameId || sameLabel || (wanted.ObjectClass == Cko.Certificate && source.UniqueKey is not null && source.UniqueKey == other.UniqueKey);
    }

    private bool IsCompanion(PlanObject source) => _companions.ContainsKey(source.Summary.Index);

    /// <summary>True where both are one certificate, whatever its label and id on the token.</summary>
    public static bool IsSameCertificate(PlanObject source, PlanObject? target) =>
        source.Record!.ObjectClass == Cko.Certificate && target?.Record?.ObjectClass == Cko.Certificate
        && source.Record.Attributes.Bytes(Cka.Value) is { Length: > 0 } value && value.AsSpan().SequenceEqual(target.Record.Attributes.Bytes(Cka.Value));

    private static string Beside(PlanObject source, List<PlanObject> rivals) =>
        rivals.Count == 0 ? "" : "; beside it " + string.Join("; and ", rivals.Select(r => $"{r.Summary}, {Describe(source, r)}"));

    private static string Describe(PlanObject source, PlanObject other)
    {
        List<string> differences = ObjectComparison.Differences(source.Record!, other.Record!);
        string attributes = differences.Count == 0 ? "" : $": {string.Join(", ", differences)}";
        if (!source.HasSecret)
        {
            return "which is different" + attributes;
        }
        return source.KeyDigest.Length > 0 && source.KeyDigest == other.KeyDigest ? "the same key with other attributes" + attributes
            : other.KeyDigest.Length == 0 || source.KeyDigest.Length == 0 ? "a key that cannot be compared" + attributes
            : "another key" + attributes;
    }

    private PlanStep Step(PlanAction action, PlanObject source, PlanObject? target, string reason)
    {
        string suffix = _companions.TryGetValue(source.Summary.Index, out ObjectSummary? main) ? $"; it belongs to {main}" : "";
        return new PlanStep(new PlanItem(action, source.Summary, reason + suffix), source, target);
    }
}
