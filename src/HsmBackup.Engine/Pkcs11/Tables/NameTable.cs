using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace HsmBackup.Engine.Pkcs11;

/// <summary>The names of one family of codes, both ways. A code without a name is written as a hexadecimal number.</summary>
/// <remarks>
/// Plain dictionaries of reference types, because the runtime has them compiled already. Frozen ones were no faster to look
/// up in, and the first name that a cmdlet shows had to wait for the compiler three times as long.
/// </remarks>
internal sealed class NameTable
{
    // Longer than any name of the standard.
    private const int LongestName = 96;

    private readonly Dictionary<ulong, CodeName> _byCode = [];
    private readonly Dictionary<string, CodeName> _byName = new(StringComparer.Ordinal);

    /// <summary>Every name, second names included.</summary>
    public IEnumerable<CodeName> All => _byName.Values;

    /// <summary>Adds a name. Where the code has one already, the new one is only understood, never written.</summary>
    public NameTable Add(ulong code, string name)
    {
        var entry = new CodeName(code, name);
        _byName.Add(name, entry);
        _byCode.TryAdd(code, entry);
        return this;
    }

    /// <summary>Adds lines of eight hexadecimal digits, a blank and a name.</summary>
    public NameTable Add(ReadOnlySpan<byte> lines)
    {
        while (!lines.IsEmpty)
        {
            var end = lines.IndexOf((byte)'\n');
            // A checkout on Windows may have turned the line ends of the source into CR LF.
            var line = (end < 0 ? lines : lines[..end]).TrimEnd((byte)'\r');
            lines = end < 0 ? [] : lines[(end + 1)..];
            if (line.IsEmpty) continue;
            if (line.Length < 10 || line[8] != ' '
                || !Utf8Parser.TryParse(line[..8], out uint code, out var digits, 'X') || digits != 8)
                throw new FormatException($"Not a line of a name table: {Encoding.UTF8.GetString(line)}");
            Add(code, Encoding.UTF8.GetString(line[9..]));
        }

        return this;
    }

    public string Of(ulong code) =>
        _byCode.TryGetValue(code, out var name) ? name.Text : "0x" + code.ToString("X8", CultureInfo.InvariantCulture);

    public ReadOnlySpan<byte> Utf8Of(ulong code) =>
        _byCode.TryGetValue(code, out var name) ? name.Utf8 : Encoding.UTF8.GetBytes(Of(code));

    public bool TryParse(ReadOnlySpan<char> text, out ulong code)
    {
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            return ulong.TryParse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out code);
        var found = _byName.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(text, out var name);
        code = found ? name!.Code : 0;
        return found;
    }

    public bool TryParse(ReadOnlySpan<byte> utf8, out ulong code)
    {
        code = 0;
        Span<char> text = stackalloc char[LongestName];
        return Encoding.UTF8.TryGetChars(utf8, text, out var written) && TryParse(text[..written], out code);
    }

    /// <summary>A code and one of its names.</summary>
    internal sealed class CodeName(ulong code, string text)
    {
        public ulong Code => code;

        public string Text => text;

        public byte[] Utf8 { get; } = Encoding.UTF8.GetBytes(text);
    }
}
