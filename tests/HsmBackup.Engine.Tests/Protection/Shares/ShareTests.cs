using System.Runtime.InteropServices;
using System.Security;
using FsCheck;
using FsCheck.Fluent;
using HsmBackup.Engine.Protection;
using HsmBackup.Engine.Protection.Shares;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection.Shares;

public sealed class ShareTests
{
    private static readonly string[] Words = TestShares.Published.Split(' ');

    public static TheoryData<string> Spellings =>
    [
        TestShares.Published,
        TestShares.Published.ToUpperInvariant(),
        "  " + TestShares.Published + "\r\n",
        string.Join(' ', Words.Select(word => word[..4])),
        string.Join("-", Words.Select(word => word[..4].ToUpperInvariant())),
        string.Join(", ", Words),
        string.Join("\r\n\t", Words.Chunk(4).Select(line => string.Join('\u00A0', line))),
    ];

    // What is wrong, its kind, the word it is about, and a piece of the message.
    public static TheoryData<string, ShareTextErrorKind, int?, string> Wrong => new()
    {
        { "", ShareTextErrorKind.Empty, null, "no words" },
        { " \r\n, - ", ShareTextErrorKind.Empty, null, "no words" },
        { With(6, "swaeter"), ShareTextErrorKind.UnknownWord, 6, "Word 6 " },
        { With(1, "the"), ShareTextErrorKind.UnknownWord, 1, "Word 1 " },
        { With(33, "luc"), ShareTextErrorKind.UnknownWord, 33, "Word 33 " },
        { With(17, "s\u00E4toshi"), ShareTextErrorKind.UnknownWord, 17, "Word 17 " },
        { "theory", ShareTextErrorKind.WordCount, null, "is 1 word," },
        { string.Join(' ', Words[..32]), ShareTextErrorKind.WordCount, null, "are 32 words" },
        { string.Join(' ', Words[..21]), ShareTextErrorKind.WordCount, null, "are 21 words" },
        { TestShares.Published + " luck", ShareTextErrorKind.WordCount, null, "are 34 words" },
        { TestShares.Published + " " + TestShares.Published, ShareTextErrorKind.WordCount, null, "more than 59 words" },
        { With(20, "academic"), ShareTextErrorKind.Checksum, 20, "it is word 20" },
        { With(33, "academic"), ShareTextErrorKind.Checksum, 33, "it is word 33" },
        { With(5, "academic", 9, "zero"), ShareTextErrorKind.Checksum, null, "More than one word" },
        { string.Join(' ', Words.Reverse()), ShareTextErrorKind.Checksum, null, "wrong order" },
    };

    [Theory]
    [MemberData(nameof(Spellings))]
    public void A_share_is_read_however_it_is_written(string text)
    {
        using Share share = Share.Parse(text);
        Assert.Equal(TestShares.Published, TestShares.Text(share));
    }

