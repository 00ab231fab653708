using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;

namespace HsmBackup.Engine.Tests.Protection.Shares;

/// <summary>Shares for tests, most of them made without the slow encryption, which has tests of its own.</summary>
internal static class TestShares
{
    /// <summary>A share of a 32-byte secret, published with the standard.</summary>
    public const string Published =
        "theory painting academic academic armed sweater year military elder discuss acne wildlife boring employer fused large"
        + " satoshi bundle carbon diagnose anatomy hamster leaves tracks paces beyond phantom capital marvel lips brave detect"
        + " luck";

    public static readonly byte[] Secret = [.. Enumerable.Range(0, 32).Select(i => (byte)(i * 7 + 3))];

    /// <summary>A set with an identifier of the test's choice.</summary>
    public static ShareSet Split(int threshold, int count, int setId = 1234, byte[]? secret = null) =>
        ShareSet.SplitEncrypted(secret ?? Secret, Header(threshold, setId), count);

    public static ShareHeader Header(int threshold, int setId = 1234) => new(
        setId, Extendable: true, IterationExponent: 0, GroupIndex: 0, GroupThreshold: 1, GroupCount: 1, Index: 0, threshold);

    /// <summary>What the shares give without decryption.</summary>
    public static byte[] Combine(IEnumerable<Share> shares)
    {
        using ShareCombiner combiner = new();
        foreach (Share share in shares)
        {
            combiner.Add(share).ThrowIfRefused();
        }
        using SecretBuffer secret = combiner.CombineEncrypted();
        return secret.Span.ToArray();
    }

    public static string Text(Share share)
    {
        char[] text = new char[Share.MaxTextLength];
        return new string(text, 0, share.CopyText(text));
    }

    /// <summary>The words of a text as numbers.</summary>
    public static ushort[] Numbers(string text) => [.. text.Split(' ').Select(word => (ushort)WordList.Find(word))];
}
