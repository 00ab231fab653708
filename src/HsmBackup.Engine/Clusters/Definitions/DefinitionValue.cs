using System.Globalization;
using System.Text;
using System.Text.Json;

namespace HsmBackup.Engine.Clusters.Definitions;

/// <summary>
/// A value of a definition file that knows where it stands: people write these files by hand, and an error must lead them to the line.
/// </summary>
internal sealed class DefinitionValue
{
    private DefinitionValue(DefinitionText source, JsonTokenType kind, string path, int line)
    {
        Source = source;
        Kind = kind;
        Path = path;
        Line = line;
    }

    /// <summary>The file that it is from.</summary>
    public DefinitionText Source { get; }

    /// <summary>What it is; an object and an array by the token that they begin with.</summary>
    public JsonTokenType Kind { get; }

    /// <summary>Its place in the document, such as <c>$.nodes[1].library</c>.</summary>
    public string Path { get; }

    /// <summary>The line that it begins in, from 1.</summary>
    public int Line { get; }

    /// <summary>The text of a string, or a number as it is written.</summary>
    public string Text { get; private init; } = "";

    /// <summary>The members of an object, in their order.</summary>
    public IReadOnlyList<KeyValuePair<string, DefinitionValue>> Members { get; private init; } = [];

    /// <summary>The items of an array.</summary>
    public IReadOnlyList<DefinitionValue> Items { get; private init; } = [];

    /// <summary>An error about this value.</summary>
    /// <param name="problem">What is wrong with it, as the end of a sentence.</param>
    /// <param name="expected">What belongs there, as the end of a sentence that begins with "Expected: ".</param>
    public HsmBackupException Error(string problem, string expected) => Source.Error(Line, Path, problem, expected);

    /// <summary>The path of a member; a name that is no plain word stands in brackets.</summary>
    public string PathOf(string member) => member.Length > 0 && member.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '$')
        ? $"{Path}.{member}"
        : $"{Path}['{member}']";

    /// <summary>Reads a whole document.</summary>
    /// <exception cref="HsmBackupException">DefinitionInvalid: it is not strict JSON.</exception>
    public static DefinitionValue Parse(DefinitionText source)
    {
        var reader = new Utf8JsonReader(source.Bytes, new JsonReaderOptions { MaxDepth = DefinitionText.MaxDepth });
        string path = "$";
        try
        {
            Next(ref reader);
            DefinitionValue root = Read(ref reader, source, ref path);
            path = "$";
            // Whatever follows is an error of the reader's own.
            _ = reader.Read();
            return root;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string with half of a surrogate pair.
            int line = e is JsonException { LineNumber: { } number } ? checked((int)number + 1) : source.LineAt(reader.TokenStartIndex);
            throw source.Error(line, path, "it is not valid JSON here", "strict JSON in UTF-8, without comments and trailing commas", e);
        }
    }

    private static DefinitionValue Read(ref Utf8JsonReader reader, DefinitionText source, ref string path)
    {
        string own = path;
        int line = source.LineAt(reader.TokenStartIndex);
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                return new DefinitionValue(source, JsonTokenType.StartObject, own, line) { Members = ReadMembers(ref reader, source, ref path, line) };
            case JsonTokenType.StartArray:
                return new DefinitionValue(source, JsonTokenType.StartArray, own, line) { Items = ReadItems(ref reader, source, ref path) };
            case JsonTokenType.String:
                return new DefinitionValue(source, JsonTokenType.String, own, line) { Text = reader.GetString()! };
            case JsonTokenType.Number:
                return new DefinitionValue(source, JsonTokenType.Number, own, line) { Text = Encoding.ASCII.GetString(reader.ValueSpan) };
            default:
                return new DefinitionValue(source, reader.TokenType, own, line);
        }
    }

    private static List<KeyValuePair<string, DefinitionValue>> ReadMembers(
        ref Utf8JsonReader reader, DefinitionText source, ref string path, int line)
    {
        var parent = new DefinitionValue(source, JsonTokenType.StartObject, path, line);
        var members = new List<KeyValuePair<string, DefinitionValue>>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (Next(ref reader); reader.TokenType != JsonTokenType.EndObject; Next(ref reader))
        {
            string name = reader.GetString()!;
            path = parent.PathOf(name);
            if (!names.Add(name))
            {
                throw source.Error(source.LineAt(reader.TokenStartIndex), path, "it is there twice", "each member once");
            }
            Next(ref reader);
            members.Add(new(name, Read(ref reader, source, ref path)));
            path = parent.Path;
        }
        return members;
    }

    private static List<DefinitionValue> ReadItems(ref Utf8JsonReader reader, DefinitionText source, ref string path)
    {
        string own = path;
        var items = new List<DefinitionValue>();
        for (Next(ref reader); reader.TokenType != JsonTokenType.EndArray; Next(ref reader))
        {
            path = string.Create(CultureInfo.InvariantCulture, $"{own}[{items.Count}]");
            items.Add(Read(ref reader, source, ref path));
            path = own;
        }
        return items;
    }

    private static void Next(ref Utf8JsonReader reader)
    {
        if (!reader.Read())
        {
            throw new JsonException("The document ends here.");
        }
    }
}
