using HsmBackup.Engine.Protection.Shares;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection.Shares;

public sealed class Rs1024Tests
{
    // One share with the flag and one without: their checksums differ in the customization string.
    public static TheoryData<string> Right =>
    [
        TestShares.Published,
        "testify swimming academic academic column loyalty smear include exotic bedroom exotic wrist lobe cover grief golden"
            + " smart junior estimate learn",
    ];

    [Theory]
    [MemberData(nameof(Right))]
    public void A_right_share_passes_and_its_checksum_is_made_the_same(string text)
    {
        ushort[] words = TestShares.Numbers(text);
        Assert.True(IsRight(words));
        ushort[] again = [.. words[..^3], 1, 2, 3];
        Rs1024.Write(ShareHeader.Read(words).Extendable, again);
        Assert.Equal(words, again);
    }

    [Theory]
    [MemberData(nameof(Right))]
    public void Every_other_word_in_every_place_is_noticed(string text)
    {
        ushort[] words = TestShares.Numbers(text);
        int tried = 0;
        for (int place = 0; place < words.Length; place++)
        {
            ushort right = words[place];
            for (ushort wrong = 0; wrong < WordList.Count; wrong++)
            {
                if (wrong != right)
                {
                    words[place] = wrong;
                    Assert.False(IsRight(words));
                    tried++;
                }
            }
            words[place] = right;
        }
        Assert.Equal(words.Length * 1023, tried);
    }

    [Theory]
    [MemberData(nameof(Right))]
    public void Two_words_in_each_others_place_are_noticed(string text)
    {
        ushort[] words = TestShares.Numbers(text);
        for (int i = 0; i < words.Length; i++)
        {
            for (int j = i + 1; j < words.Length; j++)
            {
                if (words[i] != words[j])
                {
                    (words[i], words[j]) = (words[j], words[i]);
                    Assert.False(IsRight(words));
                    (words[i], words[j]) = (words[j], words[i]);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Right))]
    public void Up_to_three_wrong_words_are_noticed(string text)
    {
        ushort[] words = TestShares.Numbers(text);
        Random random = new(39);
        for (int i = 0; i < 5_000; i++)
        {
            ushort[] wrong = [.. words];
            foreach (int place in Places(random, words.Length, 2 + i % 2))
            {
                wrong[place] ^= (ushort)random.Next(1, WordList.Count);
            }
            Assert.False(IsRight(wrong));
        }
    }

    [Theory]
    [MemberData(nameof(Right))]
    public void The_place_of_a_single_wrong_word_is_found(string text)
    {
        ushort[] words = TestShares.Numbers(text);
        Random random = new(1024);
        for (int i = 0; i < words.Length * 8; i++)
        {
            int place = i % words.Length;
            ushort right = words[place];
            words[place] ^= (ushort)random.Next(1, WordList.Count);
            Assert.Equal(place, Rs1024.FindSingleError(ShareHeader.Read(words).Extendable, words));
            words[place] = right;
        }
    }

    [Theory]
    [MemberData(nameof(Right))]
    public void The_place_is_found_where_the_wrong_word_turns_the_flag(string text)
    {
        ushort[] words = TestShares.Numbers(text);
        words[ShareHeader.FlagWord] ^= (ushort)ShareHeader.FlagBit;
        Assert.Equal(ShareHeader.FlagWord, Rs1024.FindSingleError(ShareHeader.Read(words).Extendable, words));
    }

    [Theory]
    [MemberData(nameof(Right))]
    public void Two_wrong_words_are_never_taken_for_one(string text)
    {
        ushort[] words = TestShares.Numbers(text);
        Random random = new(2);
        for (int i = 0; i < 1000; i++)
        {
            ushort[] wrong = [.. words];
            foreach (int place in Places(random, words.Length, 2))
            {
                // Bits that are not the flag: with it turned, the code's promise does not hold.
                wrong[place] ^= (ushort)random.Next(1, 1 << 4);
            }
            Assert.Equal(-1, Rs1024.FindSingleError(ShareHeader.Read(wrong).Extendable, wrong));
        }
    }

    private static bool IsRight(ushort[] words) => Rs1024.IsRight(ShareHeader.Read(words).Extendable, words);

    private static IEnumerable<int> Places(Random random, int length, int count)
    {
        int[] places = [.. Enumerable.Range(0, length)];
        random.Shuffle(places);
        return places.Take(count);
    }
}
