using System.Buffers;
using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Security;
using System.Text.Json;
using HsmBackup.Engine;
using HsmBackup.Engine.Clusters;

namespace HsmBackup.PowerShell.Binding;

/// <summary>
/// Descriptions of nodes on their way into a definition. They become the JSON that they stand for, and the one reader of definitions
/// says what is wrong with it.
/// </summary>
internal static class NodeDescription
{
    // Names of parameters of the other cmdlets mean the same here.
    private static readonly Dictionary<string, string> Members = new(StringComparer.OrdinalIgnoreCase)
    {
        ["name"] = "name",
        ["library"] = "library",
        ["tokenLabel"] = "tokenLabel",
        ["tokenSerial"] = "tokenSerial",
        ["environment"] = "environment",
        ["libraryEnvironment"] = "environment",
        ["parameters"] = "parameters",
        ["libraryParameters"] = "parameters",
        ["enableQuirks"] = "enableQuirks",
        ["enableQuirk"] = "enableQuirks",
        ["disableQuirks"] = "disableQuirks",
        ["disableQuirk"] = "disableQuirks",
        ["pin"] = "pin",
        ["timeout"] = "timeout",
        ["zone"] = "zone",
    };

    private static readonly string[] OfAnotherToken = ["library", "tokenLabel", "environment", "parameters"];

    /// <summary>A new definition of described nodes.</summary>
    /// <exception cref="HsmBackupException">DefinitionInvalid, PinSourceRefused, InvalidArgument.</exception>
    public static ClusterDefinition Define(string name, string? description, IEnumerable<IDictionary> nodes, SessionPaths paths)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("formatVersion", ClusterDefinition.FormatVersion);
            json.WriteString("id", ClusterDefinition.Create(name, []).Id);
            json.WriteString("name", name);
            if (description is not null)
            {
                json.WriteString("description", description);
            }
            json.WriteStartArray("nodes");
            foreach (IDictionary node in nodes)
            {
                Write(json, node, paths);
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return ClusterDefinition.Parse(buffer.WrittenSpan, $"The definition of cluster '{name}'");
    }

    /// <summary>
    /// A node with what is described anew; the rest stays as it is. Not so the serial number, where library or label are described: it is
    /// that of the token which was there.
    /// </summary>
    /// <exception cref="HsmBackupException">InvalidArgument: another name; DefinitionInvalid, PinSourceRefused.</exception>
    public static ClusterNode Replace(ClusterNode node, IDictionary changes, SessionPaths paths)
    {
        Hashtable merged = Of(node);
        Dictionary<string, object> given = new(StringComparer.Ordinal);
        foreach (DictionaryEntry change in changes)
        {
            if (change.Value is { } value)
            {
                given[MemberOf(change)] = value;
            }
        }
        if (given.Remove("name", out object? name) && !LanguagePrimitives.ConvertTo<string>(name).Equals(node.Name, StringComparison.OrdinalIgnoreCase))
        {
            throw Errors.InvalidArgument($"What takes the place of node '{node.Name}' bears its name, and not '{name}'.", "Leave the name out of the description.", name);
        }
        if (OfAnotherToken.Any(given.ContainsKey))
        {
            merged.Remove("tokenSerial");
        }
        foreach ((string member, object value) in given)
        {
            merged[member] = value;
        }
        return Define("replacement", null, [merged], paths).Nodes[0];
    }

    /// <summary>The description of a node that there is.</summary>
    public static Hashtable Of(ClusterNode node) => new()
    {
        ["name"] = node.Name,
        ["library"] = node.Address.Library.Path,
        ["tokenLabel"] = node.Address.TokenLabel,
        ["tokenSerial"] = node.Address.TokenSerial,
        ["environment"] = node.Address.Library.Environment?.ToDictionary(),
        ["parameters"] = node.Address.Library.Parameters,
        ["enableQuirks"] = node.Address.Library.QuirksOn,
        ["disableQuirks"] = node.Address.Library.QuirksOff,
        ["pin"] = node.Pin?.ToString(),
        ["timeout"] = node.Timeout,
        ["zone"] = node.Zone,
    };

    private static void Write(Utf8JsonWriter json, IDictionary node, SessionPaths paths)
    {
        json.WriteStartObject();
        foreach (DictionaryEntry entry in node)
        {
            string member = MemberOf(entry);
            // What a variable that was never set gives: the same as leaving the member out.
            if (entry.Value is null)
            {
                continue;
            }
            object value = entry.Value is PSObject wrapped ? wrapped.BaseObject : entry.Value;
            json.WritePropertyName(member);
            WriteValue(json, member, value, paths);
        }
        json.WriteEndObject();
    }

    private static string MemberOf(DictionaryEntry entry)
    {
        string given = LanguagePrimitives.ConvertTo<string>(entry.Key);
        return Members.GetValueOrDefault(given, given);
    }

    private static void WriteValue(Utf8JsonWriter json, string member, object value, SessionPaths paths)
    {
        switch (value)
        {
            case SecureString:
                throw new HsmBackupException(ErrorCode.PinSourceRefused, "A definition holds no PIN, and so cannot be given one.",
                    "Say where the PIN comes from: env:NAME, file:PATH, secret:VAULT/NAME or prompt; or leave it out.");
            case string path when member == "library" && path.Length > 0:
                json.WriteStringValue(paths.Literal(path));
                break;
            case TimeSpan duration:
                json.WriteStringValue(duration.ToString("c", CultureInfo.InvariantCulture));
                break;
            case int or long or double or decimal:
                json.WriteRawValue(LanguagePrimitives.ConvertTo<string>(value));
                break;
            case IDictionary table:
                json.WriteStartObject();
                foreach ((string name, string text) in LibraryVariables.From(table)!)
                {
                    json.WriteString(name, text);
                }
                json.WriteEndObject();
                break;
            case Enum or string or IEnumerable when member is "enableQuirks" or "disableQuirks":
                json.WriteStartArray();
                foreach (string quirk in Words(value).Where(word => word != "None"))
                {
                    json.WriteStringValue(quirk);
                }
                json.WriteEndArray();
                break;
            default:
                json.WriteStringValue(LanguagePrimitives.ConvertTo<string>(value));
                break;
        }
    }

    // A flags enumeration, a text with commas, or a list of either.
    private static IEnumerable<string> Words(object value) => value is IEnumerable several and not string
        ? several.Cast<object>().SelectMany(Words)
        : LanguagePrimitives.ConvertTo<string>(value).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
