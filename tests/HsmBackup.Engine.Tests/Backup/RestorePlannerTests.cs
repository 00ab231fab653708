using FsCheck;
using FsCheck.Fluent;
using HsmBackup.Engine.Backup;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Backup;

/// <summary>
/// What must hold for every plan, whatever the backup and the token hold. Few names and few keys are drawn, so that equal objects,
/// equal names with other keys, and objects without their keys all come up often.
/// </summary>
public sealed class RestorePlannerTests
{
    private static readonly Config Thorough = Config.QuickThrowOnFailure.WithMaxTest(500);

    [Fact]
    public void Each_object_of_both_sides_is_in_exactly_one_step() => Check((backup, token, steps) =>
    {
        AssertSameObjects(backup, steps.Select(s => s.Source));
        AssertSameObjects(token, steps.Select(s => s.Target));
    });

    [Fact]
    public void An_action_has_the_sides_that_it_needs() => Check((_, _, steps) => Assert.All(steps, s => Assert.Equal(s.Item.Action switch
    {
        PlanAction.Add or PlanAction.Unrestorable => (true, false),
        PlanAction.Remove => (false, true),
        _ => (true, true),
    }, (s.Source is not null, s.Target is not null))));

    [Fact]
    public void Equal_objects_are_kept_as_often_as_both_sides_have_them() => Check((backup, token, steps) =>
    {
        foreach (string fingerprint in backup.Concat(token).Select(o => o.Fingerprint).Distinct())
        {
            int both = Math.Min(backup.Count(o => o.Fingerprint == fingerprint), token.Count(o => o.Fingerprint == fingerprint));
            Assert.Equal(both, steps.Count(s => s.Item.Action == PlanAction.Keep && s.Source!.Fingerprint == fingerprint && s.Target!.Fingerprint == fingerprint));
        }
    });

    [Fact]
    public void Nothing_that_the_backup_holds_whole_and_equal_is_removed_or_replaced() => Check((backup, token, steps) =>
    {
        foreach (PlanStep gone in steps.Where(s => s.Item.Action is PlanAction.Remove or PlanAction.Replace))
        {
            string fingerprint = gone.Target!.Fingerprint;
            // Only what is there more often than the backup has it.
            Assert.True(token.Count(o => o.Fingerprint == fingerprint) > backup.Count(o => o.Fingerprint == fingerprint));
        }
    });

    [Fact]
    public void What_the_backup_lists_without_its_key_is_never_added_and_never_in_place_of_another() => Check((_, _, steps) =>
        Assert.All(steps.Where(s => s.Source is { IsWhole: false }), s => Assert.True(s.Item.Action is PlanAction.Keep or PlanAction.Unrestorable)));

    [Fact]
    public void A_key_that_the_backup_lacks_stays_where_the_token_has_one_of_its_name() => Check((backup, token, steps) =>
    {
        foreach (PlanStep lost in steps.Where(s => s.Item.Action == PlanAction.Unrestorable))
        {
            Assert.DoesNotContain(steps, s => s is { Item.Action: PlanAction.Remove or PlanAction.Replace, Target.IsDebris: false } && s.Target.Identity == lost.Source!.Identity);
        }
    });

    [Fact]
    public void Afterwards_the_token_holds_what_the_backup_has_whole() => Check((backup, token, steps) =>
    {
        List<PlanObject> after = Carried(steps);
        List<string> missing = [.. backup.Where(o => o.IsWhole).Select(o => o.Fingerprint)];
        foreach (PlanObject present in after)
        {
            missing.Remove(present.Fingerprint);
        }
        Assert.Empty(missing);
    });

    [Fact]
    public void A_second_plan_changes_nothing() => Check((backup, token, steps) =>
    {
        IReadOnlyList<PlanStep> again = RestorePlanner.Plan(backup, Carried(steps));
        Assert.All(again, s => Assert.True(s.Item.Action is PlanAction.Keep or PlanAction.Unrestorable, s.Item.ToString()));
    });

    [Fact]
    public void How_much_is_done_does_not_depend_on_the_order() => Check((backup, token, steps) =>
    {
        var shuffled = new System.Random(backup.Count + (31 * token.Count));
        PlanObject[] otherBackup = [.. backup];
        PlanObject[] otherToken = [.. token];
        shuffled.Shuffle(otherBackup);
        shuffled.Shuffle(otherToken);
        Assert.Equal(Counts(steps), Counts(RestorePlanner.Plan(otherBackup, otherToken)));
    });

