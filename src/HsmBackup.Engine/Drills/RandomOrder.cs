using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace HsmBackup.Engine.Drills;

/// <summary>
/// Choices by chance that can be made again: the order follows from the seed and the names, on every computer and for ever.
/// </summary>
internal static class RandomOrder
{
    /// <summary>Items in an order by chance.</summary>
    /// <param name="items">The items.</param>
    /// <param name="name">What an item is known by.</param>
    /// <param name="seed">The seed.</param>
    public static IEnumerable<T> Of<T>(IEnumerable<T> items, Func<T, string> name, long seed) =>
        items.OrderBy(i =>
            Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"{seed}/{name(i)}")))), StringComparer.Ordinal);
}
