using System.Text.Json;

namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>Makes something of a value.</summary>
/// <returns>False where the value is of another form.</returns>
internal delegate bool Conversion<T>(DefinitionValue value, out T result);

/// <summary>What a member holds: how it is read, and how that is called in an error.</summary>
/// <param name="Expected">For people.</param>
/// <param name="Convert">Reads it.</param>
internal sealed record DefinitionType<T>(string Expected, Conversion<T> Convert)
{
    /// <summary>Reads a value.</summary>
    /// <exception cref="HsmBackupException">DefinitionInvalid.</exception>
    public T Read(DefinitionValue value) => Convert(value, out T result) ? result : throw value.Error("it is something else", Expected);
}

/// <summary>An object of a definition of which every member must be asked for; one that nobody asked for is an error.</summary>
internal sealed class DefinitionObject
{
    private readonly DefinitionValue _value;
    private readonly Dictionary<string, DefinitionValue> _members;
    private readonly List<string> _known = [];

    private DefinitionObject(DefinitionValue value)
    {
        _value = value;
        _members = value.Members.ToDictionary(StringComparer.Ordinal);
    }

    /// <summary>Reads an object with all its members.</summary>
    /// <exception cref="HsmBackupException">DefinitionInvalid.</exception>
    /// <param name="value">The object.</param>
    /// <param name="expected">What it is, for an error.</param>
    /// <param name="read">Asks for the members.</param>
    /// <param name="check">
    /// What must hold between members. It comes last: of a name that is spelt wrong, that says more than what is missing then.
    /// </param>
    public static T Read<T>(
        DefinitionValue value, string expected, Func<DefinitionObject, T> read, Action<DefinitionObject, T>? check = null)
    {
        if (value.Kind != JsonTokenType.StartObject)
        {
            throw value.Error("it is something else", expected);
        }
        var members = new DefinitionObject(value);
        T result = read(members);
        members.CheckNothingElse();
        check?.Invoke(members, result);
        return result;
    }

    /// <summary>The place of a member in the file, for errors that come of several members; null where it is not there.</summary>
    public DefinitionValue? Find(string name) => _members.GetValueOrDefault(name);

    /// <summary>An error about the object as a whole.</summary>
    public HsmBackupException Error(string problem, string expected) => _value.Error(problem, expected);

    /// <summary>A member that must be there.</summary>
    public T Required<T>(string name, DefinitionType<T> type) => Required(name, type.Expected, type.Read);

    /// <summary>A member that must be there.</summary>
    public T Required<T>(string name, string expected, Func<DefinitionValue, T> read)
    {
        _known.Add(name);
        return _members.TryGetValue(name, out DefinitionValue? value)
            ? read(value)
            : throw _value.Source.Error(_value.Line, _value.PathOf(name), "it is missing", expected);
    }

    /// <summary>A member that may be left out.</summary>
    public T? Optional<T>(string name, DefinitionType<T> type) where T : class => Optional(name, type.Read);

    /// <summary>A member that may be left out.</summary>
    public T? Optional<T>(string name, Func<DefinitionValue, T> read) where T : class
    {
        _known.Add(name);
        return _members.TryGetValue(name, out DefinitionValue? value) ? read(value) : null;
    }

    /// <summary>A number, time or choice that may be left out.</summary>
    public T? OptionalValue<T>(string name, DefinitionType<T> type) where T : struct
    {
        _known.Add(name);
        return _members.TryGetValue(name, out DefinitionValue? value) ? type.Read(value) : null;
    }

    /// <summary>A list that may be left out.</summary>
    public IReadOnlyList<T> List<T>(string name, DefinitionType<T> type) =>
        Optional(name, value => Items(value, type.Expected, type.Read)) ?? [];

    /// <summary>A list that may be left out.</summary>
    public IReadOnlyList<T> List<T>(string name, string expected, Func<DefinitionValue, T> read) =>
        Optional(name, value => Items(value, expected, read)) ?? [];

    /// <summary>A list that must be there and have an item.</summary>
    public IReadOnlyList<T> Several<T>(string name, string expected, Func<DefinitionValue, T> read) =>
        Required(name, $"a list of one or more items, each {expected}", value => Items(value, expected, read) is { Count: > 0 } items
            ? items
            : throw value.Error("it is empty", $"one or more items, each {expected}"));

    /// <summary>Refuses items with the same name, whatever the case.</summary>
    public void CheckDifferent(string name, IReadOnlyList<string> names)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        for (int i = 0; i < names.Count; i++)
        {
            if (!seen.Add(names[i]))
            {
                throw _members[name].Items[i].Error("there is another of the same name before it", "names that differ, in more than case");
            }
        }
    }

    private static List<T> Items<T>(DefinitionValue value, string expected, Func<DefinitionValue, T> read) => value.Kind == JsonTokenType.StartArray
        ? [.. value.Items.Select(read)]
        : throw value.Error("it is something else", $"a list in brackets, each item {expected}");

    private void CheckNothingElse()
    {
        foreach ((string name, DefinitionValue value) in _value.Members)
        {
            if (!_known.Contains(name))
            {
                throw value.Error("this member is not known", $"only {string.Join(", ", _known)}");
            }
        }
    }
}
