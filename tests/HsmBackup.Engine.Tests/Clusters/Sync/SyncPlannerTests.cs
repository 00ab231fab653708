using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Clusters.Sync;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Sync;

/// <summary>What a synchronisation decides, from what the nodes hold.</summary>
public sealed class SyncPlannerTests
{
    [Fact]
    public void Nodes_that_hold_the_same_need_nothing() =>
        Assert.Empty(Plan([["a", "b"], ["b", "a"], ["a", "b"]]));

    [Fact]
    public void What_one_node_has_the_others_get() =>
        Assert.Equal(["1 Copy a from 0", "2 Copy a from 0"], Plan([["a"], [], []]));

    [Fact]
    public void What_each_node_lacks_it_gets_from_another() =>
        Assert.Equal(["0 Copy b from 1", "1 Copy a from 0"], Plan([["a"], ["b"]]));

    [Fact]
    public void Different_keys_of_one_name_are_a_conflict_of_the_minority() =>
        Assert.Equal(["1 Conflict a"], Plan([["a"], ["a=other"], ["a"]]));

    [Fact]
    public void A_node_that_lacks_a_disputed_key_gets_none() =>
        Assert.Equal(["1 Conflict a", "2 Conflict a"], Plan([["a"], ["a=other"], []]));

    [Fact]
    public void The_node_that_is_named_to_be_right_settles_a_conflict() =>
        Assert.Equal(["0 Replace a from 1", "2 Copy a from 1"], Plan([["a"], ["a=other"], []], resolve: "1"));

    [Fact]
    public void Naming_a_node_that_lacks_the_object_settles_nothing() =>
        Assert.Equal(["1 Conflict a", "2 Conflict a"], Plan([["a"], ["a=other"], []], resolve: "2"));

    [Fact]
    public void Naming_a_node_takes_nothing_from_nodes_that_have_more() =>
        Assert.Equal(["0 Copy b from 1"], Plan([["a"], ["a", "b"]], resolve: "0"));

    [Fact]
    public void A_second_object_of_a_name_is_in_question_and_goes_only_when_that_was_settled()
    {
        // As a replacement that was cut off leaves it.
        Assert.Equal(["1 Conflict a", "1 Conflict a"], Plan([["a"], ["a", "a=old"], ["a"]]));
        Assert.Equal(["1 Remove a=old"], Plan([["a"], ["a", "a=old"], ["a"]], resolve: "0"));
    }

    [Fact]
    public void The_same_key_with_other_attributes_is_told_and_settled_only_by_a_named_node()
    {
        Assert.Equal(["1 Different a"], Plan([["a"], ["a+"], ["a"]]));
        Assert.Equal(["1 Replace a+ from 0"], Plan([["a"], ["a+"], ["a"]], resolve: "0"));
    }

    [Fact]
    public void A_key_that_is_the_same_everywhere_but_for_its_attributes_still_gets_to_a_node_without_it() =>
        Assert.Equal(["1 Different a", "2 Copy a from 0"], Plan([["a"], ["a+"], []]));

    [Fact]
    public void Extra_objects_go_only_if_asked_and_only_from_a_minority()
    {
        Assert.Equal(["0 Remove a"], Plan([["a"], [], []], removeExtra: true));
        Assert.Equal(["2 Copy a from 0"], Plan([["a"], ["a"], []], removeExtra: true));
        Assert.Equal(["1 Copy a from 0"], Plan([["a"], []], removeExtra: true));
    }

    [Fact]
    public void Nodes_that_nobody_could_read_may_have_what_looks_extra()
    {
        Assert.Equal(["1 Copy a from 0", "2 Copy a from 0"], Plan([["a"], [], []], unread: 1, removeExtra: true));
        Assert.Equal(["0 Remove a"], Plan([["a"], [], [], []], unread: 1, removeExtra: true));
    }

    [Fact]
    public void Objects_without_a_name_are_counted()
    {
        Assert.Equal(["0 Copy  from 1", "1 Copy  from 0"], Plan([["=one"], ["=two"]]));
        Assert.Equal(["0 Copy  from 1"], Plan([["=one"], ["=one", "=one"]]));
        Assert.Equal(["0 Different ", "1 Different "], Plan([["=one"], ["+=one"]]));
    }

    [Fact]
    public void What_cannot_leave_its_node_is_not_possible()
    {
        Assert.Equal(["1 NotPossible a"], Plan([["a!"], []]));
        // It may be whole on another node.
        Assert.Equal(["2 Copy a from 1"], Plan([["a!"], ["a!"], []], whole: 1));
    }

    [Fact]
    public void Nothing_goes_where_what_is_right_cannot_come() =>
        Assert.Equal(["1 NotPossible a", "1 NotPossible a"], Plan([["a!"], ["a=one", "a=two"]], resolve: "0"));

    [Fact]
    public void What_cannot_be_saved_does_not_go()
    {
        Assert.Equal(["0 NotPossible a"], Plan([["a!"], [], []], removeExtra: true));
        Assert.Equal(["1 NotPossible a"], Plan([["a"], ["a=other!"]], resolve: "0"));
    }

    // Objects: a letter for the name, "=" and the key if it is not the letter's, "+" for other attributes, "!" for one that cannot leave.
    private static List<string> Plan(string[][] nodes, int unread = 0, string? resolve = null, bool removeExtra = false, int whole = -1)
    {
        List<SyncSource> sources = [.. nodes.Select((objects, node) => new SyncSource($"{node}", [.. objects.Select(o => Make(o, node == whole))]))];
        IReadOnlyList<SyncStep> steps = new SyncPlanner(sources, unread, resolve, removeExtra).Plan();
        Assert.All(steps, s => Assert.Equal((s.Item.Action is SyncAction.Copy or SyncAction.Replace, s.Item.Action is SyncAction.Replace or SyncAction.Remove),
            (s.Source is not null, s.Target is not null)));
        return [.. steps.Select(s => $"{s.Item.Node} {s.Item.Action} {NameOf(s)}" + (s.Item.From is { } from ? $" from {from}" : ""))];
    }

    private static string NameOf(SyncStep step) => step.Target is { } target
        ? target.Record.Label + (target.KeyDigest == target.Record.Label ? "" : $"={target.KeyDigest}") + (target.Record.Attributes.Boolean(Cka.Derive) == true ? "+" : "")
        : step.Item.Object.Label;

    private static InventoryObject Make(string text, bool whole)
    {
        bool closed = text.EndsWith('!') && !whole;
        string[] parts = text.Replace("!", "", StringComparison.Ordinal).Split('=');
        string name = parts[0].Replace("+", "", StringComparison.Ordinal);
        AttributeMap attributes = new AttributeMap().Set(Cka.Class, Cko.SecretKey).Set(Cka.KeyType, Ckk.Aes).Set(Cka.Derive, parts[0].Contains('+', StringComparison.Ordinal));
        if (name.Length > 0)
        {
            attributes.Set(Cka.Label, name);
        }
        return new InventoryObject(new ObjectRecord
        {
            Attributes = attributes,
            Verdict = closed ? Verdict.NotExtractable : Verdict.Captured,
            Material = closed ? null : new KeyMaterial { Form = WrapForm.Rfc5649, Data = [1] },
        }, 0, closed || text.Contains('!', StringComparison.Ordinal) ? "" : parts[^1] is { } key && parts.Length > 1 ? key : name);
    }
}
