using System.Runtime.InteropServices;
using System.Security;
using HsmBackup.Engine.Protection;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection;

public sealed class OneTimeKeyTests
{
    private const string Alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

    public static TheoryData<string> Spellings => new()
    {
        TestKey.CountingText,
        TestKey.CountingText.ToUpperInvariant(),
        "  " + TestKey.CountingText + "\r\n",
        string.Join(' ', TestKey.CountingText.Chunk(5).Select(group => new string(group))),
        string.Join('-', TestKey.CountingText.Chunk(4).Select(group => new string(group))),
        string.Join(" - ", TestKey.CountingText.Chunk(13).Select(group => new string(group))),
        string.Join("\r\n\t", TestKey.CountingText.Chunk(20).Select(group => new string(group))),
        string.Join('\u00A0', TestKey.CountingText.Chunk(8).Select(group => new string(group))),
    };

    // What is wrong, and a piece of the message that says so.
    public static TheoryData<string, string> Refusals => new()
    {
        { "", "empty" },
        { " \r\n- ", "empty" },
        { TestKey.CountingText[..64], "64 characters and must have 65" },
        { TestKey.CountingText + "q", "66 characters and must have 65" },
        { TestKey.CountingText + TestKey.CountingText, "130 characters and must have 65" },
        { "hsmkey1", "7 characters and must have 65" },
        { TestKey.CountingText.Replace("hsmkey1", "hsmkez1"), "does not begin with hsmkey1" },
        { TestKey.CountingText[7..], "does not begin with hsmkey1" },
        { "Xq7!vfzz_wjkq-0pd9", "does not begin with hsmkey1" },
        // The same bytes under another prefix, with that prefix's checksum.
        { "hsmshare1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0suulw2f", "begins with hsmshare1" },
        { "Hsmkey1" + TestKey.CountingText[7..], "mixed, first at character 2" },
        { TestKey.CountingText[..64] + "Z", "mixed, first at character 65" },
        { TestKey.CountingText[..9] + "b" + TestKey.CountingText[10..], "character 10 is not one" },
        { TestKey.CountingText[..20] + " 1" + TestKey.CountingText[21..], "character 21 is not one" },
        { TestKey.CountingText[..64] + "\u00E9", "character 65 is not one" },
        { TestKey.CountingText[..10] + "w" + TestKey.CountingText[11..], "checksum" },
        { "hsmkey1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc03a54g4s", "last character before the checksum" },
    };

    [Fact]
    public void The_text_of_a_key_is_the_one_that_another_program_gives()
    {
        using OneTimeKey key = TestKey.FromHex(TestKey.CountingHex);
        Assert.Equal(TestKey.CountingText, TestKey.Text(key));
        using OneTimeKey ones = TestKey.FromHex(new string('f', 64));
        Assert.Equal("hsmkey1lllllllllllllllllllllllllllllllllllllllllllllllllllstgfwpv", TestKey.Text(ones));
    }

    [Fact]
    public void Every_key_is_a_new_one()
    {
        HashSet<string> seen = [];
        for (int i = 0; i < 100; i++)
        {
            using OneTimeKey key = OneTimeKey.Generate();
            Assert.Equal(32, key.Bytes.Length);
            Assert.True(seen.Add(TestKey.Text(key)));
        }
    }

    [Fact]
    public void A_generated_key_comes_back_from_its_text()
    {
        using OneTimeKey key = OneTimeKey.Generate();
        using OneTimeKey read = OneTimeKey.Parse(TestKey.Text(key));
        Assert.True(key.Bytes.SequenceEqual(read.Bytes));
    }

