using System.Text;
using System.Text.Json.Nodes;
using HsmBackup.Engine.Clusters;
using HsmBackup.Engine.Pkcs11;
using Xunit;

namespace HsmBackup.Engine.Tests.Clusters.Definitions;

/// <summary>The schema and the reader say the same: what the reader takes, an editor takes too, and the other way round.</summary>
public sealed class DefinitionSchemaTests
{
    // What a schema cannot say: how members hang together, and what a text means.
    private static readonly string[] BeyondSchemas =
    [
        "the name of one of $.", "names that differ", "a token of its own", "each quirk in one of the lists", "steps in the order of time",
        "X.509", "the PKCS#11 name of an object class", "a whole number from 1 to 5", "a whole number from 1 to 1.", "a time in UTC",
    ];

    private static readonly JsonSchema Schema = JsonSchema.Load();

    [Fact]
    public void The_examples_of_the_page_are_good()
    {
        foreach (string example in new[] { TestDefinition.Smallest, TestDefinition.Largest })
        {
            Assert.True(Schema.IsValid(JsonNode.Parse(example)));
            TestDefinition.Read(example).Check();
        }
        Assert.True(Schema.IsValid(TestDefinition.Full()));
    }

    [Fact]
    public void Every_object_has_the_members_of_the_schema_and_no_others()
    {
        int objects = 0;
        Check(Schema.Root, [], TestDefinition.Full());
        Assert.Equal(27, objects);

        void Check(JsonObject schema, object[] place, JsonNode value)
        {
            if (value is JsonArray items)
            {
                for (int i = 0; i < items.Count; i++)
                {
                    Check(Schema.Resolve(schema["items"]!.AsObject()), [.. place, i], items[i]!);
                }
            }
            if (value is not JsonObject members || schema["properties"] is not JsonObject properties)
            {
                return;
            }
            objects++;
            string changed = TestDefinition.With(full => At(full, place).AsObject().Add("stranger", 1));
            string said = Assert.Throws<HsmBackupException>(() => TestDefinition.Read(changed)).Message;
            Assert.Contains("this member is not known", said, StringComparison.Ordinal);
            string[] known = said[(said.IndexOf("only ", StringComparison.Ordinal) + 5)..].TrimEnd('.').Split(", ");
            Assert.Equal(properties.Select(p => p.Key).Order(StringComparer.Ordinal), known.Order(StringComparer.Ordinal));
            foreach ((string name, JsonNode? member) in members)
            {
                Check(Schema.Resolve(properties[name]!.AsObject()), [.. place, name], member!);
            }
        }
    }

    /// <summary>The example has all there is; otherwise the tests below would pass by.</summary>
    [Fact]
    public void The_full_example_has_every_member_of_the_schema()
    {
        var used = new HashSet<string>(StringComparer.Ordinal);
        Walk(TestDefinition.Full(), "");
        string[] all = [.. Schema.Root["$defs"]!.AsObject().Select(d => d.Value!["properties"]).Append(Schema.Root["properties"]).OfType<JsonObject>()
            .SelectMany(p => p.Select(m => m.Key)).Distinct()];
        Assert.Equal([], all.Except(used));

        void Walk(JsonNode? node, string name)
        {
            used.Add(name);
            foreach ((string member, JsonNode? value) in node as JsonObject ?? [])
            {
                Walk(value, member);
            }
            foreach (JsonNode? item in node as JsonArray ?? [])
            {
                Walk(item, name);
            }
        }
    }

