using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace HsmBackup.Engine.Tests.Clusters.Definitions;

/// <summary>As much of JSON Schema 2020-12 as docs/hsmcluster.schema.json uses; a keyword that is not known here fails the test.</summary>
internal sealed class JsonSchema(JsonObject root)
{
    private static readonly string[] Remarks = ["$schema", "$id", "$defs", "title", "description", "contentEncoding"];

    private readonly Dictionary<string, Regex> _patterns = [];

    public JsonObject Root => root;

    public static JsonSchema Load() => new(JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "docs", "hsmcluster.schema.json")))!.AsObject());

    public bool IsValid(JsonNode? value) => IsValid(root, value);

    /// <summary>What a schema refers to, or the schema itself.</summary>
    public JsonObject Resolve(JsonObject schema) => schema["$ref"] is { } reference
        ? root["$defs"]![reference.GetValue<string>()["#/$defs/".Length..]]!.AsObject()
        : schema;

    private bool IsValid(JsonNode schema, JsonNode? value) => schema is JsonObject rules && rules.All(rule => Holds(rules, rule.Key, rule.Value!, value));

    private bool Holds(JsonObject rules, string keyword, JsonNode rule, JsonNode? value)
    {
        string? text = value is JsonValue && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null;
        double? number = value?.GetValueKind() == JsonValueKind.Number ? double.Parse(value.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture) : null;
        JsonObject? members = value as JsonObject;
        JsonArray? items = value as JsonArray;
        return keyword switch
        {
            "$ref" => IsValid(Resolve(rules), value),
            "type" => rule.GetValue<string>() switch
            {
                "object" => members is not null,
                "array" => items is not null,
                "string" => text is not null,
                "number" => number is not null,
                "integer" => number is { } n && n == Math.Floor(n),
                "boolean" => value?.GetValueKind() is JsonValueKind.True or JsonValueKind.False,
                string other => throw new NotSupportedException(other),
            },
            "const" => JsonNode.DeepEquals(rule, value),
            "enum" => rule.AsArray().Any(one => JsonNode.DeepEquals(one, value)),
            "pattern" => text is null || Pattern(rule.GetValue<string>()).IsMatch(text),
            "minLength" => text is null || text.Length >= rule.GetValue<int>(),
            "maxLength" => text is null || text.Length <= rule.GetValue<int>(),
            "minimum" => number is null || number >= rule.GetValue<double>(),
            "maximum" => number is null || number <= rule.GetValue<double>(),
            "exclusiveMinimum" => number is null || number > rule.GetValue<double>(),
            "minItems" => items is null || items.Count >= rule.GetValue<int>(),
            "items" => items is null || items.All(item => IsValid(rule, item)),
            "required" => members is null || rule.AsArray().All(name => members.ContainsKey(name!.GetValue<string>())),
            "properties" => members is null || rule.AsObject().All(p => !members.ContainsKey(p.Key) || IsValid(p.Value!, members[p.Key])),
            "propertyNames" => members is null || members.All(m => IsValid(rule, JsonValue.Create(m.Key))),
            "additionalProperties" => members is null || members.Where(m => rules["properties"]?[m.Key] is null)
                .All(m => rule is JsonObject ? IsValid(rule, m.Value) : rule.GetValue<bool>()),
            "dependentRequired" => members is null || rule.AsObject().All(p => !members.ContainsKey(p.Key)
                || p.Value!.AsArray().All(name => members.ContainsKey(name!.GetValue<string>()))),
            "allOf" => rule.AsArray().All(one => IsValid(one!, value)),
            "anyOf" => rule.AsArray().Any(one => IsValid(one!, value)),
            "not" => !IsValid(rule, value),
            "if" => IsValid(rule, value) ? rules["then"] is not { } then || IsValid(then, value) : rules["else"] is not { } otherwise || IsValid(otherwise, value),
            "then" or "else" => true,
            _ => Remarks.Contains(keyword) ? true : throw new NotSupportedException(keyword),
        };
    }

    private Regex Pattern(string text) => _patterns.TryGetValue(text, out Regex? known) ? known : _patterns[text] = new Regex(text);
}
