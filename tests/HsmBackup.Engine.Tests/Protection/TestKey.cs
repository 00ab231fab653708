using HsmBackup.Engine.Protection;

namespace HsmBackup.Engine.Tests.Protection;

/// <summary>Keys whose every byte a test knows.</summary>
internal static class TestKey
{
    /// <summary>The key 00 01 02 ... 1F, encoded by another program.</summary>
    public const string CountingText = "hsmkey1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0sqzpagz";

    public const string CountingHex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    public static OneTimeKey Counting => OneTimeKey.Parse(CountingText);

    public static OneTimeKey FromHex(string hex)
    {
        char[] text = new char[OneTimeKey.TextLength];
        Bech32m.Encode(OneTimeKey.Prefix, Convert.FromHexString(hex), text, out _);
        return OneTimeKey.Parse(text);
    }

    public static string Hex(OneTimeKey key) => Convert.ToHexStringLower(key.Bytes);

    public static string Text(OneTimeKey key)
    {
        char[] text = new char[OneTimeKey.TextLength];
        key.CopyText(text);
        return new string(text);
    }
}
