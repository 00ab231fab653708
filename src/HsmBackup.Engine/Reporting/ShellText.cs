namespace HsmBackup.Engine.Reporting;

/// <summary>Words of a command line of PowerShell, as they must be written to be taken for what they are.</summary>
internal static class ShellText
{
    /// <summary>A value: as it is where nothing in it means anything to PowerShell, else in single quotes.</summary>
    public static string Value(string value)
    {
        bool bare = value.Length > 0 && (char.IsAsciiLetterOrDigit(value[0]) || value[0] is '/' or '.') && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '-' or '_' or ':' or '\\');
        return bare ? value : $"'{string.Concat(value.Select(c => IsQuote(c) ? $"{c}{c}" : $"{c}"))}'";
    }

    // PowerShell takes the quotes of typesetters for its own.
    private static bool IsQuote(char c) => c is '\'' or '\u2018' or '\u2019' or '\u201A' or '\u201B';
}
