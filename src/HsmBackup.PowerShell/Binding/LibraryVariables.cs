using System.Collections;
using System.Management.Automation;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Reads the environment of a PKCS#11 library out of a hashtable.</summary>
internal static class LibraryVariables
{
    /// <summary>Names and values as text; null for no table.</summary>
    public static Dictionary<string, string>? From(IDictionary? table) => table?.Cast<DictionaryEntry>().ToDictionary(
        // PowerShell's own conversion: a number is written the same in every culture.
        entry => LanguagePrimitives.ConvertTo<string>(entry.Key),
        entry => LanguagePrimitives.ConvertTo<string>(entry.Value) ?? "",
        StringComparer.Ordinal);
}
