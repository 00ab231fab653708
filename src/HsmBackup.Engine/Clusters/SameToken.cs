using HsmBackup.Engine.Pkcs11;

namespace HsmBackup.Engine.Clusters;

/// <summary>
/// Tokens that are one, whatever libraries they are reached by. Some makers give every token the same serial number, which says nothing; such
/// tokens are told apart by their labels, as far as that goes.
/// </summary>
internal static class SameToken
{
    private const int ShortestSerial = 6;

    /// <summary>Pairs of places: a token, and the first one that it is.</summary>
    public static IEnumerable<(int Twin, int First)> Among(IReadOnlyList<TokenInfo?> tokens)
    {
        var seen = new Dictionary<(string, string, string, string), int>();
        for (int i = 0; i < tokens.Count; i++)
        {
            if (tokens[i] is { } token && TellsApart(token.SerialNumber)
                && !seen.TryAdd((token.Manufacturer, token.Model, token.SerialNumber, token.Label), i))
            {
                yield return (i, seen[(token.Manufacturer, token.Model, token.SerialNumber, token.Label)]);
            }
        }
    }

    /// <summary>False for serial numbers that some makers give to all of their tokens.</summary>
    public static bool TellsApart(string serial) => serial.Length >= ShortestSerial && serial.Distinct().Skip(1).Any();

    /// <summary>What is said of such a node.</summary>
    public static string Reason(string first) => $"it is the same token as node {first}, by another library: it holds no second copy of anything";
}
