using System.Collections;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.PowerShell.Binding;

/// <summary>Completes a token's label with those that the library on the same line shows, without login.</summary>
public sealed class TokenLabelCompleter : ValueCompleter
{
    private protected override IEnumerable<CompletionValue> Find(IDictionary boundParameters)
    {
        if (boundParameters["Library"] is not string path)
        {
            return [];
        }
        LibraryLocation location = new(SessionPaths().Literal(path))
        {
            Environment = LibraryVariables.From(boundParameters["LibraryEnvironment"] as IDictionary),
            Parameters = boundParameters["LibraryParameters"] as string,
        };
        using var library = Pkcs11Library.Open(location);
        return [.. library.GetTokens()
            .Where(token => token.IsInitialized)
            .Select(token => new CompletionValue(
                token.Label, $"{token.Manufacturer} {token.Model}, serial number {token.SerialNumber}"))];
    }
}
