using System.Diagnostics.CodeAnalysis;
using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Tokens;

namespace EngineDrill;

/// <summary>Which token a command line means.</summary>
internal sealed class TokenArguments : IDisposable
{
    private TokenArguments(TokenAddress address, Pin pin)
    {
        Address = address;
        Pin = pin;
    }

    public TokenAddress Address { get; }

    public Pin Pin { get; }

    /// <summary>Reads pairs of option and value; false where one is missing or unknown.</summary>
    public static bool TryParse(string[] arguments, [NotNullWhen(true)] out TokenArguments? parsed)
    {
        parsed = null;
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string[] pair in arguments.Chunk(2))
        {
            if (pair is not ["--library" or "--label" or "--pin" or "--conf", var value] || !values.TryAdd(pair[0], value))
            {
                return false;
            }
        }
        if (!values.TryGetValue("--library", out string? library) || !values.TryGetValue("--label", out string? label)
            || !values.TryGetValue("--pin", out string? pin))
        {
            return false;
        }
        var location = new LibraryLocation(library)
        {
            Environment = values.TryGetValue("--conf", out string? configuration)
                ? new Dictionary<string, string> { ["SOFTHSM2_CONF"] = Path.GetFullPath(configuration) }
                : null,
        };
        parsed = new TokenArguments(new TokenAddress(location, label), Pin.FromChars(pin));
        return true;
    }

    public void Dispose() => Pin.Dispose();
}
