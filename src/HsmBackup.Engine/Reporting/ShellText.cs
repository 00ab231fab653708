namespace HsmBackup.Engine.Reporting;

/// <summary>Words of a command line of PowerShell, as they must be written to be taken for what they are.</summary>
internal static class ShellText
{
    /// <summary>An argument: as it is where nothing in it means anything to PowerShell, else in single quotes.</summary>
    public static string Value(string value)
    {
        // What begins with a digit or a point may be a number, and arrives as one where a parameter takes more than text.
        bool bare = value.Length > 0
            && (char.IsAsciiLetter(value[0]) || value[0] == '/' || value.StartsWith("./", StringComparison.Ordinal)
                || value.StartsWith("../", StringComparison.Ordinal))
            && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '-' or '_' or ':' or '\\');
        return bare ? value : Quoted(value);
    }

    /// <summary>A text in single quotes, which is one in an expression too.</summary>
    public static string Quoted(string value) => $"'{string.Concat(value.Select(c => IsQuote(c) ? $"{c}{c}" : $"{c}"))}'";

    // PowerShell takes the quotes of typesetters for its own.
    private static bool IsQuote(char c) => c is '\'' or '\u2018' or '\u2019' or '\u201A' or '\u201B';
}
