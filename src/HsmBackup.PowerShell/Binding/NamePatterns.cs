using System.Management.Automation;
using HsmBackup.Engine;
using HsmBackup.Engine.Backup;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Turns what a user writes for labels, ids and classes into what the engine looks for.</summary>
internal static class NamePatterns
{
    // A Turkish "I" must not decide which key is meant.
    private const WildcardOptions Anyhow = WildcardOptions.IgnoreCase | WildcardOptions.CultureInvariant;

    /// <summary>A label: one that is written just like that, whatever brackets it has, or that the wildcards fit.</summary>
    public static NameFilter Label(string text)
    {
        WildcardPattern pattern = WildcardPattern.Get(text, Anyhow);
        return new NameFilter(text, label => label.Equals(text, StringComparison.OrdinalIgnoreCase) || pattern.IsMatch(label));
    }

    /// <summary>A CKA_ID in hexadecimal digits, as programs show it: with colons, blanks or hyphens between them, or 0x before.</summary>
    /// <exception cref="HsmBackupException">InvalidArgument: it is not hexadecimal.</exception>
    public static NameFilter Id(string text)
    {
        string digits = string.Concat(text.Where(c => c is not (':' or '-' or ' ')));
        digits = digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? digits[2..] : digits;
        bool isPattern = digits.AsSpan().IndexOfAny('*', '?') >= 0;
        if (digits.Length == 0 || !digits.All(c => char.IsAsciiHexDigit(c) || c is '*' or '?') || (!isPattern && digits.Length % 2 != 0))
        {
            throw Errors.InvalidArgument($"'{text}' is not a CKA_ID.",
                "Write the id in pairs of hexadecimal digits, such as a00001 or a0:00:01; * and ? are permitted.", text);
        }
        WildcardPattern pattern = WildcardPattern.Get(digits, Anyhow);
        return new NameFilter(text, pattern.IsMatch);
    }

    /// <summary>An object class by its PKCS#11 name, CKO_PRIVATE_KEY, or as it is spoken, PrivateKey.</summary>
    public static NameFilter Class(string text)
    {
        WildcardPattern pattern = WildcardPattern.Get(Spoken(text), Anyhow);
        return new NameFilter(text, name => pattern.IsMatch(Spoken(name)));
    }

    private static string Spoken(string name) =>
        (name.StartsWith("CKO_", StringComparison.OrdinalIgnoreCase) ? name[4..] : name).Replace("_", "", StringComparison.Ordinal);
}
