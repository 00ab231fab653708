using System.Globalization;

namespace HsmBackup.Engine.Auditing;

/// <summary>The files of a log, as they are named: <c>audit-000001.jsonl</c> and so on, without a gap.</summary>
internal static class AuditFiles
{
    /// <summary>Which files in the folder claim to be of the log.</summary>
    public const string Pattern = "*.jsonl";

    private const string Prefix = "audit-";
    private const string Extension = ".jsonl";
    private const int Digits = 6;

    /// <summary>The name of a file by its number, from 1.</summary>
    public static string NameOf(int number) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{number:D6}{Extension}");

    /// <summary>The number in a name; null for a name that no file of a log has.</summary>
    public static int? NumberOf(string name) =>
        name.Length == Prefix.Length + Digits + Extension.Length
        && int.TryParse(name.AsSpan(Prefix.Length, Digits), NumberStyles.None, CultureInfo.InvariantCulture, out int number)
        && number > 0 && name == NameOf(number) ? number : null;

    /// <summary>The numbers of the files that are there, in order; none where there is no folder.</summary>
    public static List<int> NumbersIn(string folder) => !Directory.Exists(folder) ? []
        : [.. Directory.EnumerateFiles(folder, Prefix + "*" + Extension).Select(f => NumberOf(Path.GetFileName(f))).OfType<int>().Order()];
}
