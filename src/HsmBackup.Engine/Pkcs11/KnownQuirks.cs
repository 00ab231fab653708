namespace HsmBackup.Engine.Pkcs11;

/// <summary>Quirks that cannot be seen without doing harm, and so are known by who made the library.</summary>
internal static class KnownQuirks
{
    /// <summary>The quirks of a library, as its user wants them.</summary>
    public static Quirks Of(LibraryInfo library, LibraryLocation location) => (Of(library) | location.QuirksOn) & ~location.QuirksOff;

    /// <summary>The quirks of a library.</summary>
    public static Quirks Of(LibraryInfo library)
    {
        Quirks quirks = Quirks.None;
        // NSS keeps keys in a table whose unique key is the identifier; only a token object could show it. Nor is a PIN tried to see
        // whether it is needed.
        quirks |= library.Manufacturer.Contains("Mozilla", StringComparison.OrdinalIgnoreCase) ? Quirks.IdentifierIsUnique | Quirks.SecurityOfficerHasNoPin : 0;
        // What opencryptoki calls itself, whichever token is behind it.
        quirks |= library.Manufacturer == "IBM" && library.Description.StartsWith("Meta PKCS11", StringComparison.Ordinal) ? Quirks.FinalizeKeepsFile : 0;
        return quirks;
    }
}
