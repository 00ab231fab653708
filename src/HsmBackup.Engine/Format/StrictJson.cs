using System.Text.Json;

namespace HsmBackup.Engine.Format;

/// <summary>
/// A JSON object of which every member must be asked for: a missing member, a wrong type or a member that nobody asked
/// for is a <see cref="FormatException"/> that names it.
/// </summary>
internal sealed class StrictJson
{
    private readonly JsonElement _element;
    private readonly string _name;
    private int _read;

    public StrictJson(JsonElement element, string name)
    {
        if (element.ValueKind != JsonValueKind.Object) throw new FormatException($"{name} is not an object");
        _element = element;
        _name = name;
    }

    public string String(string name) => OptionalString(name) ?? throw Missing(name);

    public string? OptionalString(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => value.GetString(),
        _ => throw new FormatException($"{name} is not a string"),
    };

    public int Integer(string name)
    {
        JsonElement value = Find(name) ?? throw Missing(name);
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number)
            ? number
            : throw new FormatException($"{name} is not a whole number of at most 31 bits");
    }

    public long LongInteger(string name)
    {
        JsonElement value = Find(name) ?? throw Missing(name);
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number)
            ? number
            : throw new FormatException($"{name} is not a whole number of at most 63 bits");
    }

    public bool Boolean(string name) => (Find(name) ?? throw Missing(name)).ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw new FormatException($"{name} is not true or false"),
    };

    public StrictJson Object(string name) => OptionalObject(name) ?? throw Missing(name);

    public StrictJson? OptionalObject(string name) => Find(name) is { } value ? new StrictJson(value, name) : null;

    /// <summary>Duplicates were refused by the parser, so a count of what was read finds every stranger.</summary>
    public void AssertNothingElse()
    {
        if (_element.GetPropertyCount() != _read) throw new FormatException($"{_name} has a member that version 1 does not know");
    }

    private JsonElement? Find(string name)
    {
        if (!_element.TryGetProperty(name, out JsonElement value)) return null;
        _read++;
        return value;
    }

    private FormatException Missing(string name) => new($"{_name} has no {name}");
}
