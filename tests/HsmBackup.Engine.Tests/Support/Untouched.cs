using HsmBackup.Engine.Pkcs11;
using HsmBackup.Engine.Tokens;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>What a token holds, attribute for attribute, with what each object's key makes of a wrapping key that stays the same.</summary>
internal static class Untouched
{
    /// <summary>A line for each object: handle-free, in an order of its own.</summary>
    /// <param name="connection">The token.</param>
    /// <param name="kek">A KEK in it; the same for the lines to be comparable.</param>
    /// <param name="except">Labels of objects that do not matter.</param>
    public static List<string> Lines(TokenConnection connection, KeyEncryptionKey kek, params IReadOnlyCollection<string> except)
    {
        var reader = new ObjectReader(connection, kek, forComparison: true);
        return [.. connection.Session.FindTokenObjects().Select(reader.Capture).Where(r => !except.Contains(r.Label)).Select(LineOf).Order(StringComparer.Ordinal)];
    }

    private static string LineOf(ObjectRecord record) =>
        string.Join(' ', record.Attributes.OrderBy(a => a.Type).Select(a => $"{Names.OfAttribute(a.Type)}={Convert.ToHexString(a.Value)}"))
        + $" unavailable={string.Join(',', record.Unavailable)} key={Convert.ToHexString(record.Material?.Data ?? [])}";
}