    [Theory]
    [MemberData(nameof(Wrong))]
    public void What_is_wrong_is_told_with_its_place(string text, ShareTextErrorKind kind, int? word, string piece)
    {
        Assert.False(Share.TryParse(text, out Share? share, out ShareTextError? error));
        Assert.Null(share);
        Assert.Equal(kind, error.Kind);
        Assert.Equal(word, error.Word);
        Assert.Contains(piece, error.Message, StringComparison.Ordinal);

        HsmBackupException thrown = Assert.Throws<HsmBackupException>(() => Share.Parse(text));
        Assert.Equal(ErrorCode.ShareTextInvalid, thrown.Code);
        Assert.Contains(error.Message[1..], thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_refusal_repeats_no_word(string text, ShareTextErrorKind kind, int? word, string piece)
    {
        Assert.NotEmpty(piece);
        HsmBackupException thrown = Assert.Throws<HsmBackupException>(() => Share.Parse(text));
        Assert.False(Share.TryParse(text, out _, out ShareTextError? error));
        Assert.Equal(kind, error.Kind);
        Assert.Equal(word, error.Word);
        string told = $"{thrown} {thrown.RecommendedAction} {thrown.Target} {thrown.Result} {error} {error.Message}";
        string[] toldWords = told.Split([' ', '.', ',', '\'', ':'], StringSplitOptions.RemoveEmptyEntries);
        // Some words of the list are words of any sentence ("length", "result", "fact"), so only those typed may not be there.
        Assert.DoesNotContain(toldWords, told => text.Split(' ').Contains(told) && told != "the");
        Assert.DoesNotContain(toldWords, told => error.GetSuggestions().Contains(told));
    }

    [Fact]
    public void The_custodian_is_told_the_unknown_word_and_what_was_meant()
    {
        string text = With(6, "swaeter");
        Assert.False(Share.TryParse(text, out _, out ShareTextError? error));
        Assert.Equal(["sweater"], error.GetSuggestions());
        Assert.Equal(
            "Word 6, 'swaeter', is not in the list of words for shares. Nearest: sweater.", error.Explain(text));
    }

    [Fact]
    public void A_word_like_no_other_has_no_suggestion()
    {
        string text = With(2, "qqqqqq");
        Assert.False(Share.TryParse(text, out _, out ShareTextError? error));
        Assert.Empty(error.GetSuggestions());
        Assert.EndsWith("shares.", error.Explain(text), StringComparison.Ordinal);
    }

    [Fact]
    public void An_error_about_no_single_word_is_explained_by_its_message()
    {
        Assert.False(Share.TryParse("theory", out _, out ShareTextError? error));
        Assert.Equal(error.Message, error.Explain("theory"));
    }

    [Fact]
    public void Any_text_is_read_or_refused() =>
        Prop.ForAll(ArbMap.Default.ArbFor<string>(), text =>
        {
            if (!Share.TryParse(text, out Share? share, out ShareTextError? error))
            {
                Assert.NotEmpty(error.Message);
                Assert.NotEmpty(error.Explain(text));
            }
            share?.Dispose();
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Fact]
    public void Any_words_of_the_list_are_read_or_refused() =>
        Prop.ForAll(Gen.Choose(0, WordList.Count - 1).ListOf().ToArbitrary(), numbers =>
        {
            // By chance right: once in 2^30.
            Assert.False(Share.TryParse(string.Join(' ', numbers.Select(WordList.At)), out _, out ShareTextError? error));
            Assert.NotEqual(ShareTextErrorKind.UnknownWord, error.Kind);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    [Fact]
    public void Every_length_of_a_secret_has_its_number_of_words()
    {
        int[] counts = [.. Enumerable.Range(0, 70).Where(count => ShareEncoding.SecretLength(count) != 0)];
        Assert.Equal(Enumerable.Range(8, 25).Select(pairs => ShareEncoding.WordCount(pairs * 2)), counts);
        Assert.Equal(20, ShareEncoding.WordCount(16));
        Assert.Equal(33, ShareEncoding.WordCount(32));
        Assert.Equal(59, ShareEncoding.MaxWordCount);
        Assert.Equal(59, ShareEncoding.WordCount(ShareEncoding.MaxSecretLength));
        foreach (int count in counts)
        {
            Assert.Equal(count, ShareEncoding.WordCount(ShareEncoding.SecretLength(count)));
        }
    }

    [Fact]
    public void A_value_of_every_length_comes_back()
    {
        for (int length = 16; length <= 64; length += 2)
        {
            byte[] value = [.. Enumerable.Range(0, length).Select(i => (byte)(255 - i * 3))];
            using Share share = Share.Create(TestShares.Header(3) with { Index = 9 }, value);
            using Share read = Share.Parse(TestShares.Text(share));
            using SecretBuffer back = read.GetValue();
            Assert.Equal(value, back.Span.ToArray());
            Assert.Equal(share.Header, read.Header);
            Assert.Equal(length, read.SecretLength);
        }
    }

    [Fact]
    public void What_the_first_words_say_is_told()
    {
        using Share share = Share.Create(new ShareHeader(0x1234, true, 5, 2, 3, 4, 6, 7), TestShares.Secret);
        Assert.Equal(0x1234, share.SetId);
        Assert.Equal($"{share.GetWord(0)} {share.GetWord(1)}", share.SetName);
        Assert.True(share.IsExtendable);
        Assert.Equal(5, share.IterationExponent);
        Assert.Equal((2, 3, 4), (share.GroupIndex, share.GroupThreshold, share.GroupCount));
        Assert.Equal((6, 7, 7), (share.Index, share.Number, share.Threshold));
        Assert.Equal((33, 32), (share.WordCount, share.SecretLength));
    }

    [Fact]
    public void A_secure_string_carries_a_share_there_and_back()
    {
        using Share share = Share.Parse(TestShares.Published);
        using SecureString text = share.ToSecureString();
        Assert.True(text.IsReadOnly());
        nint copy = Marshal.SecureStringToGlobalAllocUnicode(text);
        Assert.Equal(TestShares.Published, Marshal.PtrToStringUni(copy));
        Marshal.ZeroFreeGlobalAllocUnicode(copy);

        using Share read = Share.FromSecureString(text);
        Assert.Equal(TestShares.Published, TestShares.Text(read));
    }

    [Fact]
    public void A_secure_string_that_is_no_share_is_refused()
    {
        using SecureString empty = new();
        Assert.Equal(
            ErrorCode.ShareTextInvalid, Assert.Throws<HsmBackupException>(() => Share.FromSecureString(empty)).Code);
    }

    [Fact]
    public void The_longest_text_fits_the_longest_share()
    {
        Assert.Equal(59 * 9, Share.MaxTextLength);
        using Share share = Share.Parse(TestShares.Published);
        Assert.Throws<ArgumentException>(() => share.CopyText(new char[TestShares.Published.Length - 1]));
        Assert.Equal(TestShares.Published.Length, share.CopyText(new char[TestShares.Published.Length]));
    }

    [Fact]
    public void What_a_shell_shows_of_a_share_is_not_secret()
    {
        using Share share = Share.Parse(TestShares.Published);
        Assert.Equal("(share)", share.ToString());
        // What a shell shows of an object are its public properties.
        IEnumerable<object?> shown = typeof(Share).GetProperties().Select(property => property.GetValue(share));
        Assert.All(shown, value => Assert.True(value is int or bool || Equals(value, "theory painting")));
    }

    [Fact]
    public void Dispose_overwrites_the_words()
    {
        Share share = Share.Parse(TestShares.Published);
        share.Dispose();
        Assert.Throws<ObjectDisposedException>(() => share.GetWord(0));
        Assert.Throws<ObjectDisposedException>(share.ToSecureString);
        Assert.Throws<ObjectDisposedException>(() => share.CopyText(new char[Share.MaxTextLength]));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(33)]
    public void A_word_that_is_not_there_is_refused(int index)
    {
        using Share share = Share.Parse(TestShares.Published);
        Assert.Throws<ArgumentOutOfRangeException>(() => share.GetWord(index));
    }

    // The published share with one word or two replaced, counted from 1.
    private static string With(int place, string word, int? otherPlace = null, string otherWord = "")
    {
        string[] words = [.. Words];
        words[place - 1] = word;
        if (otherPlace is int other)
        {
            words[other - 1] = otherWord;
        }
        return string.Join(' ', words);
    }
}
