using System.Buffers.Text;
using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>The names of one family of codes, both ways. A code without a name is written as a hexadecimal number.</summary>
internal sealed class NameTable
{
    // Longer than any name of the standard.
    private const int LongestName = 96;

    private readonly FrozenDictionary<ulong, CodeName> _byCode;
    private readonly FrozenDictionary<string, ulong>.AlternateLookup<ReadOnlySpan<char>> _byName;

    /// <summary>Makes a table.</summary>
    /// <param name="names">Codes and names; where a code occurs again, its later names are only understood.</param>
    public NameTable(IReadOnlyCollection<KeyValuePair<ulong, string>> names)
    {
        var byCode = new Dictionary<ulong, CodeName>(names.Count);
        foreach (var (code, name) in names) byCode.TryAdd(code, new CodeName(name, Encoding.UTF8.GetBytes(name)));
        _byCode = byCode.ToFrozenDictionary();
        _byName = names.ToFrozenDictionary(pair => pair.Value, pair => pair.Key, StringComparer.Ordinal)
            .GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Reads lines of eight hexadecimal digits, a blank and a name.</summary>
    public static List<KeyValuePair<ulong, string>> Read(ReadOnlySpan<byte> text, List<KeyValuePair<ulong, string>>? into = null)
    {
        into ??= [];
        foreach (var range in text.Split((byte)'\n'))
        {
            // A checkout on Windows may have turned the line ends of the source into CR LF.
            var line = text[range].TrimEnd((byte)'\r');
            if (line.IsEmpty) continue;
            if (!Utf8Parser.TryParse(line, out uint code, out var digits, 'X') || digits != 8 || line is not [_, _, _, _, _, _, _, _, (byte)' ', _, ..])
                throw new FormatException($"Not a line of a name table: {Encoding.UTF8.GetString(line)}");
            into.Add(new(code, Encoding.UTF8.GetString(line[9..])));
        }

        return into;
    }

    public string Of(ulong code) =>
        _byCode.TryGetValue(code, out var name) ? name.Text : "0x" + code.ToString("X8", CultureInfo.InvariantCulture);

    public ReadOnlySpan<byte> Utf8Of(ulong code) =>
        _byCode.TryGetValue(code, out var name) ? name.Utf8 : Encoding.UTF8.GetBytes(Of(code));

    public bool TryParse(ReadOnlySpan<char> text, out ulong code) =>
        text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out code)
            : _byName.TryGetValue(text, out code);

    public bool TryParse(ReadOnlySpan<byte> utf8, out ulong code)
    {
        code = 0;
        Span<char> text = stackalloc char[LongestName];
        return Encoding.UTF8.TryGetChars(utf8, text, out var written) && TryParse(text[..written], out code);
    }

    private readonly record struct CodeName(string Text, byte[] Utf8);
}
