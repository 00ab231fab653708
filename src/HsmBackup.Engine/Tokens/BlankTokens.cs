using System.Globalization;
using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Tokens;

/// <summary>Which of a library's tokens is meant, where it may be blank and then has neither the label nor the serial number that it is to be known by.</summary>
internal static class BlankTokens
{
    /// <summary>Chooses.</summary>
    /// <param name="tokens">All tokens of the library, initialised and blank.</param>
    /// <param name="address">Which one is meant.</param>
    /// <param name="spokenFor">Serial numbers of tokens that are others'.</param>
    /// <exception cref="HsmBackupException">TokenNotFound, TokenAmbiguous, TokenMismatch.</exception>
    public static TokenInfo Choose(IReadOnlyList<TokenInfo> tokens, TokenAddress address, IReadOnlyCollection<string> spokenFor)
    {
        List<TokenInfo> free = [.. tokens.Where(t => t.SerialNumber.Length == 0 || t.SerialNumber == address.TokenSerial || !spokenFor.Contains(t.SerialNumber))];
        if (address.TokenSerial is { } serial && Narrow(free.FindAll(t => t.SerialNumber == serial), address.TokenLabel) is { Count: > 0 } bySerial)
        {
            TokenInfo found = bySerial is [TokenInfo one] ? one : throw Ambiguous(bySerial, $"tokens have the serial number '{serial}'",
                "Name the token's label too, or take the tokens that are not meant out of the library's sight.");
            return !found.IsInitialized || address.TokenLabel is null || found.Label == address.TokenLabel ? found
                : throw new HsmBackupException(ErrorCode.TokenMismatch,
                    $"The token with serial number '{serial}' is initialised and called '{found.Label}', not '{address.TokenLabel}'. It was left alone.",
                    "Check which token is meant. One that may be wiped is made blank with the vendor's tool first.")
                { Target = address.TokenLabel };
        }
        return address.TokenLabel is { } label && free.FindAll(t => t.IsInitialized && t.Label == label) is { Count: > 0 } byLabel
            ? byLabel is [TokenInfo only] ? only : throw Ambiguous(byLabel, $"tokens are called '{label}'", "Name the token by its serial number.")
            : ChooseBlank(tokens, free, address);
    }

    private static TokenInfo ChooseBlank(IReadOnlyList<TokenInfo> all, List<TokenInfo> free, TokenAddress address)
    {
        List<TokenInfo> blank = free.FindAll(t => !t.IsInitialized);
        // NSS gives tokens their labels before they are initialised.
        if (address.TokenLabel is { Length: > 0 } label && blank.FindAll(t => t.Label == label) is [TokenInfo named])
        {
            return named;
        }
        return blank switch
        {
            [TokenInfo only] => only,
            [] => throw new HsmBackupException(ErrorCode.TokenNotFound, $"There is no token '{address}' and no blank token that it could be made of. "
                + (all.Count == 0 ? "The library shows no token at all." : $"Present: {List(all)}."),
                "Check that the library sees the new HSM or token (its environment and configuration). One that was in use is made blank with the vendor's tool.")
            { Target = address.ToString() },
            _ => throw Ambiguous(blank, $"blank tokens could become '{address}'",
                "Name the one that is meant by its serial number (tokenSerial in the definition), or take the others out of the library's sight."),
        };
    }

    // Some makers give all their tokens one serial number.
    private static List<TokenInfo> Narrow(List<TokenInfo> sameSerial, string? label)
    {
        if (sameSerial.Count < 2 || label is null)
        {
            return sameSerial;
        }
        List<TokenInfo> named = sameSerial.FindAll(t => t.Label == label);
        return named.Count > 0 ? named : sameSerial.FindAll(t => !t.IsInitialized);
    }

    private static HsmBackupException Ambiguous(List<TokenInfo> found, string what, string remedy) => new(ErrorCode.TokenAmbiguous,
        string.Create(CultureInfo.InvariantCulture, $"{found.Count} {what}: {List(found)}. Nothing was touched."), remedy);

    private static string List(IEnumerable<TokenInfo> tokens) => string.Join(", ", tokens.Select(t => string.Create(CultureInfo.InvariantCulture,
        $"slot {t.SlotId} ({(t.IsInitialized ? $"'{t.Label}'" : "blank")}, {(t.SerialNumber.Length == 0 ? "no serial number" : $"serial number '{t.SerialNumber}'")})")));
}
