using HsmBackup.Engine.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection;

public sealed class Bech32mTests
{
    private const string Anonymous83 =
        "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber1";

    // BIP-350, test vectors: valid Bech32m. The last column is the payload as bytes, where it is a whole number of them.
    public static TheoryData<string, string, string?> Valid => new()
    {
        { "a", "A1LQFN3A", "" },
        { "a", "a1lqfn3a", "" },
        { Anonymous83, Anonymous83 + "1sg7hg6", "" },
        {
            "abcdef", "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
            "ffbbcdeb38bdab49ca307b9ac5a928398a418820"
        },
        { "1", "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8", null },
        {
            "split", "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
            "c5f38b70305f519bf66d85fb6cf03058f3dde463ecd7918f2dc743918f2d"
        },
        { "?", "?1v759aa", "" },
    };

    // BIP-350, test vectors: not valid Bech32m. Those without a usable prefix are asked for under the prefix "a".
    public static TheoryData<string, string, Bech32mErrorKind> Invalid => new()
    {
        { "a", "\u00201xj0phk", Bech32mErrorKind.WrongPrefix },
        { "a", "\u007F1g6xzxy", Bech32mErrorKind.WrongPrefix },
        { "a", "\u00801vctc34", Bech32mErrorKind.WrongPrefix },
        {
            "a", "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
            Bech32mErrorKind.TooLong
        },
        { "a", "qyrz8wqd2c9m", Bech32mErrorKind.WrongPrefix },
        { "a", "1qyrz8wqd2c9m", Bech32mErrorKind.WrongPrefix },
        { "y", "y1b0jsk6g", Bech32mErrorKind.InvalidCharacter },
        { "lt", "lt1igcx5c0", Bech32mErrorKind.InvalidCharacter },
        { "in", "in1muywd", Bech32mErrorKind.TooShort },
        { "mm", "mm1crxm3i", Bech32mErrorKind.InvalidCharacter },
        { "au", "au1s5cgom", Bech32mErrorKind.InvalidCharacter },
        { "m", "M1VUXWEZ", Bech32mErrorKind.Checksum },
        { "a", "16plkw9", Bech32mErrorKind.WrongPrefix },
        { "a", "1p2gdwpf", Bech32mErrorKind.WrongPrefix },
    };

    [Theory]
    [MemberData(nameof(Valid))]
    public void The_valid_vectors_of_BIP_350_are_read(string prefix, string text, string? payload)
    {
        byte[] bytes = new byte[60];
        bool right = Bech32m.TryDecode(prefix, text, bytes, out int written, out Bech32mError error);
        Assert.Equal(prefix.Length, Bech32m.PrefixLength(text));
        if (payload is null)
        {
            // Right by its checksum, but 82 groups of five bits are not bytes: the byte API finds that out last.
            Assert.False(right);
            Assert.Equal(Bech32mErrorKind.Padding, error.Kind);
            return;
        }
        Assert.True(right);
        Assert.Equal(Bech32mError.None, error);
        Assert.Equal(payload, Convert.ToHexStringLower(bytes[..written]));

        char[] again = new char[text.Length];
        Bech32m.Encode(prefix, bytes.AsSpan(0, written), again, out int length);
        Assert.Equal(text.ToLowerInvariant(), new string(again, 0, length));
    }

    [Theory]
    [MemberData(nameof(Invalid))]
    public void The_invalid_vectors_of_BIP_350_are_refused(string prefix, string text, Bech32mErrorKind kind)
    {
        Assert.False(Bech32m.TryDecode(prefix, text, new byte[60], out int written, out Bech32mError error));
        Assert.Equal(0, written);
        Assert.Equal(kind, error.Kind);
        Assert.Equal(0, Bech32m.PrefixLength(text));
    }

    [Fact]
    public void A_text_of_the_older_Bech32_is_refused()
    {
        // BIP-173's own first vector.
        Assert.False(Bech32m.TryDecode("a", "a12uel5l", [], out _, out Bech32mError error));
        Assert.Equal(Bech32mErrorKind.Checksum, error.Kind);
    }

