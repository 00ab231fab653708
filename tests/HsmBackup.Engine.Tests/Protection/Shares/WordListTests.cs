using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using HsmBackup.Engine.Protection.Shares;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection.Shares;

public sealed class WordListTests
{
    private static readonly string[] Words = [.. Enumerable.Range(0, WordList.Count).Select(WordList.At)];

    [Fact]
    public void The_list_is_that_of_the_standard()
    {
        byte[] list = Encoding.ASCII.GetBytes(string.Concat(Words.Select(word => word + "\n")));
        Assert.Equal(
            "bcc4555340332d169718aed8bf31dd9d5248cb7da6e5d355140ef4f1e601eec3",
            Convert.ToHexStringLower(SHA256.HashData(list)));
    }

    [Fact]
    public void The_list_is_the_published_one() => Assert.Equal(
        "bcc4555340332d169718aed8bf31dd9d5248cb7da6e5d355140ef4f1e601eec3",
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(Words.Select(word => word + "\n"))))));

    [Fact]
    public void The_list_keeps_what_the_standard_promises_of_it()
    {
        Assert.Equal(Words.Order(StringComparer.Ordinal), Words);
        Assert.All(Words, word => Assert.InRange(word.Length, 4, 8));
        Assert.All(Words, word => Assert.All(word, letter => Assert.InRange(letter, 'a', 'z')));
        Assert.Equal(WordList.Count, Words.Select(word => word[..4]).Distinct().Count());
    }

    [Fact]
    public void Every_word_is_found_whole_and_from_four_letters_on()
    {
        for (int i = 0; i < WordList.Count; i++)
        {
            for (int length = 4; length <= Words[i].Length; length++)
            {
                Assert.Equal(i, WordList.Find(Words[i].AsSpan(0, length)));
            }
        }
    }

    [Theory]
    [InlineData("en-US")]
    // Where "I" is not the upper case of "i".
    [InlineData("tr-TR")]
    public void Either_case_is_read_in_every_culture(string culture)
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = new CultureInfo(culture);
            for (int i = 0; i < WordList.Count; i++)
            {
                Assert.Equal(i, WordList.Find(Words[i].ToUpperInvariant()));
                Assert.Equal(i, WordList.Find(char.ToUpperInvariant(Words[i][0]) + Words[i][1..]));
            }
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("aca")]
    [InlineData("acad ")]
    [InlineData("academia")]
    [InlineData("academics")]
    [InlineData("academicacademic")]
    [InlineData("aaaa")]
    [InlineData("zzzz")]
    [InlineData("dyna\u00EFc")]
    // The Kelvin sign, whose lower case is "k".
    [InlineData("\u212Aeyboard")]
    public void What_is_no_word_is_not_found(string text) => Assert.Equal(-1, WordList.Find(text));

    [Theory]
    [InlineData("acadmic", "academic")]
    [InlineData("ACADEMIA", "academic")]
    [InlineData("acdaemic", "academic")]
    [InlineData("academicc", "academic")]
    [InlineData("aca", "academic")]
    [InlineData("keybaord", "keyboard")]
    [InlineData("zeor", "zero")]
    public void The_word_that_was_meant_is_the_nearest(string typed, string meant) =>
        Assert.Equal(meant, WordList.Nearest(typed)[0]);

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("qqqqqq")]
    [InlineData("hsmkey1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0sqzpagz")]
    public void What_is_like_no_word_has_no_suggestions(string typed) => Assert.Empty(WordList.Nearest(typed));

    [Fact]
    public void A_word_with_a_letter_lost_is_among_the_suggestions()
    {
        Random random = new(8);
        foreach (string word in Words.Where((word, i) => i % 3 == 0 && word.Length > 5))
        {
            IReadOnlyList<string> nearest = WordList.Nearest(word.Remove(random.Next(word.Length), 1));
            Assert.Contains(word, nearest);
            Assert.InRange(nearest.Count, 1, 3);
        }
    }

    [Theory]
    [InlineData("", "", 0)]
    [InlineData("abc", "", 3)]
    [InlineData("", "abc", 3)]
    [InlineData("abc", "abc", 0)]
    [InlineData("abc", "abd", 1)]
    [InlineData("abc", "acb", 1)]
    [InlineData("abcd", "badc", 2)]
    [InlineData("ca", "abc", 3)]
    [InlineData("kitten", "sitting", 3)]
    public void The_distance_counts_typing_errors(string a, string b, int distance)
    {
        Assert.Equal(distance, SpellingDistance.Between(a, b));
        Assert.Equal(distance, SpellingDistance.Between(b, a));
    }
}