    [Fact]
    public void To_a_blank_token_everything_whole_is_added() => Check((backup, _, _) =>
        Assert.Equal(backup.Count(o => o.IsWhole), RestorePlanner.Plan(backup, []).Count(s => s.Item.Action == PlanAction.Add)));

    [Fact]
    public void Debris_is_removed_or_replaced_and_says_so_where_it_stands_alone() => Check((_, _, steps) =>
        Assert.All(steps.Where(s => s.Target is { IsDebris: true } && s.Item.Action == PlanAction.Remove),
            s => Assert.Contains("interrupted", s.Item.Reason, StringComparison.Ordinal)));

    [Fact]
    public void Debris_never_passes_for_a_key_that_the_backup_lacks() => Check((_, _, steps) =>
        Assert.DoesNotContain(steps, s => s is { Item.Action: PlanAction.Keep, Target.IsDebris: true }));

    private static void Check(Action<IReadOnlyList<PlanObject>, IReadOnlyList<PlanObject>, IReadOnlyList<PlanStep>> property)
    {
        Gen<(List<PlanObject>, List<PlanObject>)> sides =
            from backup in Objects(onToken: false)
            from token in Objects(onToken: true)
            select (backup, token);
        Prop.ForAll(sides.ToArbitrary(), both => property(both.Item1, both.Item2, RestorePlanner.Plan(both.Item1, both.Item2))).Check(Thorough);
    }

    private static Gen<List<PlanObject>> Objects(bool onToken) =>
        from drawn in (
            from name in Gen.Choose(1, 4)
            from key in Gen.Choose(0, 3)
            from debris in Gen.Choose(0, 5)
            select (name, key, debris)).ListOf()
        select drawn.Select((d, index) => Make(index, d.name, d.key, onToken && d.debris == 0, onToken)).ToList();

    /// <param name="index">Its place.</param>
    /// <param name="name">What a person takes for the same object.</param>
    /// <param name="key">0: its key cannot leave the token.</param>
    /// <param name="debris">True for what was left half made: without a key.</param>
    /// <param name="onToken">True for an object of the token.</param>
    private static PlanObject Make(int index, int name, int key, bool debris, bool onToken)
    {
        bool whole = key != 0 && !debris;
        Verdict verdict = whole ? Verdict.Captured : debris ? Verdict.NotWrappable : Verdict.NotExtractable;
        var summary = new ObjectSummary(onToken ? -1 : index, "CKO_SECRET_KEY", "CKK_AES", $"name {name}", "", verdict, whole ? null : "no key");
        string fingerprint = debris ? $"name {name}, half made" : $"name {name}, key {key}";
        return new PlanObject(summary, $"name {name}", fingerprint, onToken ? (ulong)index + 1 : 0, whole, debris);
    }

    /// <summary>What the token holds when the steps were carried out.</summary>
    private static List<PlanObject> Carried(IReadOnlyList<PlanStep> steps) => [.. steps.Select(s => s.Item.Action switch
    {
        PlanAction.Keep => s.Target,
        PlanAction.Add or PlanAction.Replace => s.Source,
        _ => null,
    }).OfType<PlanObject>()];

    private static (int, int, int, int, int) Counts(IReadOnlyList<PlanStep> steps)
    {
        int Of(PlanAction action) => steps.Count(s => s.Item.Action == action);
        return (Of(PlanAction.Add), Of(PlanAction.Keep), Of(PlanAction.Replace), Of(PlanAction.Remove), Of(PlanAction.Unrestorable));
    }

    private static void AssertSameObjects(IReadOnlyList<PlanObject> expected, IEnumerable<PlanObject?> actual)
    {
        List<PlanObject> found = [.. actual.OfType<PlanObject>()];
        Assert.Equal(expected.Count, found.Count);
        Assert.Equal(expected.Count, found.Distinct(ReferenceEqualityComparer.Instance).Count());
        Assert.All(expected, e => Assert.Contains(found, f => ReferenceEquals(e, f)));
    }
}
