using System.Collections;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Completes <c>-Library</c> with the PKCS#11 libraries found on this system. None of them is loaded.</summary>
public sealed class LibraryCompleter : ValueCompleter
{
    private protected override IEnumerable<CompletionValue> Find(IDictionary boundParameters) =>
        InstalledLibraries.Find().Select(path => new CompletionValue(path, $"PKCS#11 library {Path.GetFileName(path)}"));

    // "soft" is enough to find SoftHSM.
    private protected override bool IsMatch(string value, string word) =>
        base.IsMatch(value, word) || Path.GetFileName(value).Contains(word, StringComparison.OrdinalIgnoreCase);
}