    [Theory]
    [MemberData(nameof(Spellings))]
    public void A_key_is_read_however_it_is_grouped_and_in_either_case(string text)
    {
        using OneTimeKey key = OneTimeKey.Parse(text);
        Assert.Equal(TestKey.CountingHex, TestKey.Hex(key));
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public void A_text_that_is_not_a_key_is_refused_with_the_reason(string text, string reason)
    {
        HsmBackupException error = Refused(text);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains("hsmkey1", error.RecommendedAction, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public void A_refusal_repeats_nothing_of_the_text(string text, string reason)
    {
        Assert.NotEmpty(reason);
        HsmBackupException error = Refused(text);
        string told = error.Message + error.RecommendedAction + error.Target + error.InnerException;
        // The prefix is public, and so is one that its own checksum vouches for.
        bool known = text.StartsWith("hsm", StringComparison.OrdinalIgnoreCase);
        string secret = known ? text[(text.IndexOf('1', StringComparison.Ordinal) + 1)..] : text;
        foreach (string group in secret.Replace("hsmkey1", " ", StringComparison.Ordinal).Split(' '))
        {
            for (int i = 0; i + 4 <= group.Length; i++)
            {
                string piece = group.Substring(i, 4);
                Assert.False(told.Contains(piece, StringComparison.OrdinalIgnoreCase), "A piece of the text is told.");
            }
        }
    }

    [Fact]
    public void Every_single_wrong_character_is_noticed()
    {
        char[] text = TestKey.CountingText.ToCharArray();
        for (int position = 0; position < text.Length; position++)
        {
            char right = text[position];
            foreach (char wrong in Alphabet + "1bio" + Alphabet.ToUpperInvariant())
            {
                if (wrong != right)
                {
                    text[position] = wrong;
                    Refused(new string(text));
                }
            }
            text[position] = right;
        }
        using OneTimeKey key = OneTimeKey.Parse(text);
    }

    [Fact]
    public void Two_neighbours_in_the_wrong_order_are_noticed()
    {
        char[] text = TestKey.CountingText.ToCharArray();
        for (int i = 0; i + 1 < text.Length; i++)
        {
            if (text[i] != text[i + 1])
            {
                (text[i], text[i + 1]) = (text[i + 1], text[i]);
                Refused(new string(text));
                (text[i], text[i + 1]) = (text[i + 1], text[i]);
            }
        }
    }

    [Fact]
    public void A_lost_or_doubled_character_is_noticed()
    {
        for (int i = 0; i < TestKey.CountingText.Length; i++)
        {
            Refused(TestKey.CountingText.Remove(i, 1));
            Refused(TestKey.CountingText.Insert(i, TestKey.CountingText[i].ToString()));
        }
    }

    [Fact]
    public void A_secure_string_carries_a_key_there_and_back()
    {
        using OneTimeKey key = OneTimeKey.Generate();
        using SecureString text = key.ToSecureString();
        Assert.True(text.IsReadOnly());
        Assert.Equal(OneTimeKey.TextLength, text.Length);
        nint copy = Marshal.SecureStringToGlobalAllocUnicode(text);
        Assert.Equal(TestKey.Text(key), Marshal.PtrToStringUni(copy));
        Marshal.ZeroFreeGlobalAllocUnicode(copy);

        using OneTimeKey read = OneTimeKey.FromSecureString(text);
        Assert.True(key.Bytes.SequenceEqual(read.Bytes));
    }

    [Fact]
    public void A_secure_string_that_is_not_a_key_is_refused()
    {
        using SecureString empty = new();
        HsmBackupException error = Assert.Throws<HsmBackupException>(() => OneTimeKey.FromSecureString(empty));
        Assert.Equal(ErrorCode.KeyTextInvalid, error.Code);
    }

    [Fact]
    public void A_clone_lives_on_its_own()
    {
        OneTimeKey key = TestKey.Counting;
        using OneTimeKey clone = key.Clone();
        key.Dispose();
        Assert.Equal(TestKey.CountingHex, TestKey.Hex(clone));
    }

    [Fact]
    public void Dispose_overwrites_the_key()
    {
        OneTimeKey key = TestKey.Counting;
        ReadOnlySpan<byte> kept = key.Bytes;
        key.Dispose();
        Assert.True(kept.SequenceEqual(new byte[32]));
        Assert.Throws<ObjectDisposedException>(() => TestKey.Text(key));
        Assert.Throws<ObjectDisposedException>(key.ToSecureString);
        Assert.Throws<ObjectDisposedException>(key.Clone);
    }

    [Fact]
    public void The_text_of_the_object_is_not_the_key()
    {
        using OneTimeKey key = TestKey.Counting;
        Assert.Equal("(one-time key)", key.ToString());
        // What a shell shows of an object are its public properties.
        Assert.Empty(typeof(OneTimeKey).GetProperties());
    }

    [Fact]
    public void A_destination_for_the_text_that_is_too_small_is_refused()
    {
        using OneTimeKey key = TestKey.Counting;
        Assert.Throws<ArgumentException>(() => key.CopyText(new char[64]));
    }

    private static HsmBackupException Refused(string text)
    {
        HsmBackupException error = Assert.Throws<HsmBackupException>(() => OneTimeKey.Parse(text));
        Assert.Equal(ErrorCode.KeyTextInvalid, error.Code);
        return error;
    }
}
