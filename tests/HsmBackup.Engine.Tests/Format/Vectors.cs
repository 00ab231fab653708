using System.Globalization;
using System.Text;

namespace HsmBackup.Engine.Tests.Format;

/// <summary>The committed files of <c>Vectors/</c>, which the build copies beside the tests.</summary>
internal static class Vectors
{
    /// <summary>First line of the table of must-fail files.</summary>
    public const string TableStart = "| file | without the key | with the key | what is wrong |";

    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "Vectors");

    public static string PathOf(string fileName) => Path.Combine(Folder, fileName);

    public static byte[] Read(string fileName) => File.ReadAllBytes(PathOf(fileName));

    /// <summary>The index's table of must-fail files, as the README has to have it.</summary>
    public static string IndexOfMustFail()
    {
        StringBuilder table = new();
        table.Append(TableStart).Append("\n| --- | --- | --- | --- |\n");
        foreach (MustFail vector in MustFail.All)
            table.Append(CultureInfo.InvariantCulture, $"| `{vector.FileName}` | {vector.Keyless?.ToString() ?? "passes"} | {vector.WithKey} | {vector.Why} |\n");
        return table.ToString();
    }
}