    [Fact]
    public void Bytes_of_every_length_come_back()
    {
        for (int length = 0; length <= 45; length++)
        {
            byte[] data = [.. Enumerable.Range(0, length).Select(i => (byte)(i * 5 + 31))];
            char[] text = new char[Bech32m.EncodedLength("x", length)];
            Bech32m.Encode("x", data, text, out int written);
            Assert.Equal(text.Length, written);

            byte[] back = new byte[length];
            Assert.True(Bech32m.TryDecode("x", text, back, out int read, out _));
            Assert.Equal(length, read);
            Assert.Equal(data, back);
        }
    }

    [Fact]
    public void The_position_of_a_foreign_character_is_told()
    {
        Assert.False(Bech32m.TryDecode("a", "a1lqbn3a", [], out _, out Bech32mError error));
        Assert.Equal(new Bech32mError(Bech32mErrorKind.InvalidCharacter, 4), error);
    }

    [Theory]
    [InlineData("A1lqfn3a", 2)]
    [InlineData("a1Lqfn3a", 2)]
    [InlineData("a1lqfn3A", 7)]
    [InlineData("A1LQFN3a", 7)]
    public void Mixed_case_is_refused_where_it_begins(string text, int position)
    {
        Assert.False(Bech32m.TryDecode("a", text, [], out _, out Bech32mError error));
        Assert.Equal(new Bech32mError(Bech32mErrorKind.MixedCase, position), error);
    }

    [Fact]
    public void A_letter_that_only_folds_to_ASCII_is_refused()
    {
        // U+212A, the Kelvin sign, has "k" as its lower case.
        string text = "hsmkey" + TestKey.CountingText[6..].Replace('k', '\u212A');
        Assert.False(Bech32m.TryDecode("hsmkey", text, new byte[32], out _, out Bech32mError error));
        Assert.Equal(Bech32mErrorKind.InvalidCharacter, error.Kind);
    }

    [Theory]
    // Five bits too many, and a last bit that is not zero; the checksums are right and come from another program.
    [InlineData("a", "a1qypqxpq9qt53hkf")]
    [InlineData("hsmkey", "hsmkey1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc03a54g4s")]
    public void Bits_that_are_left_over_are_refused_and_nothing_is_handed_out(string prefix, string text)
    {
        byte[] bytes = new byte[40];
        Assert.False(Bech32m.TryDecode(prefix, text, bytes, out int written, out Bech32mError error));
        Assert.Equal(Bech32mErrorKind.Padding, error.Kind);
        Assert.Equal(0, written);
        Assert.Equal(new byte[40], bytes);
    }

    [Fact]
    public void A_text_beyond_90_characters_is_not_made()
    {
        // 51 bytes are 82 characters; prefix, separator and checksum make them 90.
        Bech32m.Encode("x", new byte[51], new char[90], out int written);
        Assert.Equal(90, written);
        Assert.Throws<ArgumentException>(() => Bech32m.Encode("x", new byte[52], new char[100], out _));
        Assert.Throws<ArgumentException>(() => Bech32m.Encode("x", new byte[(int.MaxValue / 8) + 1], [], out _));
    }

    [Theory]
    [InlineData("")]
    [InlineData("HSM")]
    [InlineData("a b")]
    [InlineData("\u00FC")]
    public void A_prefix_that_BIP_350_does_not_allow_is_refused(string prefix)
    {
        Assert.Throws<ArgumentException>(() => Bech32m.Encode(prefix, [1], new char[90], out _));
        Assert.Throws<ArgumentException>(() => Bech32m.TryDecode(prefix, "a1lqfn3a", [], out _, out _));
    }

    [Fact]
    public void A_destination_that_is_too_small_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Bech32m.Encode("a", [1], new char[9], out _));
        Assert.Throws<ArgumentException>(
            () => Bech32m.TryDecode("hsmkey", TestKey.CountingText, new byte[31], out _, out _));
    }
}