    [Fact]
    public void After_any_change_reader_and_schema_agree()
    {
        int taken = 0, refused = 0;
        // Of the items of a list, each member once.
        foreach (object[] place in Places(TestDefinition.Full(), []).Where(p => p.Length > 0)
            .DistinctBy(p => string.Join('.', p.Select(step => step is int ? "*" : step))))
        {
            foreach (JsonNode? other in Others().Append(Gone))
            {
                JsonObject full = TestDefinition.Full();
                Put(full, place, other);
                bool valid = Schema.IsValid(full);
                HsmBackupException? refusal = Try(full);
                string change = $"{string.Join('.', place)} = {other?.ToJsonString()}: {refusal?.Message}";
                Assert.True(valid || refusal is not null, $"The reader takes what the schema refuses: {change}");
                Assert.True(!valid || refusal is null || BeyondSchemas.Any(refusal.Message.Contains), $"The reader refuses what the schema takes: {change}");
                taken += refusal is null ? 1 : 0;
                refused += refusal is null ? 0 : 1;
            }
        }
        Assert.True(taken > 100 && refused > 1000, $"{taken} taken, {refused} refused");
    }

    [Fact]
    public void The_quirks_are_those_of_the_engine() => Assert.Equal(
        Enum.GetNames<Quirks>().Where(q => q != nameof(Quirks.None)),
        Schema.Root["$defs"]!["quirks"]!["items"]!["enum"]!.AsArray().Select(q => q!.GetValue<string>()));

    private static readonly JsonNode Gone = JsonValue.Create("(gone)");

    private static IEnumerable<JsonNode?> Others() => new[]
    {
        "null", "true", "0", "1", "-1", "1.5", "10001", "40000", "1e99", "[]", "{}", "[1]", "[\"x\"]", "{\"x\":1}", "{\"x\":\"y\"}", "\"\"", "\"x\"", "\"ü\"",
        "\"a b\"", "\"\\u0007\"", "\"\\u202e\"", "\"00:00:00\"", "\"00:00:01\"", "\"1.00:00:00\"", "\"24:00:00\"", "\"1:00:00\"", "\"02:30\"", "\"24:00\"",
        "\"/x\"", "\"C:\\\\x\"", "\"x/y\"", "\"https://x\"", "\"https:///x\"", "\"env:X\"", "\"env:1\"", "\"file:x\"", "\"file:/x\"", "\"secret:x\"",
        "\"secret:x/y\"", "\"prompt\"", "\"1234\"", "\"0a\"", "\"0A\"", "\"abc\"", "\"CKO_DATA\"", "\"CKO_X\"", "\"0x1\"", "\"Live\"", "\"live\"", "\"Monday\"",
        "\"webdav\"", "\"directory\"", "\"offline\"", "\"00000000000000000000000000000000\"", "\"cluster-0000000000000000\"", "\"2026-01-01T00:00:00Z\"",
        "\"2026-02-31T00:00:00Z\"", "\"2026-01-01\"", $"\"{new string('x', 64)}\"", $"\"{new string('x', 65)}\"", $"\"{new string('x', 1024)}\"",
        $"\"{new string('x', 1025)}\"",
    }.Select(text => JsonNode.Parse(text));

    private static IEnumerable<object[]> Places(JsonNode? node, object[] place) => node switch
    {
        JsonObject members => members.SelectMany(m => Places(m.Value, [.. place, m.Key])).Prepend(place),
        JsonArray items => items.SelectMany((item, i) => Places(item, [.. place, i])).Prepend(place),
        _ => [place],
    };

    private static JsonNode At(JsonNode node, IEnumerable<object> place) => place.Aggregate(node, (n, step) => step is int i ? n[i]! : n[(string)step]!);

    private static void Put(JsonObject root, object[] place, JsonNode? value)
    {
        JsonNode parent = At(root, place[..^1]);
        bool isGone = ReferenceEquals(value, Gone);
        switch (place[^1])
        {
            case int index when isGone:
                parent.AsArray().RemoveAt(index);
                break;
            case int index:
                parent[index] = value;
                break;
            case string name when isGone:
                parent.AsObject().Remove(name);
                break;
            case string name:
                parent[name] = value;
                break;
        }
    }

    private static HsmBackupException? Try(JsonObject json)
    {
        try
        {
            ClusterDefinition.Parse(Encoding.UTF8.GetBytes(json.ToJsonString()), "test");
            return null;
        }
        catch (HsmBackupException e) when (e.Code is ErrorCode.DefinitionInvalid or ErrorCode.PinSourceRefused)
        {
            return e;
        }
    }
}
