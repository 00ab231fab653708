namespace HsmBackup.Engine.Pkcs11;

/// <summary>Where a PKCS#11 library is and what it must be told before it starts.</summary>
/// <param name="Path">Path of the shared library.</param>
public sealed record LibraryLocation(string Path)
{
    /// <summary>Environment variables that the library reads with <c>getenv</c>, such as <c>SOFTHSM2_CONF</c>.</summary>
    public IReadOnlyDictionary<string, string>? Environment { get; init; }

    /// <summary>
    /// The parameter string that NSS softoken takes in place of the reserved field of CK_C_INITIALIZE_ARGS. Null for
    /// every library that follows the standard.
    /// </summary>
    public string? Parameters { get; init; }

    /// <summary>Quirks that its tokens are taken to have, whatever the probe sees. For a token that the probe misjudges.</summary>
    public Quirks QuirksOn { get; init; }

    /// <summary>Quirks that its tokens are taken not to have, whatever the probe sees.</summary>
    public Quirks QuirksOff { get; init; }
}
