using System.Collections;
using System.Management.Automation;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Reads the environment of a PKCS#11 library out of a hashtable.</summary>
internal static class LibraryVariables
{
    /// <summary>Names and values as text; null for no table.</summary>
    public static Dictionary<string, string>? From(IDictionary? table)
    {
        if (table is null)
        {
            return null;
        }
        Dictionary<string, string> variables = new(StringComparer.Ordinal);
        // Not by LINQ: to it a dictionary with types of its own, such as that of a node there is, has other entries.
        foreach (DictionaryEntry entry in table)
        {
            // PowerShell's own conversion: a number is written the same in every culture.
            variables.Add(LanguagePrimitives.ConvertTo<string>(entry.Key), LanguagePrimitives.ConvertTo<string>(entry.Value) ?? "");
        }
        return variables;
    }
}
