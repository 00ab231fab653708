using System.Security;
using HsmBackup.Engine.Protection.Shares;
using Xunit;

namespace HsmBackup.Engine.Tests.Protection.Shares;

public sealed class ShareInputTests
{
    private static readonly string[] Words = TestShares.Published.Split(' ');

    [Fact]
    public void A_share_is_typed_word_by_word()
    {
        using ShareInput input = new();
        for (int i = 0; i < Words.Length; i++)
        {
            Assert.Equal(i, input.WordCount);
            Assert.False(input.TryFinish(out _, out _));
            Assert.True(input.TryAdd(Words[i], out _));
        }
        Assert.True(input.TryFinish(out Share? share, out _));
        using (share)
        {
            Assert.Equal(TestShares.Published, TestShares.Text(share));
        }
    }

    [Fact]
    public void A_wrong_word_is_refused_at_once_and_those_before_it_stay()
    {
        using ShareInput input = new();
        Assert.True(input.TryAdd("theory painting", out _));
        const string Line = "academic  academci armed";
        Assert.False(input.TryAdd(Line, out ShareTextError? error));
        Assert.Equal(ShareTextErrorKind.UnknownWord, error.Kind);
        // The fourth of the share, though the second of the line.
        Assert.Equal(4, error.Word);
        Assert.Contains("'academci'", error.Explain(Line), StringComparison.Ordinal);
        Assert.Equal(3, input.WordCount);

        Assert.True(input.TryAdd(string.Join(' ', Words[3..]), out _));
        Assert.True(input.TryFinish(out Share? share, out _));
        share.Dispose();
    }

    [Fact]
    public void The_last_word_can_be_taken_back()
    {
        using ShareInput input = new();
        Assert.False(input.RemoveLast());
        Assert.True(input.TryAdd(TestShares.Published + " zero", out _));
        Assert.False(input.TryFinish(out _, out ShareTextError? error));
        Assert.Equal(ShareTextErrorKind.WordCount, error.Kind);
        Assert.True(input.RemoveLast());
        Assert.True(input.TryFinish(out Share? share, out _));
        share.Dispose();
    }

    [Fact]
    public void More_words_than_any_share_has_are_not_taken()
    {
        using ShareInput input = new();
        for (int i = 0; i < 59; i++)
        {
            Assert.True(input.TryAdd("zero", out _));
        }
        Assert.False(input.TryAdd("zero", out ShareTextError? error));
        Assert.Equal(ShareTextErrorKind.WordCount, error.Kind);
        Assert.Equal(59, input.WordCount);
    }

    [Fact]
    public void Words_are_taken_from_a_secure_string()
    {
        using SecureString text = new();
        foreach (char c in TestShares.Published)
        {
            text.AppendChar(c);
        }
        using ShareInput input = new();
        Assert.True(input.TryAdd(text, out _));
        Assert.Equal(33, input.WordCount);
    }

    [Fact]
    public void Dispose_ends_the_input()
    {
        ShareInput input = new();
        Assert.Equal("(words of a share)", input.ToString());
        input.Dispose();
        Assert.Throws<ObjectDisposedException>(() => input.TryAdd("zero", out _));
    }
}
